//! The compilers that can build probes, and which of them built the committed ones.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::record::Record;
use crate::{cache, command};

/// The newest version that works with the LLVM of the compilers at hand.
pub(crate) const BPF_LINKER_VERSION: &str = "0.10.3";
/// Debian's packages with a compiler for BPF.
pub(crate) const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];
/// How to get a compiler.
pub(crate) const CURE: &str =
    "run `cargo xtask setup` on Debian, or `rustup toolchain install nightly --component rust-src` elsewhere";

const TARGET: &str = "bpfel-unknown-none";
/// The linter that belongs to it, of the package [`DEBIAN_CLIPPY_PACKAGE`].
const DEBIAN_CLIPPY: &str = "/usr/bin/clippy-driver";
/// Debian's package of the linter.
pub(crate) const DEBIAN_CLIPPY_PACKAGE: &str = "rust-web-clippy";

/// What cargo is to do with the probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Compile them.
    Build,
    /// Check them.
    Clippy,
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A compiler that can build probes.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    source: Source,
    sysroot: PathBuf,
    rustc: String,
    llvm: String,
}

#[derive(Clone, Debug)]
enum Source {
    /// Debian's, with a compiled core for BPF.
    Debian,
    /// A nightly of rustup by its name, with the source of core.
    Rustup(String),
}

impl Compiler {
    /// What this compiler and `linker` would be recorded as.
    pub(crate) fn record(&self, linker: &Linker) -> Record {
        let compiler = match &self.source {
            Source::Debian => format!("apt-get install {}", DEBIAN_PACKAGES.join(" ")),
            Source::Rustup(name) => {
                let name = dated(&self.sysroot).unwrap_or_else(|| name.clone());
                format!("rustup toolchain install {name} --component rust-src")
            }
        };
        let install = format!("{compiler} && cargo install bpf-linker --version {} --locked", linker.version);
        Record { rustc: self.rustc.clone(), llvm: self.llvm.clone(), linker: linker.version.clone(), install }
    }

    /// Whether its linter is installed.
    pub(crate) fn has_linter(&self) -> bool {
        match self.source {
            Source::Debian => Path::new(DEBIAN_CLIPPY).exists(),
            Source::Rustup(_) => true,
        }
    }

    /// `cargo build` or `clippy`, `--release`, for BPF with this compiler, into `target`; `crates` may use unstable
    /// features.
    pub(crate) fn cargo(
        &self,
        action: Action,
        linker: &Linker,
        crates: &str,
        target: &Path,
    ) -> Result<Command> {
        let mut cargo = match &self.source {
            Source::Debian => {
                let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", crates);
                match action {
                    Action::Build => cargo.arg("build").env_remove("RUSTC_WORKSPACE_WRAPPER"),
                    // As `cargo clippy` of the compiler's own cargo does it.
                    Action::Clippy => cargo
                        .arg("check")
                        .env("RUSTC_WORKSPACE_WRAPPER", DEBIAN_CLIPPY)
                        .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__"),
                };
                cargo
            }
            Source::Rustup(name) => {
                let mut cargo = Command::new("rustup");
                let action = match action {
                    Action::Build => "build",
                    Action::Clippy => "clippy",
                };
                cargo.args(["run", name, "cargo", action, "-Zbuild-std=core"]);
                cargo.env_remove("RUSTC").env_remove("CARGO").env_remove("RUSTC_WORKSPACE_WRAPPER");
                cargo
            }
        };
        let path = env::var_os("PATH").unwrap_or_default();
        let dirs = [linker.dir.clone()].into_iter().chain(env::split_paths(&path));
        cargo
            .args(["--release", "--target", TARGET, "--target-dir"])
            .arg(target)
            .env("PATH", env::join_paths(dirs).context("failed to extend PATH")?)
            .env("LD_LIBRARY_PATH", self.link_llvm(target)?)
            .env_remove("RUSTC_WRAPPER");
        Ok(cargo)
    }

    /// Makes a folder in `target` with the compiler's LLVM and no other: bpf-linker takes the first that it sees on
    /// its library path, and systems have many in one folder.
    fn link_llvm(&self, target: &Path) -> Result<PathBuf> {
        let mut numbers = self.llvm.split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        let name = format!("libLLVM.so.{major}.{minor}");
        let lib = self.sysroot.join("lib");
        // Debian has libraries in a folder for the processor, rustup adds its own version to the name.
        let library = [lib.join(format!("{}-linux-gnu", env::consts::ARCH)), lib]
            .iter()
            .filter_map(|dir| fs::read_dir(dir).ok())
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&name)))
            .with_context(|| format!("failed to find {name} of {}", self.rustc))?;
        let dir = target.join("llvm");
        fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
        let link = dir.join("libLLVM.so");
        if fs::read_link(&link).ok().as_ref() != Some(&library) {
            // Fails where there is none yet, and the next line tells of anything else.
            let _ = fs::remove_file(&link);
            symlink(&library, &link).with_context(|| format!("failed to create {}", link.display()))?;
        }
        Ok(dir)
    }

    /// Where the compiler's own sources seem to lie, if it has them.
    pub(crate) fn source_dir(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust")
    }
}

/// A bpf-linker.
#[derive(Clone, Debug)]
pub(crate) struct Linker {
    dir: PathBuf,
    version: String,
}

/// The bpf-linker to use: the one that setup has built, else one on PATH.
pub(crate) fn linker() -> Option<Linker> {
    let built = cache::tools().ok().map(|tools| tools.join("bin/bpf-linker"));
    built.into_iter().chain(command::find("bpf-linker")).find_map(|path| {
        let said = command::stdout(Command::new(&path).arg("--version")).ok()?;
        Some(Linker { version: said.split_whitespace().last()?.to_owned(), dir: path.parent()?.to_owned() })
    })
}

/// Every compiler on this machine that can build probes, the preferred one first.
pub(crate) fn compilers() -> Vec<Compiler> {
    let debian = inspect(Source::Debian)
        .filter(|rust| rust.sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir());
    let list = command::stdout(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let nightlies = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("nightly"))
        .filter_map(|name| inspect(Source::Rustup(name.to_owned())))
        .filter(|rust| rust.source_dir().join("library/core").is_dir());
    debian.into_iter().chain(nightlies).collect()
}

/// The compiler and linker that `recorded` names if they are here, else the preferred ones.
pub(crate) fn choose(recorded: Option<&Record>) -> Result<(Compiler, Linker)> {
    let linker = linker().with_context(|| {
        let install = format!("cargo install bpf-linker --version {BPF_LINKER_VERSION} --locked");
        format!("failed to find bpf-linker: run `cargo xtask setup` or `{install}`")
    })?;
    let mut compilers = compilers();
    let is_recorded =
        |rust: &Compiler| recorded.is_some_and(|old| old.rustc == rust.rustc && old.llvm == rust.llvm);
    let found = compilers.iter().position(is_recorded).unwrap_or(0);
    if compilers.is_empty() {
        bail!("failed to find a compiler for probes: {CURE}");
    }
    Ok((compilers.swap_remove(found), linker))
}

fn inspect(source: Source) -> Option<Compiler> {
    let rustc = |args: &[&str]| {
        let (program, first): (OsString, Vec<&str>) = match &source {
            Source::Debian => (DEBIAN_RUSTC.into(), Vec::new()),
            Source::Rustup(name) => ("rustup".into(), vec!["run", name, "rustc"]),
        };
        command::stdout(Command::new(program).args(first).args(args)).ok()
    };
    let version = rustc(&["-vV"])?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?.to_owned();
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    Some(Compiler { rustc: version.lines().next()?.to_owned(), llvm, sysroot, source })
}

/// The name by which rustup installs this very nightly later on.
fn dated(sysroot: &Path) -> Option<String> {
    let manifest = fs::read_to_string(sysroot.join("lib/rustlib/multirust-channel-manifest.toml")).ok()?;
    let date = manifest.lines().find_map(|line| line.strip_prefix("date = \"")?.strip_suffix('"'))?;
    Some(format!("nightly-{date}"))
}
