//! The file crates/loader/objects/TOOLCHAIN: what built the committed objects.

use std::collections::BTreeMap;

/// What the bytes of a probe depend on, as the file TOOLCHAIN has it.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    /// First line of `rustc -vV`.
    pub(crate) rustc: String,
    /// Version of the LLVM that it brings.
    pub(crate) llvm: String,
    /// Version of bpf-linker.
    pub(crate) linker: String,
    /// How to get all that.
    pub(crate) install: String,
}

impl Record {
    /// Reads the file; `None` if a line is missing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(" = ")).collect();
        let value = |key| lines.get(key).map(|value| (*value).to_owned());
        Some(Self {
            rustc: value("rustc")?,
            llvm: value("llvm")?,
            linker: value("bpf-linker")?,
            install: value("install")?,
        })
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        let Self { rustc, llvm, linker, install } = self;
        format!("rustc = {rustc}\nllvm = {llvm}\nbpf-linker = {linker}\ninstall = {install}\n")
    }

    /// Compiler and linker in a few words.
    pub(crate) fn name(&self) -> String {
        format!("{}, LLVM {}, bpf-linker {}", self.rustc, self.llvm, self.linker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_file() {
        let record = Record {
            rustc: "rustc 1.96.0 (ac68faa20 2026-05-25)".to_owned(),
            llvm: "22.1.8".to_owned(),
            linker: "0.10.3".to_owned(),
            install: "apt-get install a && cargo install b".to_owned(),
        };
        assert_eq!(Record::parse(&record.text()), Some(record));
        assert_eq!(Record::parse("rustc = 1\n"), None);
    }
}
