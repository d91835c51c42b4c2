//! Small samples of a kernel's BTF, to be committed and tested against: what a query asks for and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Result;
use super::format::{Head, Kind, Type};
use super::query::Query;
use super::scan::Layer;
use super::types::Types;
use super::writer::{POINTER, PROTOTYPE, Writer};
use super::{Btf, scan_modules};

/// Steps that a sample may take per file.
const BUDGET: u64 = 1 << 26;

/// A type of the sampled files: kernel types first, in the order of their ids, then those of each module. Keeping the
/// order keeps "the first of that name" the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// 0 for the kernel.
    file: usize,
    id: u32,
}

/// A valid BTF file that answers `roots` as `btf` does, but for the type ids: every struct, union, enum, typedef and
/// function that the query names and `btf` has, with all members and the types that they hold by value. Pointers
/// lead to `void`, functions take nothing, anonymous enums have no enumerators unless the query wants one of them.
/// Modules' types become the kernel's own. The same input gives the same bytes.
pub fn sample(btf: &Btf, roots: &Query) -> Result<Vec<u8>> {
    let files = btf.module_files(roots)?;
    let base = Layer::scan(&btf.base, None, roots)?;
    let modules = scan_modules(&files, &base, roots)?;
    let mut sampler = Sampler {
        base: Types::new(&base, None, BUDGET),
        modules: modules.iter().map(|(_, layer)| Types::new(&base, Some(layer), BUDGET)).collect(),
        kept: BTreeMap::new(),
    };
    let enums = base.found.enumerators.values().map(|enumerator| &enumerator.of);
    for root in enums.chain(base.found.typedefs.values()).chain(base.found.funcs.values()) {
        sampler.keep(0, root)?;
    }
    for (file, layer) in [&base].into_iter().chain(modules.iter().map(|(_, layer)| layer)).enumerate() {
        for root in layer.found.aggregates.values().flatten() {
            sampler.keep(file, root)?;
        }
    }
    sampler.write(&base.found.enumerators.values().map(|enumerator| enumerator.of.id).collect())
}

struct Sampler<'a> {
    base: Types<'a>,
    modules: Vec<Types<'a>>,
    kept: BTreeMap<Key, Type>,
}

impl<'a> Sampler<'a> {
    /// The types of the file with that number.
    fn types(&mut self, file: usize) -> &mut Types<'a> {
        self.modules.get_mut(file.wrapping_sub(1)).unwrap_or(&mut self.base)
    }

    fn key(&self, file: usize, id: u32) -> Key {
        Key { file: if self.base.top().ids.contains(&id) { 0 } else { file }, id }
    }

    /// Keeps `root` and everything that it holds by value.
    fn keep(&mut self, file: usize, root: &Type) -> Result<()> {
        let mut open = vec![*root];
        while let Some(found) = open.pop() {
            let key = self.key(file, found.id);
            if !is_kept(found.head.kind) || self.kept.insert(key, found).is_some() {
                continue;
            }
            if found.head.kind.is_modifier() {
                open.push(self.types(file).get(found.head.size_or_type)?);
            }
            for (word, offset) in body(&found.head) {
                if word == Word::Type {
                    let [id] = self.types(file).words(&found, offset)?;
                    open.push(self.types(file).get(id)?);
                }
            }
        }
        Ok(())
    }

    /// The file; the anonymous enums in `wanted` keep their enumerators.
    fn write(mut self, wanted: &BTreeSet<u32>) -> Result<Vec<u8>> {
        let kept = std::mem::take(&mut self.kept);
        let ids: BTreeMap<Key, u32> = kept.keys().copied().zip(PROTOTYPE + 1..).collect();
        let mut writer = Writer::new();
        for (Key { file, .. }, found) in &kept {
            let mut head = found.head;
            head.name = self.name(&mut writer, *file, head.name)?;
            match head.kind {
                Kind::FUNC => head.size_or_type = PROTOTYPE,
                Kind::ENUM | Kind::ENUM64
                    if found.head.name == 0 && !(*file == 0 && wanted.contains(&found.id)) =>
                {
                    head.vlen = 0;
                }
                kind if kind.is_modifier() => head.size_or_type = self.id(&ids, *file, head.size_or_type)?,
                _ => {}
            }
            writer.head(&head);
            for (word, offset) in body(&head) {
                let [value] = self.types(*file).words(found, offset)?;
                let translated = match word {
                    Word::Name => self.name(&mut writer, *file, value)?,
                    Word::Type => self.id(&ids, *file, value)?,
                    Word::Plain => value,
                };
                writer.word(translated);
            }
        }
        Ok(writer.finish())
    }

    fn name(&mut self, writer: &mut Writer, file: usize, offset: u32) -> Result<u32> {
        Ok(if offset == 0 { 0 } else { writer.string(&self.types(file).string(offset)?) })
    }

    /// The id in the sample for the type `id`.
    fn id(&mut self, ids: &BTreeMap<Key, u32>, file: usize, id: u32) -> Result<u32> {
        Ok(match self.types(file).get(id)?.head.kind {
            Kind::PTR => POINTER,
            Kind::FUNC_PROTO => PROTOTYPE,
            _ => ids.get(&self.key(file, id)).copied().unwrap_or(0),
        })
    }
}

/// All but those that every sample starts with, and those that nothing holds by value.
fn is_kept(kind: Kind) -> bool {
    let held = matches!(
        kind,
        Kind::INT
            | Kind::ARRAY
            | Kind::STRUCT
            | Kind::UNION
            | Kind::ENUM
            | Kind::ENUM64
            | Kind::FLOAT
            | Kind::FWD
    );
    held || kind.is_modifier() || kind == Kind::FUNC
}

/// What a word behind a type's head means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Name,
    Type,
    Plain,
}

/// The words behind the head of a type that is kept, with their offsets in bytes.
fn body(head: &Head) -> impl Iterator<Item = (Word, u64)> + use<> {
    use Word::{Name, Plain, Type};
    let (element, count): (&[Word], u32) = match head.kind {
        Kind::INT => (&[Plain], 1),
        Kind::ARRAY => (&[Type, Type, Plain], 1),
        Kind::STRUCT | Kind::UNION => (&[Name, Type, Plain], head.vlen),
        Kind::ENUM => (&[Name, Plain], head.vlen),
        Kind::ENUM64 => (&[Name, Plain, Plain], head.vlen),
        _ => (&[], 0),
    };
    (0..count).flat_map(move |_| element).copied().zip((0..).step_by(4))
}
