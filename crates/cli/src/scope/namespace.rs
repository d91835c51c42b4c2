//! Whose PIDs are shown.

use std::os::unix::fs::MetadataExt as _;

use anyhow::{Context as _, Result};
use probes_common::task::INITIAL_NAMESPACE;

const OWN: &str = "/proc/self/ns/pid";

/// The inode of kscope's own PID namespace, or 0 for the initial one, where no translation is needed.
pub fn to_filter() -> Result<u32> {
    let inode = own()?;
    Ok(if inode == INITIAL_NAMESPACE { 0 } else { inode })
}

/// Whose PIDs are shown, in words.
pub fn describe() -> Result<String> {
    Ok(match to_filter()? {
        0 => "PIDs are those of the initial PID namespace (the host's)".to_owned(),
        inode => {
            format!("PIDs are those of kscope's PID namespace, pid:[{inode}]; - stands for tasks outside it")
        }
    })
}

/// The inode of kscope's own PID namespace.
pub fn own() -> Result<u32> {
    let metadata = std::fs::metadata(OWN)
        .with_context(|| format!("failed to look up kscope's PID namespace at {OWN}; is /proc mounted?"))?;
    Ok(metadata.ino() as u32)
}
