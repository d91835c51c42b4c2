//! Formatting, lints, documentation and licences: warnings are errors.

use std::process::Command;

use anyhow::Result;

use crate::{build_ebpf, command, setup};

/// A check, by the name that reports give it.
pub(crate) type Check = (&'static str, fn() -> Result<()>);

/// All of them.
pub(crate) const CHECKS: [Check; 5] = [
    ("formatting", formatting),
    ("clippy", clippy),
    ("clippy of the probes", clippy_of_probes),
    ("documentation", documentation),
    ("licences", licences),
];

/// Runs the command.
pub(crate) fn main() -> Result<()> {
    for (name, check) in CHECKS {
        command::step(name);
        check()?;
    }
    Ok(())
}

fn formatting() -> Result<()> {
    command::run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["clippy", "--quiet", "--workspace", "--exclude", "probes-ebpf", "--all-targets", "--"]);
    command::run(cargo.args(["-D", "warnings"]))
}

fn clippy_of_probes() -> Result<()> {
    setup::probes_toolchain()?;
    setup::probes_linter()?;
    build_ebpf::lint(build_ebpf::ARCHES[0])
}

fn documentation() -> Result<()> {
    let mut cargo = cargo();
    cargo.args([
        "doc",
        "--quiet",
        "--workspace",
        "--exclude",
        "probes-ebpf",
        "--no-deps",
        "--document-private-items",
    ]);
    command::run(cargo.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Advisories are left out: their database is not to be had without a network beyond the registry.
fn licences() -> Result<()> {
    let deny = setup::cargo_deny()?;
    let mut command = Command::new(deny);
    command.current_dir(command::workspace());
    command::run(command.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(command::workspace());
    cargo
}
