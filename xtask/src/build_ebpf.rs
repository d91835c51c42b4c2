//! Compiles the probes into the objects that the loader embeds, which are committed so that users need no compiler
//! for BPF.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::objects::{self, Files};
use crate::record::Record;
use crate::toolchain::{self, Action, Compiler, Linker};
use crate::{cache, command};

/// Processors that objects are built for.
pub(crate) const ARCHES: [&str; 1] = ["x86_64"];

const REBUILD: &str = "run `cargo xtask build-ebpf` and commit";

/// Options of `cargo xtask build-ebpf`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compare with the committed objects and change nothing
    #[arg(long)]
    check: bool,
    /// Processor of the kernels that the probes run on
    #[arg(long, value_parser = ARCHES, default_value = ARCHES[0])]
    arch: String,
}

/// What [`check`] found.
#[derive(Debug)]
pub(crate) enum Check {
    /// The committed objects are what the source compiles to.
    Identical,
    /// They come from a compiler that is not here, so bytes say nothing; this one's objects are in the folder.
    OtherToolchain {
        /// Has a `<tool>.o` for each tool.
        objects: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.check {
        if let Check::OtherToolchain { objects } = check(&args.arch)? {
            command::step(&format!("the rebuilt objects are in {}", objects.display()));
        }
        return Ok(());
    }
    build(&args.arch)
}

/// Compiles the probes and writes the objects, their index and the record of the compiler.
pub(crate) fn build(arch: &str) -> Result<()> {
    let (compiler, linker) = toolchain::choose(recorded().as_ref())?;
    let files = compile(&compiler, &linker, arch)?;
    objects::write(&committed(arch), &files)?;
    cache::write(&record_path(), compiler.record(&linker).text().as_bytes())
}

/// Compiles the probes and compares them with the committed objects.
pub(crate) fn check(arch: &str) -> Result<Check> {
    let recorded = recorded().with_context(|| {
        format!("failed to read {}, which says what built the objects: {REBUILD}", record_path().display())
    })?;
    let (compiler, linker) = toolchain::choose(Some(&recorded))?;
    let files = compile(&compiler, &linker, arch)?;
    let rebuilt = command::target_dir().join("ebpf/objects").join(arch);
    objects::write(&rebuilt, &files)?;
    let committed = committed(arch);
    let old = objects::read(&committed)?;
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    if names(&old) != names(&files) || old.get("index.rs") != files.get("index.rs") {
        bail!(
            "failed to match {} with the probes' sources, tools were added or removed: {REBUILD}",
            committed.display()
        );
    }
    let differing: Vec<&String> = files.keys().filter(|name| old.get(*name) != files.get(*name)).collect();
    if differing.is_empty() {
        return Ok(Check::Identical);
    }
    let installed = compiler.record(&linker);
    if installed != recorded {
        command::step(&format!(
            "the objects were built with {} (`{}`), and {} gives other bytes",
            recorded.name(),
            recorded.install,
            installed.name()
        ));
        return Ok(Check::OtherToolchain { objects: rebuilt });
    }
    for name in &differing {
        eprint!("{}", objects::difference(&committed.join(name), &rebuilt.join(name)));
    }
    bail!("failed to match {} object(s) with the probes' sources: {REBUILD}", differing.len());
}

/// Where the loader finds its objects.
fn objects_dir() -> PathBuf {
    command::workspace().join("crates/loader/objects")
}

fn committed(arch: &str) -> PathBuf {
    objects_dir().join(arch)
}

fn record_path() -> PathBuf {
    objects_dir().join("TOOLCHAIN")
}

fn recorded() -> Option<Record> {
    Record::parse(&fs::read_to_string(record_path()).ok()?)
}

/// Names of the tools that have a probe.
fn tools() -> Result<Vec<String>> {
    let dir = command::workspace().join("crates/probes-ebpf/src/bin");
    let files = objects::list(&dir)?;
    let tools: Vec<String> =
        files.iter().filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    if tools.is_empty() {
        bail!("failed to find probes in {}", dir.display());
    }
    Ok(tools)
}

/// Checks the probes as clippy does; warnings are errors.
pub(crate) fn lint(arch: &str) -> Result<()> {
    let (compiler, linker) = toolchain::choose(recorded().as_ref())?;
    let target = command::target_dir().join("ebpf-lint");
    command::show(&mut cargo(Action::Clippy, &compiler, &linker, arch, &target)?)
}

/// Compiles every tool's probes; gives the files of the objects' folder.
fn compile(compiler: &Compiler, linker: &Linker, arch: &str) -> Result<Files> {
    command::step(&format!("compiling the probes for {arch} with {}", compiler.record(linker).name()));
    let target = command::target_dir().join("ebpf");
    command::show(&mut cargo(Action::Build, compiler, linker, arch, &target)?)?;
    let tools = tools()?;
    let mut files = Files::new();
    for tool in &tools {
        let path = target.join("bpfel-unknown-none/release").join(tool);
        let object = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let object =
            objects::strip(&object).with_context(|| format!("failed to strip {}", path.display()))?;
        files.insert(format!("{tool}.o"), object);
    }
    files.insert("index.rs".to_owned(), objects::index(&tools, arch).into_bytes());
    Ok(files)
}

/// A cargo that works on all probes.
fn cargo(action: Action, compiler: &Compiler, linker: &Linker, arch: &str, target: &Path) -> Result<Command> {
    // aya-ebpf has inline assembly for BPF, which is not stable yet.
    let unstable = ["aya_ebpf", "probes_ebpf", "probes_common"].map(str::to_owned);
    let crates = [&unstable[..], &tools()?].concat().join(",");
    let mut cargo = compiler.cargo(action, linker, &crates, target)?;
    cargo
        .current_dir(command::workspace())
        .args(["--quiet", "--package", "probes-ebpf"])
        .env("CARGO_ENCODED_RUSTFLAGS", flags(compiler, arch)?)
        // The workspace's release profile is for the program; a change there is no change of the probes.
        .envs(
            [("DEBUG", "2"), ("LTO", "off"), ("STRIP", "none"), ("CODEGEN_UNITS", "1"), ("PANIC", "abort")]
                .map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)),
        );
    Ok(cargo)
}

/// The compiler's flags, as cargo wants them in its environment. The remaps keep this machine's folders out of the
/// objects, which have the sources' names in them.
fn flags(compiler: &Compiler, arch: &str) -> Result<String> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("failed to find cargo's folder: set CARGO_HOME")?;
    let mut remaps = vec![
        (command::workspace().to_owned(), "kscope"),
        (cargo_home.clone(), "cargo"),
        (compiler.source_dir(), "rust"),
    ];
    // Their names depend on cargo's version and on how it reaches the registry. The last flag that fits counts.
    let registries = cargo_home.join("registry/src");
    remaps.extend(
        objects::list(&registries)
            .unwrap_or_default()
            .into_iter()
            .map(|name| (registries.join(name), "registry")),
    );

    let mut flags = vec![
        format!("--cfg=bpf_target_arch=\"{arch}\""),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "-Clinker=bpf-linker".to_owned(),
    ];
    flags.extend(remaps.iter().map(|(from, to)| format!("--remap-path-prefix={}=/{to}", from.display())));
    Ok(flags.join("\x1f"))
}
