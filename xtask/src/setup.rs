//! Makes a machine able to build probes and to run every test.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::toolchain::{self, BPF_LINKER_VERSION};
use crate::{cache, command, packages};

const CARGO_DENY_VERSION: &str = "0.20.2";

/// Sets up everything.
pub(crate) fn all() -> Result<()> {
    probes_toolchain()?;
    probes_linter()?;
    disassembler()?;
    qemu()?;
    programs(&["bpftool"], "comparing BTF and measuring")?;
    cargo_deny()?;
    Ok(())
}

/// What compiles probes: a Rust compiler with the BPF target, and bpf-linker.
pub(crate) fn probes_toolchain() -> Result<()> {
    if toolchain::compilers().is_empty() {
        packages::install(&toolchain::DEBIAN_PACKAGES, "building probes")
            .with_context(|| format!("failed to find a compiler for probes: {}", toolchain::CURE))?;
    }
    if toolchain::linker().is_none() {
        cargo_install("bpf-linker", BPF_LINKER_VERSION)?;
    }
    Ok(())
}

/// What lints probes; rustup's toolchains bring their own.
pub(crate) fn probes_linter() -> Result<()> {
    if toolchain::compilers().iter().all(toolchain::Compiler::has_linter) {
        return Ok(());
    }
    packages::install(&[toolchain::DEBIAN_CLIPPY_PACKAGE], "linting probes")
}

/// What shows how two builds of a probe differ.
pub(crate) fn disassembler() -> Result<()> {
    if command::find_llvm("llvm-objdump").is_none() {
        packages::install(&["llvm"], "comparing probes")?;
    }
    Ok(())
}

/// What boots other kernels.
pub(crate) fn qemu() -> Result<()> {
    if command::find("qemu-system-x86_64").is_none() {
        packages::install(&["qemu-system-x86"], "booting other kernels")?;
    }
    Ok(())
}

/// Programs whose packages are called like them.
pub(crate) fn programs(names: &[&str], purpose: &str) -> Result<()> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| command::find(name).is_none()).collect();
    packages::install(&missing, purpose)
}

/// What checks licences and advisories; gives its path.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    cargo_install("cargo-deny", CARGO_DENY_VERSION)
}

/// Builds `program` into the cache unless this version is there; gives its path.
fn cargo_install(program: &str, version: &str) -> Result<PathBuf> {
    let tools = cache::tools()?;
    let path = tools.join("bin").join(program);
    let installed = || {
        let said = command::stdout(Command::new(&path).arg("--version")).ok()?;
        (said.split_whitespace().last() == Some(version)).then_some(())
    };
    if installed().is_none() {
        command::step(&format!("building {program} {version}, which takes some minutes"));
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Outside the workspace, whose configuration makes static programs: bpf-linker loads LLVM at run time.
        cargo.current_dir(&tools).env_remove("CARGO_TARGET_DIR");
        cargo
            .args(["install", "--quiet", "--locked", "--version", version, "--root"])
            .arg(&tools)
            .arg(program);
        command::run(&mut cargo)?;
    }
    Ok(path)
}
