//! Side by side with the peers, on work of our own: what a tool costs.

mod exec;
mod peer;
mod statistics;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use self::statistics::Pairs;
use crate::{command, setup};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pairs of runs, ours and the peer's, in turn
    #[arg(long, default_value_t = 15)]
    pairs: usize,
    /// Execs of a run that measures the probes
    #[arg(long, default_value_t = 2000)]
    execs: u32,
}

/// Runs the command: builds the release, sets the peer up, and prints a table in Markdown.
pub(crate) fn main(args: &Args) -> Result<()> {
    let ours =
        Tool { name: "kscope execsnoop", command: vec![release()?.into_os_string(), "execsnoop".into()] };
    let theirs = peer::execsnoop()?;
    setup::programs(&["bpftool"], "measuring")?;
    let mut rows = Vec::new();
    let [start, memory] = exec::starts(&ours, &theirs, args.pairs)?;
    rows.push(("start to first possible event, ms", start));
    rows.push(("peak RSS, kB", memory));
    rows.push((
        "in the probes for an exec, ns",
        exec::in_probes(&ours, &theirs, args.pairs.div_ceil(3), args.execs)?,
    ));

    println!(
        "| execsnoop | kscope | {} | ratio of medians | 95 % interval |\n|---|---|---|---|---|",
        theirs.name
    );
    for (what, pairs) in rows {
        let Pairs { ours, theirs } = pairs.medians();
        let (low, high) = pairs.interval();
        println!("| {what} | {ours:.1} | {theirs:.1} | {:.2} | {low:.2} to {high:.2} |", ours / theirs);
    }
    Ok(())
}

/// A command that traces execs.
struct Tool {
    name: &'static str,
    command: Vec<std::ffi::OsString>,
}

impl Tool {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command
    }
}

/// The program as users have it.
fn release() -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(command::workspace());
    command::show(cargo.args(["build", "--quiet", "--release", "--package", "kscope"]))?;
    Ok(command::host_target_dir()?.join("release/kscope"))
}
