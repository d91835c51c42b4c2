//! The wanted names, and where the string section has them.

use std::collections::HashMap;

use memchr::{memchr_iter, memrchr};

use super::error::Result;
use super::format::BtfFile;
use super::source::Reader;

/// Stands for a wanted name in every look-up after the string section has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameId(u32);

/// The wanted names, each once.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Box<[u8]>, NameId>);

impl Names {
    pub(super) fn add(&mut self, name: &str) -> NameId {
        let next = NameId(self.0.len() as u32);
        *self.0.entry(name.as_bytes().into()).or_insert(next)
    }

    pub(super) fn get(&self, name: &str) -> Option<NameId> {
        self.0.get(name.as_bytes()).copied()
    }
}

/// A set that may say yes for a stranger, never no for a member: it spares most strings and types the real look-up.
#[derive(Clone)]
struct Sieve<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Sieve<WORDS> {
    fn new() -> Self {
        Self(Box::new([0; WORDS]))
    }

    fn insert(&mut self, hash: u64) {
        let (word, bit) = Self::place(hash);
        self.0.iter_mut().skip(word).take(1).for_each(|word| *word |= bit);
    }

    #[inline]
    fn may_contain(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The high bits of the product (Fibonacci hashing) choose.
    #[inline]
    fn place(hash: u64) -> (usize, u64) {
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash >> 32) as usize % WORDS, 1 << (hash >> 58))
    }
}

/// A string's length and last eight bytes: kernel names differ more in their ends than in their prefixes.
#[inline]
fn string_hash(string: &[u8]) -> u64 {
    let tail = match string.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => string.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    tail ^ (string.len() as u64) << 56
}

/// Where the wanted names stand: by offset for the pass over the types, by name for the members.
#[derive(Clone)]
pub(super) struct NameOffsets {
    by_offset: Vec<(u32, NameId)>,
    by_name: HashMap<NameId, Vec<u32>>,
    sieve: Sieve<256>,
}

impl NameOffsets {
    pub(super) fn new() -> Self {
        Self { by_offset: Vec::new(), by_name: HashMap::new(), sieve: Sieve::new() }
    }

    /// The wanted name at `offset`.
    #[inline]
    pub(super) fn at(&self, offset: u32) -> Option<NameId> {
        if !self.sieve.may_contain(offset.into()) {
            return None;
        }
        let index = self.by_offset.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        self.by_offset.get(index).map(|(_, name)| *name)
    }

    /// Every offset at which `name` stands: writers of BTF keep one, the format does not.
    pub(super) fn of(&self, name: NameId) -> &[u32] {
        self.by_name.get(&name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Adds the strings of `file`, whose first one has the offset `first`: one pass, in order.
    pub(super) fn scan(
        &mut self,
        reader: &mut Reader,
        file: &BtfFile,
        names: &Names,
        first: u32,
    ) -> Result<()> {
        let mut sieve = Sieve::<1024>::new();
        names.0.keys().for_each(|name| sieve.insert(string_hash(name)));
        // A hostile file repeats one string a million times.
        let most = self.by_offset.len() + 16 * names.0.len();

        let mut at = file.strings.start;
        while at < file.strings.end {
            let len = (file.strings.end - at).min(Reader::STREAM as u64) as usize;
            let chunk = reader.bytes(at, len)?;
            let Some(last) = memrchr(0, chunk) else {
                return Err(file.source.corrupt(format!("the string at offset {at} does not end")));
            };
            let mut start = 0;
            for end in memchr_iter(0, chunk) {
                let string = chunk.get(start..end).unwrap_or_default();
                if sieve.may_contain(string_hash(string))
                    && let Some(name) = names.0.get(string)
                {
                    self.insert(first + (at - file.strings.start) as u32 + start as u32, *name);
                }
                start = end + 1;
            }
            if self.by_offset.len() > most {
                return Err(file.source.corrupt("its string section repeats the same strings"));
            }
            at += last as u64 + 1;
        }
        Ok(())
    }

    fn insert(&mut self, offset: u32, name: NameId) {
        // Strings come in the order of their offsets: the list stays sorted.
        self.by_offset.push((offset, name));
        self.by_name.entry(name).or_default().push(offset);
        self.sieve.insert(offset.into());
    }
}
