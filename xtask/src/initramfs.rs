//! An initramfs: a cpio archive in the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
/// The entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive under construction. Paths are those in the guest; folders on the way to one are made for it.
#[derive(Default)]
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    names: BTreeSet<PathBuf>,
}

impl Initramfs {
    /// Adds a folder, unless it is there.
    pub(crate) fn dir(&mut self, path: &str) -> Result<()> {
        let path = relative(path);
        self.parents(path)?;
        self.dir_once(path)
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, data: &[u8]) -> Result<()> {
        let path = relative(path);
        self.parents(path)?;
        self.entry(path, FILE | mode, data)
    }

    /// Adds a symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &Path) -> Result<()> {
        let path = relative(path);
        self.parents(path)?;
        self.entry(path, SYMLINK | 0o777, target.as_os_str().as_bytes())
    }

    /// Copies `source` from the host: a file, a symbolic link, or a folder with all that is in it.
    pub(crate) fn copy(&mut self, source: &Path, path: &str) -> Result<()> {
        let failed = || format!("failed to read {}", source.display());
        let meta = fs::symlink_metadata(source).with_context(failed)?;
        if meta.is_symlink() {
            return self.symlink(path, &fs::read_link(source).with_context(failed)?);
        }
        if meta.is_file() {
            return self.file(
                path,
                meta.permissions().mode() & 0o7777,
                &fs::read(source).with_context(failed)?,
            );
        }
        self.dir(path)?;
        for entry in fs::read_dir(source).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let name = entry.file_name();
            let name = name.to_str().with_context(|| format!("failed to read {}", entry.path().display()))?;
            self.copy(&entry.path(), &format!("{path}/{name}"))?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.write(TRAILER.as_bytes(), [0; 11], &[]);
        self.bytes
    }

    fn parents(&mut self, path: &Path) -> Result<()> {
        let parents: Vec<&Path> =
            path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).collect();
        parents.into_iter().rev().try_for_each(|dir| self.dir_once(dir))
    }

    fn dir_once(&mut self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() || self.names.contains(path) {
            return Ok(());
        }
        self.entry(path, DIRECTORY | 0o755, &[])
    }

    fn entry(&mut self, path: &Path, mode: u32, data: &[u8]) -> Result<()> {
        if !self.names.insert(path.to_owned()) {
            bail!("failed to add /{} to the initramfs: it is there already", path.display());
        }
        let size = u32::try_from(data.len())
            .with_context(|| format!("failed to add /{} to the initramfs: over 4 GiB", path.display()))?;
        let inode = self.names.len() as u32;
        let links = if mode & DIRECTORY == 0 { 1 } else { 2 };
        // inode, mode, uid, gid, links, mtime, size, device (major, minor), node (major, minor)
        self.write(path.as_os_str().as_bytes(), [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0], data);
        Ok(())
    }

    fn write(&mut self, name: &[u8], fields: [u32; 11], data: &[u8]) {
        self.bytes.extend_from_slice(b"070701");
        let name_size = name.len() as u32 + 1;
        // The last field is a checksum, which this format leaves zero.
        for field in fields.into_iter().chain([name_size, 0]) {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(data);
        self.align();
    }

    /// Header with name, and data, each end on a multiple of four.
    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A guest's path as archives name it: without the slash in front.
fn relative(path: &str) -> &Path {
    Path::new(path.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn sample() -> Vec<u8> {
        let mut image = Initramfs::default();
        image.dir("/proc").unwrap();
        image.file("/usr/share/words", 0o640, b"hello").unwrap();
        image.symlink("/usr/link", Path::new("share/words")).unwrap();
        image.finish()
    }

    #[test]
    fn a_file_is_header_name_and_data() {
        let mut image = Initramfs::default();
        image.file("/init", 0o755, b"abcde").unwrap();
        let bytes = image.finish();
        let header = "070701\
            00000001 000081ed 00000000 00000000 00000001 00000000 00000005 \
            00000000 00000000 00000000 00000000 00000005 00000000"
            .replace(' ', "");
        assert_eq!(&bytes[..110], header.as_bytes());
        assert_eq!(&bytes[110..116], b"init\0\0");
        assert_eq!(&bytes[116..124], b"abcde\0\0\0");
        assert_eq!(&bytes[124..130], b"070701");
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"), "{:?}", &bytes[bytes.len() - 20..]);
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn a_path_is_added_once() {
        let mut image = Initramfs::default();
        image.dir("/tmp").unwrap();
        image.dir("/tmp/").unwrap();
        image.file("/tmp/a", 0o644, b"").unwrap();
        assert!(image.file("tmp/a", 0o644, b"").is_err());
        assert_eq!(image.names.len(), 2);
    }

    #[test]
    fn cpio_reads_it() {
        let spawned = Command::new("cpio")
            .args(["-tv", "--quiet", "--numeric-uid-gid"])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut cpio) = spawned else { return eprintln!("skipped: no cpio here") };
        cpio.stdin.take().unwrap().write_all(&sample()).unwrap();
        let listing = String::from_utf8(cpio.wait_with_output().unwrap().stdout).unwrap();
        let lines: Vec<(&str, &str)> = listing
            .lines()
            .map(|line| (line.split(' ').next().unwrap(), line.split("1970 ").nth(1).unwrap()))
            .collect();
        let expected = [
            ("drwxr-xr-x", "proc"),
            ("drwxr-xr-x", "usr"),
            ("drwxr-xr-x", "usr/share"),
            ("-rw-r-----", "usr/share/words"),
            ("lrwxrwxrwx", "usr/link -> share/words"),
        ];
        assert_eq!(lines, expected);
    }
}
