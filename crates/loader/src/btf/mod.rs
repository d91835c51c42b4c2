//! The running kernel's BTF: offsets of struct members, values of enumerators and ids of types, by name.
//!
//! vmlinux's BTF has 5 MB and 140,000 types, a probe wants some ten names of it. So nothing is parsed into tables: one
//! pass in chunks over the strings finds the offsets of the wanted names, one over the types finds the wanted types by
//! those offsets, and the few types that a wanted path leads through are read again by id.
//!
//! The format is that of Documentation/bpf/btf.rst. Any bytes are safe to read: they give answers or an [`Error`].

mod error;
mod format;
mod names;
mod query;
mod resolve;
mod sample;
mod scan;
mod source;
#[cfg(test)]
mod tests;
mod types;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{Error, Missing, Result};
pub use query::{Answers, Query};
pub use sample::sample;

use format::BtfFile;
use resolve::Resolver;
use scan::Layer;
use source::Source;
use types::Types;

/// Where the kernel exports its own BTF; those of its modules lie beside it (since v5.11, commit 36e68442d1af).
pub const KERNEL: &str = "/sys/kernel/btf/vmlinux";
/// Steps that one query may take per file: a hundred groups take a tenth of it.
const BUDGET: u64 = 1 << 22;

/// A kernel's BTF, and that of its modules.
pub struct Btf {
    base: BtfFile,
    /// Where modules' files lie; none for bytes in memory.
    folder: Option<PathBuf>,
    modules: BTreeMap<String, Arc<BtfFile>>,
}

impl Btf {
    /// The running kernel's. [`Error::NoBtf`] if it was built without.
    pub fn kernel() -> Result<Self> {
        Self::open(KERNEL)
    }

    /// That in the file at `path`, which is in the format of `/sys/kernel/btf/vmlinux`; modules' files lie beside it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let base = open(path)?.ok_or_else(|| Error::NoBtf { path: path.to_owned() })?;
        Ok(Self { base, folder: path.parent().map(Path::to_owned), modules: BTreeMap::new() })
    }

    /// That in `bytes`, in the format of `/sys/kernel/btf/vmlinux`.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let base = from_bytes("BTF in memory", bytes.into())?;
        Ok(Self { base, folder: None, modules: BTreeMap::new() })
    }

    /// Adds a module's BTF, in the format of `/sys/kernel/btf/<module>`.
    pub fn with_module(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let file = from_bytes(name, bytes.into())?;
        self.modules.insert(name.to_owned(), Arc::new(file));
        Ok(self)
    }

    /// Bytes in the kernel's BTF.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.base.source.size
    }

    /// Answers the whole query in one pass over the kernel's BTF, and one over that of each module it names and that
    /// is loaded. The error is about the files; what a kernel lacks is in the answers.
    pub fn answer<'q>(&self, query: &'q Query) -> Result<Answers<'q>> {
        let files = self.module_files(query)?;
        let base = Layer::scan(&self.base, None, query)?;
        let modules = scan_modules(&files, &base, query)?;
        let mut resolver = Resolver {
            query,
            base: Types::new(&base, None, BUDGET),
            modules: modules
                .iter()
                .map(|(name, layer)| (*name, Types::new(&base, Some(layer), BUDGET)))
                .collect(),
        };
        let groups = query.groups.iter().map(|group| resolver.group(group)).collect::<Result<_>>()?;
        Ok(Answers {
            query,
            groups,
            typedefs: base.found.typedefs.iter().map(|(name, found)| (*name, found.id)).collect(),
            funcs: base.found.funcs.iter().map(|(name, found)| (*name, found.id)).collect(),
        })
    }

    /// Those of the query's modules that are there.
    fn module_files(&self, query: &Query) -> Result<Vec<(&'static str, Arc<BtfFile>)>> {
        let mut files = Vec::new();
        for module in &query.modules {
            let given = self.modules.get(*module).cloned();
            let file = match (given, &self.folder) {
                (Some(file), _) => Some(file),
                (None, Some(folder)) => open(&folder.join(module))?.map(Arc::new),
                (None, None) => None,
            };
            files.extend(file.map(|file| (*module, file)));
        }
        Ok(files)
    }
}

fn scan_modules<'a>(
    files: &'a [(&'static str, Arc<BtfFile>)],
    base: &Layer,
    query: &Query,
) -> Result<Vec<(&'static str, Layer<'a>)>> {
    files.iter().map(|(name, file)| Ok((*name, Layer::scan(file, Some(base), query)?))).collect()
}

fn open(path: &Path) -> Result<Option<BtfFile>> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok(Some(BtfFile::new(Source::new(name, Box::new(file))?)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { file: name, source }),
    }
}

fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<BtfFile> {
    BtfFile::new(Source::new(name.to_owned(), Box::new(bytes))?)
}
