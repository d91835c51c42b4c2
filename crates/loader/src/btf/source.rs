//! Bytes at an offset: from a file in sysfs, or from memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::error::{Error, Result};

/// Positioned reads, as pread(2) does them: fewer bytes than asked for are no error, zero is the end.
pub(super) trait ReadAt: Send + Sync {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, at)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// Something to read from, with the name that messages call it by.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) size: u64,
    bytes: Box<dyn ReadAt>,
}

impl Source {
    pub(super) fn new(name: String, bytes: Box<dyn ReadAt>) -> Result<Self> {
        match bytes.size() {
            Ok(size) => Ok(Self { name, size, bytes }),
            Err(source) => Err(Error::Read { file: name, source }),
        }
    }

    /// The error for bytes that break the format.
    pub(super) fn corrupt(&self, why: impl Into<String>) -> Error {
        Error::Corrupt { file: self.name.clone(), why: why.into() }
    }
}

/// A window on a [`Source`] that moves with the reads: one buffer, reused.
pub(super) struct Reader<'a> {
    source: &'a Source,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    /// How often the window moved, for those who must bound the work.
    pub(super) moves: u64,
}

impl<'a> Reader<'a> {
    /// What one pass reads at a time.
    pub(super) const STREAM: usize = 64 << 10;
    /// What one look-up reads at a time: sysfs hands out no more than a page per call.
    pub(super) const LOOKUP: usize = 4 << 10;

    pub(super) fn new(source: &'a Source, capacity: usize) -> Self {
        Self { source, buffer: vec![0; capacity], start: 0, filled: 0, moves: 0 }
    }

    /// `len` bytes at `at`; `len` must fit the window.
    pub(super) fn bytes(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        if self.behind(at).is_none_or(|bytes| bytes.len() < len) {
            self.fill(at, len)?;
        }
        let bytes = self.behind(at).and_then(|bytes| bytes.get(..len));
        bytes.ok_or_else(|| self.source.corrupt(format!("{len} bytes at offset {at} do not fit the reader")))
    }

    /// The `N` native-endian words at `at`.
    #[inline]
    pub(super) fn words<const N: usize>(&mut self, at: u64) -> Result<[u32; N]> {
        // The pass over the types comes here for each: nearly always the window has the words.
        match self.words_in_window(at) {
            Some(words) => Ok(words),
            None => self.words_behind_window(at),
        }
    }

    #[inline]
    fn words_in_window<const N: usize>(&self, at: u64) -> Option<[u32; N]> {
        let (words, _) = self.behind(at)?.as_chunks::<4>();
        words.first_chunk::<N>().map(|words| words.map(u32::from_ne_bytes))
    }

    #[cold]
    fn words_behind_window<const N: usize>(&mut self, at: u64) -> Result<[u32; N]> {
        self.fill(at, N * 4)?;
        let words = self.words_in_window(at);
        words.ok_or_else(|| self.source.corrupt(format!("{N} words at offset {at} do not fit the reader")))
    }

    /// What the window has from `at` on.
    #[inline]
    fn behind(&self, at: u64) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.buffer.get(from..self.filled)
    }

    fn fill(&mut self, at: u64, need: usize) -> Result<()> {
        (self.start, self.filled) = (at, 0);
        self.moves += 1;
        while let Some(free) = self.buffer.get_mut(self.filled..)
            && !free.is_empty()
            && at.saturating_add(self.filled as u64) < self.source.size
        {
            match self.source.bytes.read_at(free, at.saturating_add(self.filled as u64)) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { file: self.source.name.clone(), source }),
            }
        }
        if self.filled < need {
            return Err(self.source.corrupt(format!("it ends before the {need} bytes at offset {at}")));
        }
        Ok(())
    }
}
