//! One exec, as the probe reports it and as people read it.

use anyhow::{Context as _, Result};
use probes_common::execsnoop::{CUT, Header, INTERPRETED, NO_DIRECTORY, UNREADABLE};

use crate::text::command_line;

/// One exec.
pub struct Exec {
    pub(super) header: Header,
    pub(super) file: Vec<u8>,
    args: Vec<u8>,
    quote: bool,
    max_args: usize,
}

impl Exec {
    /// A blank one.
    pub(super) fn new(quote: bool, max_args: usize) -> Self {
        Self { header: loader::zeroed(), file: Vec::new(), args: Vec::new(), quote, max_args }
    }

    /// Takes a record apart.
    pub(super) fn decode(&mut self, record: &[u8]) -> Result<()> {
        let (header, rest) = loader::split_plain::<Header>(record).context("a record is too short")?;
        let (file, rest) = rest.split_at_checked(header.file_len as usize).context("a record's path is cut")?;
        let args = rest.get(..header.args_len as usize).context("a record's arguments are cut")?;
        self.header = header;
        self.file.clear();
        // As the kernel names it when the exec succeeds.
        if header.dirfd != NO_DIRECTORY && !file.starts_with(b"/") {
            let slash = if file.is_empty() { "" } else { "/" };
            self.file.extend(format!("/dev/fd/{}{slash}", header.dirfd).into_bytes());
        }
        self.file.extend(file);
        self.args.clear();
        self.args.extend(args);
        Ok(())
    }

    pub(super) fn is_cut(&self) -> bool {
        self.header.flags & (CUT | UNREADABLE) != 0
    }

    pub(super) fn is_interpreted(&self) -> bool {
        self.header.flags & INTERPRETED != 0
    }

    /// The arguments that were read; the last one may be cut.
    pub(super) fn args(&self) -> Vec<&[u8]> {
        match self.args.strip_suffix(b"\0").unwrap_or(&self.args) {
            [] if self.args.is_empty() => Vec::new(),
            list => list.split(|byte| *byte == 0).collect(),
        }
    }

    /// The arguments as bcc shows them: the path that was executed stands for the first one, which may be
    /// anything. Where an interpreter runs, its whole command line says more.
    pub(super) fn words(&self) -> Vec<&[u8]> {
        let mut words = self.args();
        match words.first_mut() {
            None => words.push(&self.file),
            Some(first) if !self.is_interpreted() => *first = &self.file,
            Some(_) => {}
        }
        words
    }

    pub(super) fn line(&self) -> String {
        let words = self.words();
        let cut = self.is_cut() || words.len() > self.max_args;
        command_line(words.into_iter().take(self.max_args), self.quote, cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as the probe makes it.
    fn exec(file: &[u8], args: &[u8], change: impl FnOnce(&mut Header)) -> Exec {
        let mut header: Header = loader::zeroed();
        (header.file_len, header.args_len, header.dirfd) = (file.len() as u32, args.len() as u32, NO_DIRECTORY);
        change(&mut header);
        let bytes = loader::bytes_of(&header);
        let mut exec = Exec::new(false, usize::MAX);
        exec.decode(&[bytes, file, args].concat()).unwrap();
        exec
    }

    #[test]
    fn the_path_stands_for_the_first_argument() {
        assert_eq!(exec(b"/bin/ls", b"ls\0-l\0", |_| {}).line(), "/bin/ls -l");
        assert_eq!(exec(b"/bin/ls", b"", |_| {}).line(), "/bin/ls");
        assert_eq!(exec(b"/bin/ls", b"\0", |_| {}).line(), "/bin/ls");
        assert_eq!(exec(b"/x", b"x\0\0b\0", |_| {}).args(), [&b"x"[..], b"", b"b"]);
        let script = exec(b"./s", b"/bin/sh\0./s\0", |header| header.flags = INTERPRETED);
        assert_eq!(script.line(), "/bin/sh ./s");
    }

    #[test]
    fn cuts_are_marked() {
        let mut cut = exec(b"/x", b"x\0abc", |header| header.flags = CUT);
        assert_eq!(cut.line(), "/x abc…");
        cut.max_args = 1;
        assert_eq!(cut.line(), "/x…");
    }

    #[test]
    fn a_directory_is_part_of_the_path() {
        let in_directory = |file: &[u8]| exec(file, b"", |header| header.dirfd = 5).file;
        assert_eq!(in_directory(b"below"), b"/dev/fd/5/below");
        assert_eq!(in_directory(b""), b"/dev/fd/5");
        assert_eq!(in_directory(b"/absolute"), b"/absolute");
    }

    #[test]
    fn a_record_that_is_too_short_is_an_error() {
        let whole = exec(b"/x", b"x\0", |_| {});
        let record = [loader::bytes_of(&whole.header), b"/x", b"x\0"].concat();
        for length in 0..record.len() {
            assert!(Exec::new(false, 1).decode(&record[..length]).is_err(), "{length}");
        }
    }
}
