//! Addresses to frames: what a stack shows for people.
//!
//! This crate knows neither BPF nor terminals. It answers for kernel addresses so far, from `/proc/kallsyms`.

mod error;
mod frame;

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use blazesym::{
    MaybeDefault,
    symbolize::{
        Input, Symbolized, Symbolizer as Blazesym,
        source::{Kernel, Source},
    },
};

pub use crate::{
    error::{Error, Result},
    frame::{Frame, Kind},
};

/// Where the running kernel lists its symbols.
pub const KALLSYMS: &str = "/proc/kallsyms";

/// Turns addresses into frames. Tables are read at the first question and kept: make one, and ask it everything.
pub struct Symbolizer {
    blazesym: Blazesym,
    kernel: Source<'static>,
}

impl Symbolizer {
    /// A symbolizer for the running kernel.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kallsyms(KALLSYMS)
    }

    /// A symbolizer for the kernel whose symbols a file of the format of `/proc/kallsyms` lists.
    #[must_use]
    pub fn with_kallsyms(path: impl Into<PathBuf>) -> Self {
        let kernel = Kernel {
            kallsyms: MaybeDefault::Some(path.into()),
            // A vmlinux on disk may be another kernel's; kallsyms is the running one's.
            vmlinux: MaybeDefault::None,
            ..Kernel::default()
        };
        Self { blazesym: Blazesym::new(), kernel: Source::Kernel(kernel) }
    }

    /// The frames of kernel addresses, one each, in order. What has no symbol has no name.
    ///
    /// # Errors
    ///
    /// The list of symbols cannot be read, or shows no addresses to this process.
    pub fn kernel(&self, addresses: &[u64]) -> Result<Vec<Frame>> {
        let symbolized = self
            .blazesym
            .symbolize(&self.kernel, Input::AbsAddr(addresses))
            .map_err(|error| Error::Kernel(format!("{error:#}")))?;
        let frames = addresses.iter().zip(symbolized).map(|(address, symbolized)| match symbolized {
            Symbolized::Sym(symbol) => Frame {
                address: *address,
                name: Some(symbol.name.into_owned()),
                offset: symbol.offset as u64,
                module: symbol.module.map(|module| module.to_string_lossy().into_owned()),
                kind: Kind::Kernel,
            },
            Symbolized::Unknown(_) => {
                Frame { address: *address, name: None, offset: 0, module: None, kind: Kind::Kernel }
            }
        });
        Ok(frames.collect())
    }
}

/// Whether this process sees the addresses of kernel symbols: the kernel shows zeros to those that may not.
///
/// # Errors
///
/// It does not, or there is no list.
pub fn check_kernel() -> Result<()> {
    let list = File::open(KALLSYMS).map_err(|error| Error::Kernel(format!("{KALLSYMS}: {error}")))?;
    let mut first = String::new();
    BufReader::new(list)
        .read_line(&mut first)
        .map_err(|error| Error::Kernel(format!("{KALLSYMS}: {error}")))?;
    match first.split(' ').next() {
        Some(address) if address.bytes().any(|digit| digit != b'0') => Ok(()),
        _ => Err(Error::Kernel(format!("{KALLSYMS} shows no addresses"))),
    }
}

impl Default for Symbolizer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbolizer(name: &str, lines: &str) -> Symbolizer {
        let path = std::env::temp_dir().join(format!("kallsyms-{name}-{}", std::process::id()));
        std::fs::write(&path, lines).unwrap();
        Symbolizer::with_kallsyms(path)
    }

    #[test]
    fn names_kernel_addresses() {
        let symbolizer = symbolizer(
            "names",
            "ffffffff81000000 T _stext\nffffffff81000100 t do_one\nffffffff81000200 T do_two\nffffffffc0000000 t ext4_x\t[ext4]\n",
        );
        let frames = symbolizer.kernel(&[0xffff_ffff_8100_0104, 0xffff_ffff_8100_0200, 0x10]).unwrap();
        assert_eq!(frames[0].to_string(), "do_one+0x4");
        assert_eq!(frames[1].to_string(), "do_two");
        assert_eq!(frames[2].to_string(), "[kernel+0x10]");
        assert!(frames.iter().all(|frame| frame.kind == Kind::Kernel));
    }

    #[test]
    fn says_that_symbols_cannot_be_read() {
        let error = Symbolizer::with_kallsyms("/nonexistent/kallsyms").kernel(&[1]).unwrap_err();
        assert!(error.to_string().contains("kernel symbols"), "{error}");
    }
}
