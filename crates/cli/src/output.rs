//! Where results go.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Write},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use anyhow::{Context as _, Result};
use rustix::{
    fs::{FileType, Mode, OFlags},
    io::Errno,
};

use crate::options;

/// Standard output or a file, buffered; flushed once a drain, so that rows appear at once even in a pipe.
pub struct Output {
    writer: BufWriter<Destination>,
    color: bool,
}

enum Destination {
    Stdout(io::Stdout),
    File(File),
}

impl Output {
    /// Opens what the options name, before anything is loaded.
    ///
    /// # Errors
    ///
    /// The file exists and --force is not given, is a link, or cannot be made.
    pub fn open(options: &options::Output) -> Result<Self> {
        let destination = match &options.file {
            Some(path) => Destination::File(create(path, options.force)?),
            None => Destination::Stdout(io::stdout()),
        };
        let terminal = matches!(&destination, Destination::Stdout(stdout) if stdout.is_terminal());
        let color =
            terminal && !options.no_color && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Ok(Self { writer: BufWriter::with_capacity(1 << 16, destination), color })
    }

    /// Whether whoever reads this sees colours, and wants to.
    pub fn color(&self) -> bool {
        self.color
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.writer.get_ref() {
            Destination::Stdout(stdout) => stdout.as_fd(),
            Destination::File(file) => file.as_fd(),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

/// Makes a file as root may: never through a link, which anybody may have planted in a shared folder, and never
/// over a file that is there, unless told. Devices and pipes are written to as they are.
fn create(path: &Path, force: bool) -> Result<File> {
    let open = |flags| {
        rustix::fs::open(path, OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | flags, Mode::from(0o644))
    };
    let existing = || -> Result<_, Errno> {
        let file = open(OFlags::empty())?;
        let regular = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::RegularFile;
        match (regular, force) {
            (false, _) => Ok(file),
            (true, true) => rustix::fs::ftruncate(&file, 0).map(|()| file),
            (true, false) => Err(Errno::EXIST),
        }
    };
    let file = match open(OFlags::CREATE | OFlags::EXCL) {
        Err(Errno::EXIST) => existing(),
        created => created,
    };
    file.map(File::from).map_err(io::Error::from).with_context(|| {
        let cure = match file_cure(path) {
            Some(cure) => format!(" ({cure})"),
            None => String::new(),
        };
        format!("failed to create {}{cure}", path.display())
    })
}

fn file_cure(path: &Path) -> Option<&'static str> {
    let kind = std::fs::symlink_metadata(path).ok()?.file_type();
    if kind.is_symlink() {
        Some("it is a symbolic link, which is not followed")
    } else if kind.is_file() {
        Some("--force replaces it")
    } else {
        None
    }
}
