//! Cgroups that a run filters by.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::statfs;

/// `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2_MAGIC: i64 = 0x6367_7270;

/// Where the unified hierarchy is mounted: alone, or beside v1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Opens a cgroup, given as a path or as one below the mount (`system.slice/nginx.service`).
///
/// # Errors
///
/// There is no such cgroup, or it is not of version 2, which is all that the kernel filters by.
pub fn open(path: &Path) -> Result<File> {
    let found = candidates(path).find(|candidate| candidate.is_dir());
    let Some(found) = found else { bail!("there is no cgroup {}", path.display()) };
    let cgroup = File::open(&found).with_context(|| format!("failed to open cgroup {}", found.display()))?;
    let kind =
        statfs(&found).with_context(|| format!("failed to look at cgroup {}", found.display()))?.f_type;
    if kind != CGROUP2_MAGIC {
        bail!("{} is not in a cgroup v2 hierarchy, which is what the kernel can filter by", found.display());
    }
    Ok(cgroup)
}

/// The mount point of cgroup v2, if there is one.
pub fn mount() -> Option<PathBuf> {
    MOUNTS.iter().map(PathBuf::from).find(|path| statfs(path).is_ok_and(|stat| stat.f_type == CGROUP2_MAGIC))
}

fn candidates(path: &Path) -> impl Iterator<Item = PathBuf> {
    let below = path.strip_prefix("/").unwrap_or(path).to_owned();
    std::iter::once(path.to_owned()).chain(MOUNTS.iter().map(move |mount| Path::new(mount).join(&below)))
}
