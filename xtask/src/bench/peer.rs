//! libbpf-tools of Debian sid, unpacked beside the system and run with its own libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::Tool;
use crate::{cache, command, packages, sources};

/// Fetches the peer if it is not there.
pub(super) fn execsnoop() -> Result<Tool> {
    if !Path::new("/sys/kernel/tracing/events").exists() {
        bail!(
            "failed to find tracefs, which libbpf-tools needs: mount -t tracefs tracefs /sys/kernel/tracing"
        );
    }
    let root = root()?;
    let libraries = [root.join("lib/x86_64-linux-gnu"), root.join("usr/lib/x86_64-linux-gnu")];
    let libraries = libraries.map(|path| path.display().to_string()).join(":");
    Ok(Tool {
        name: "libbpf-tools (sid)",
        command: vec![
            root.join("lib64/ld-linux-x86-64.so.2").into(),
            "--library-path".into(),
            libraries.into(),
            root.join("usr/sbin/execsnoop-libbpf").into(),
        ],
    })
}

fn root() -> Result<PathBuf> {
    let root = cache::dir("peers")?.join("sid");
    if root.join("usr/sbin/execsnoop-libbpf").exists() {
        return Ok(root);
    }
    packages::install(&["debootstrap"], "fetching libbpf-tools of Debian sid")?;
    command::step("fetching libbpf-tools of Debian sid, which takes a minute");
    let mirror = sources::mirror_of("sid")?;
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "--include=libbpf-tools", "sid"]).arg(&root).arg(&mirror.uri);
    command::run(&mut debootstrap)?;
    if !root.join("usr/sbin/execsnoop-libbpf").exists() {
        bail!("failed to find execsnoop-libbpf in {}", root.display());
    }
    Ok(root)
}
