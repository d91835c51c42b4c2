//! Writes BTF files for the sampler.

use std::collections::HashMap;

use super::format::{HEADER, Head, Kind, MAGIC, VERSION};

/// The id of the pointer to `void` that every written file has.
pub(super) const POINTER: u32 = 1;
/// The id of the function without arguments and result that every written file has.
pub(super) const PROTOTYPE: u32 = 2;

/// A BTF file in the making.
pub(super) struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
    offsets: HashMap<Box<[u8]>, u32>,
}

impl Writer {
    /// With [`POINTER`] and [`PROTOTYPE`]; the next type has the id behind them.
    pub(super) fn new() -> Self {
        let mut writer = Self { types: Vec::new(), strings: vec![0], offsets: HashMap::new() };
        writer.head(&Head { kind: Kind::PTR, ..Head::VOID });
        writer.head(&Head { kind: Kind::FUNC_PROTO, ..Head::VOID });
        writer
    }

    /// The offset of `string`, which is added if it is new.
    pub(super) fn string(&mut self, string: &[u8]) -> u32 {
        let next = self.strings.len() as u32;
        let offset = *self.offsets.entry(string.into()).or_insert(next);
        if offset == next {
            self.strings.extend_from_slice(string);
            self.strings.push(0);
        }
        offset
    }

    /// Starts a type.
    pub(super) fn head(&mut self, head: &Head) {
        head.words().into_iter().for_each(|word| self.word(word));
    }

    /// Continues the type that was started.
    pub(super) fn word(&mut self, word: u32) {
        self.types.extend_from_slice(&word.to_ne_bytes());
    }

    /// Header, types, strings.
    pub(super) fn finish(self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut file = Vec::from(MAGIC.to_ne_bytes());
        file.extend_from_slice(&[VERSION, 0]);
        for word in [HEADER, 0, types, types, strings] {
            file.extend_from_slice(&word.to_ne_bytes());
        }
        file.extend_from_slice(&self.types);
        file.extend_from_slice(&self.strings);
        file
    }
}
