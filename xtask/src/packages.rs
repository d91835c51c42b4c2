//! Debian packages that tests and builds need.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command;

/// Installs those of `packages` that are missing; `purpose` is what cannot be done without them.
pub(crate) fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if command::find("apt-get").is_none() {
        bail!("failed to prepare {purpose}: install what Debian calls {names}");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("failed to prepare {purpose}: run `sudo apt-get install --no-install-recommends {names}`");
    }
    command::step(&format!("installing {names}"));
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        // Another apt may be at work: on fresh machines one updates the system in the background.
        apt.env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-q", "-y", "-o", "DPkg::Lock::Timeout=120"])
            .args(args);
        command::run(&mut apt)
    };
    // A mirror that fails matters only if the packages are on it, which the installation will tell.
    if let Err(error) = apt(&["update"]) {
        command::step(&format!("{error:#}"));
    }
    let install = [&["install", "--no-install-recommends"][..], &missing].concat();
    apt(&install).with_context(|| format!("failed to install {names} for {purpose}"))
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]).output();
    query.is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}
