//! Running other programs: quiet while they work, and their own words when they fail.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// How many lines of a failed program's output an error repeats.
const TAIL: usize = 30;

/// Runs `command` to its end and gives its stdout; a failure carries the end of its output.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {}", line(command)))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let said = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        bail!("failed to run {} ({}):\n{}", line(command), output.status, tail(&said, TAIL));
    }
    Ok(stdout.into_owned())
}

/// Runs `command` to its end and forgets what it printed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    stdout(command).map(drop)
}

/// Runs `command` to its end and lets its stderr through, for programs that say only what one must read.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("failed to start {}", line(command)))?;
    if !status.success() {
        bail!("failed to run {} ({status})", line(command));
    }
    Ok(())
}

/// The file that `program` names: on PATH, or in the folders for root that PATH may leave out.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// An LLVM tool by its plain name, or else the newest that a distribution installed as `name-NN`.
pub(crate) fn find_llvm(name: &str) -> Option<PathBuf> {
    find(name).or_else(|| (11..100).rev().find_map(|version| find(&format!("{name}-{version}"))))
}

/// The last `count` lines of `text`.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// One line of progress, on stderr to keep stdout for results.
pub(crate) fn step(what: &str) {
    eprintln!("xtask: {what}");
}

/// The folder with the workspace's Cargo.toml.
pub(crate) fn workspace() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder that cargo builds into.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}

/// The part of it with what runs on this machine: the workspace names its target.
pub(crate) fn host_target_dir() -> Result<PathBuf> {
    let version = stdout(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(target_dir().join(host.context("failed to learn this machine's target from `rustc -vV`")?))
}

/// `command` as one would type it.
fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_repeats_what_the_program_said() {
        let error = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("exit status: 3") && error.ends_with("out\nerr"), "{error}");
    }

    #[test]
    fn tail_keeps_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
