//! The folder that keeps downloads between runs: `tools/`, `kernels/<label>/` and `apt/<suite>/`.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A folder inside the cache, created if need be.
pub(crate) fn dir(name: impl AsRef<Path>) -> Result<PathBuf> {
    let dir = root()?.join(name);
    fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
    Ok(dir)
}

/// Where `cargo install --root` puts the programs that the build needs.
pub(crate) fn tools() -> Result<PathBuf> {
    dir("tools")
}

/// Keeps other runs from changing the cache until the file is dropped.
pub(crate) fn lock() -> Result<File> {
    let path = dir("")?.join("lock");
    let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
    file.lock().with_context(|| format!("failed to lock {}", path.display()))?;
    Ok(file)
}

/// Writes `path` in one step: a run that is interrupted leaves the old file or the new one, never a half.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_added_extension("partial");
    fs::write(&partial, bytes).with_context(|| format!("failed to write {}", partial.display()))?;
    rename(&partial, path)
}

/// Renames `from` to `to`.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("failed to rename {} to {}", from.display(), to.display()))
}

/// `$KSCOPE_CACHE`, or `kscope` in the user's cache folder.
fn root() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = set("KSCOPE_CACHE")
        // The XDG specification has relative paths ignored.
        .or_else(|| set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).map(|dir| dir.join("kscope")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/kscope")))
        .context("failed to find the cache folder: set KSCOPE_CACHE or HOME")?;
    // Programs run elsewhere are handed paths into it.
    std::path::absolute(&root).with_context(|| format!("failed to resolve {}", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_replaces_and_leaves_nothing_beside() {
        let dir = env::temp_dir().join(format!("kscope-cache-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        write(&dir.join("release"), b"1").unwrap();
        write(&dir.join("release"), b"2").unwrap();
        assert_eq!(fs::read(dir.join("release")).unwrap(), b"2");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(&dir).unwrap();
    }
}
