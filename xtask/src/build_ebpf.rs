//! Compiles the probes into the objects that the loader embeds, which are committed so that users need no compiler
//! for BPF.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use object::build::elf::{Builder, SectionData};
use similar::TextDiff;

use crate::toolchain::{self, Compiler, Linker, Record};
use crate::{cache, command};

/// Processors that objects are built for.
pub(crate) const ARCHES: [&str; 1] = ["x86_64"];

/// Lines of a tool's difference to show.
const DIFF_LINES: usize = 60;
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

/// Files of one processor's folder by name.
type Files = BTreeMap<String, Vec<u8>>;

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
    write(&committed(arch), &files)?;
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
    write(&rebuilt, &files)?;
    let committed = committed(arch);
    let old = read(&committed)?;
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
        eprint!("{}", difference(&committed.join(name), &rebuilt.join(name)));
    }
    bail!("failed to match {} object(s) with the probes' sources: {REBUILD}", differing.len());
}

/// Where the loader finds its objects.
fn objects() -> PathBuf {
    command::workspace().join("crates/loader/objects")
}

fn committed(arch: &str) -> PathBuf {
    objects().join(arch)
}

fn record_path() -> PathBuf {
    objects().join("TOOLCHAIN")
}

fn recorded() -> Option<Record> {
    Record::parse(&fs::read_to_string(record_path()).ok()?)
}

/// Names of the tools that have a probe.
fn tools() -> Result<Vec<String>> {
    let dir = command::workspace().join("crates/probes-ebpf/src/bin");
    let files = list(&dir)?;
    let tools: Vec<String> =
        files.iter().filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    if tools.is_empty() {
        bail!("failed to find probes in {}", dir.display());
    }
    Ok(tools)
}

/// Compiles every tool's probes; gives the files of the objects' folder.
fn compile(compiler: &Compiler, linker: &Linker, arch: &str) -> Result<Files> {
    let tools = tools()?;
    command::step(&format!("compiling the probes for {arch} with {}", compiler.record(linker).name()));
    let target = command::target_dir().join("ebpf");
    // aya-ebpf has inline assembly for BPF, which is not stable yet.
    let unstable = ["aya_ebpf", "probes_ebpf", "probes_common"].map(str::to_owned);
    let crates = [&unstable[..], &tools].concat().join(",");
    let mut cargo = compiler.cargo_build(linker, &crates, &target)?;
    cargo
        .current_dir(command::workspace())
        .args(["--quiet", "--package", "probes-ebpf"])
        .env("CARGO_ENCODED_RUSTFLAGS", flags(compiler, arch)?)
        // The workspace's release profile is for the program; a change there is no change of the probes.
        .envs(
            [("DEBUG", "2"), ("LTO", "off"), ("STRIP", "none"), ("CODEGEN_UNITS", "1"), ("PANIC", "abort")]
                .map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)),
        );
    command::show(&mut cargo)?;
    let mut files = Files::new();
    for tool in &tools {
        let path = target.join("bpfel-unknown-none/release").join(tool);
        let object = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let object = strip(&object).with_context(|| format!("failed to strip {}", path.display()))?;
        files.insert(format!("{tool}.o"), object);
    }
    files.insert("index.rs".to_owned(), index(&tools, arch).into_bytes());
    Ok(files)
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
        list(&registries).unwrap_or_default().into_iter().map(|name| (registries.join(name), "registry")),
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

/// Removes what only debuggers read; types and line numbers for the kernel stay.
fn strip(object: &[u8]) -> Result<Vec<u8>> {
    let mut elf = Builder::read(object)?;
    for section in &mut elf.sections {
        let name = section.name.as_slice();
        section.delete = [&b".debug_"[..], b".rel.debug_"].iter().any(|prefix| name.starts_with(prefix));
    }
    elf.delete_orphans();
    // LLVM keeps the names of sections and of symbols in one table; the writer wants two.
    let names = elf.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = object::elf::SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    elf.write(&mut stripped)?;
    Ok(stripped)
}

/// The list of objects that the loader includes.
fn index(tools: &[String], arch: &str) -> String {
    let mut text = "// Generated by `cargo xtask build-ebpf`.\n&[\n".to_owned();
    for tool in tools {
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/objects/{arch}/{tool}.o\")");
        let _ = writeln!(text, "    (\"{tool}\", aya::include_bytes_aligned!({path})),");
    }
    text + "]\n"
}

/// The difference of two objects' instructions, as far as it is worth reading.
fn difference(old: &Path, new: &Path) -> String {
    let Some(objdump) = command::find_llvm("llvm-objdump") else {
        return format!("{} differs; `cargo xtask setup` installs what shows how\n", old.display());
    };
    let disassemble = |path: &Path| {
        let text = command::stdout(
            Command::new(&objdump).args(["-d", "--no-show-raw-insn", "--no-leading-addr"]).arg(path),
        );
        // The first lines name the file.
        text.map_or_else(
            |error| format!("{error:#}"),
            |text| {
                text.lines()
                    .skip_while(|line| !line.starts_with("Disassembly"))
                    .collect::<Vec<_>>()
                    .join("\n")
            },
        )
    };
    let (before, after) = (disassemble(old), disassemble(new));
    if before == after {
        return format!("{} differs in data, types or line numbers and not in instructions\n", old.display());
    }
    let diff = TextDiff::from_lines(&before, &after);
    let text = diff.unified_diff().header(&old.display().to_string(), &new.display().to_string()).to_string();
    let mut lines: Vec<&str> = text.lines().take(DIFF_LINES).collect();
    let left = text.lines().count() - lines.len();
    let more = format!("... and {left} more lines");
    if left > 0 {
        lines.push(&more);
    }
    lines.join("\n") + "\n"
}

/// Makes `dir` have these files and no others.
fn write(dir: &Path, files: &Files) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("failed to create {}", dir.display()))?;
    for (name, bytes) in files {
        let path = dir.join(name);
        // What has not changed keeps its time, and cargo has nothing to do.
        if fs::read(&path).ok().as_ref() != Some(bytes) {
            cache::write(&path, bytes)?;
        }
    }
    for name in list(dir)?.iter().filter(|name| !files.contains_key(*name)) {
        let path = dir.join(name);
        fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
    }
    Ok(())
}

/// Reads every file of `dir`.
fn read(dir: &Path) -> Result<Files> {
    let read = |name: String| {
        let path = dir.join(&name);
        let bytes = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        Ok((name, bytes))
    };
    list(dir)?.into_iter().map(read).collect()
}

/// Names of the files in `dir`, sorted.
fn list(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("failed to read {}", dir.display()))?;
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_one_line_a_tool() {
        let index = index(&["biolatency".to_owned(), "execsnoop".to_owned()], "x86_64");
        let lines: Vec<&str> = index.lines().collect();
        assert_eq!(lines[..2], ["// Generated by `cargo xtask build-ebpf`.", "&["]);
        assert!(lines[3].starts_with("    (\"execsnoop\", aya::include_bytes_aligned!("), "{index}");
        assert!(lines[3].contains("/objects/x86_64/execsnoop.o"), "{index}");
        assert_eq!(lines[4..], ["]"]);
    }

    #[test]
    fn a_folder_loses_what_has_no_source() {
        let dir = env::temp_dir().join(format!("kscope-objects-{}", std::process::id()));
        let files =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), b"x".to_vec())).collect::<Files>();
        write(&dir, &files(&["a.o", "b.o"])).unwrap();
        write(&dir, &files(&["b.o", "c.o"])).unwrap();
        assert_eq!(read(&dir).unwrap(), files(&["b.o", "c.o"]));
        fs::remove_dir_all(&dir).unwrap();
    }
}
