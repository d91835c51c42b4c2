//! `execsnoop` beside its peer.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Tool;
use super::statistics::Pairs;
use crate::command;

/// How long a run may take to show its first event.
const BOUND: Duration = Duration::from_secs(20);

/// A program that does nothing.
const NOTHING: &str = "/bin/true";

/// Milliseconds from a tool's start to the first exec that it saw, and its peak memory in kB.
pub(super) fn starts(ours: &Tool, theirs: &Tool, pairs: usize) -> Result<[Pairs; 2]> {
    let [mut times, mut memory] = [Pairs::default(), Pairs::default()];
    for pair in 0..pairs {
        // ABBA: who goes first has no advantage over all.
        let (a, b) = if pair % 2 == 0 {
            let a = start(ours)?;
            (a, start(theirs)?)
        } else {
            let b = start(theirs)?;
            (start(ours)?, b)
        };
        times.push(a.0, b.0);
        memory.push(a.1, b.1);
    }
    Ok([times, memory])
}

/// Starts `tool`, and programs one after the other, each with its number; the first number in the output is that of
/// the first exec after the probes were attached.
fn start(tool: &Tool) -> Result<(f64, f64)> {
    let mut output = Output::new()?;
    let started = Instant::now();
    let child = output.start(tool)?;
    let mut at = Vec::new();
    // Most tools keep their output until they end, so there is nothing to wait for but time.
    while started.elapsed() < Duration::from_millis(300) {
        at.push(started.elapsed());
        run_nothing(&format!("number={}", at.len() - 1))?;
    }
    let memory = peak_memory(&child)?;
    let text = output.end(child)?;
    let first = text
        .split("number=")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok())
        .with_context(|| format!("{} has shown no exec:\n{}", tool.name, command::tail(&text, 5)))?;
    Ok((at[first].as_secs_f64() * 1e3, memory))
}

/// Nanoseconds that all probes of a tool take together for an exec.
pub(super) fn in_probes(ours: &Tool, theirs: &Tool, pairs: usize, execs: u32) -> Result<Pairs> {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
    let before = fs::read(SWITCH).with_context(|| format!("failed to read {SWITCH}"))?;
    fs::write(SWITCH, "1").with_context(|| format!("failed to write {SWITCH}"))?;
    let mut times = Pairs::default();
    let measured = (0..pairs).try_for_each(|_| {
        times.push(time_in_probes(ours, execs)?, time_in_probes(theirs, execs)?);
        Ok(())
    });
    fs::write(SWITCH, before).with_context(|| format!("failed to write {SWITCH}"))?;
    measured.map(|()| times)
}

fn time_in_probes(tool: &Tool, execs: u32) -> Result<f64> {
    let others: Vec<u64> = programs()?.iter().map(|program| program.id).collect();
    let mut output = Output::new()?;
    let child = output.start(tool)?;
    let started = Instant::now();
    let own = || -> Result<Vec<Program>> {
        Ok(programs()?.into_iter().filter(|program| !others.contains(&program.id)).collect())
    };
    // Attached as soon as its programs run.
    while own()?.iter().all(|program| program.runs == 0) {
        if started.elapsed() > BOUND {
            bail!("{} has not run its probes in {BOUND:?}", tool.name);
        }
        run_nothing("warm")?;
    }
    let before: u64 = own()?.iter().map(|program| program.time).sum();
    for _ in 0..execs {
        run_nothing("argument")?;
    }
    let after: u64 = own()?.iter().map(|program| program.time).sum();
    output.end(child)?;
    Ok((after - before) as f64 / f64::from(execs))
}

/// A program in the kernel.
struct Program {
    id: u64,
    runs: u64,
    time: u64,
}

fn programs() -> Result<Vec<Program>> {
    let text = command::stdout(Command::new("bpftool").args(["-j", "prog", "show"]))?;
    let list: Vec<Value> =
        serde_json::from_str(&text).context("failed to read bpftool's list of programs")?;
    let number = |program: &Value, field: &str| program[field].as_u64().unwrap_or(0);
    Ok(list
        .iter()
        .map(|program| Program {
            id: number(program, "id"),
            runs: number(program, "run_cnt"),
            time: number(program, "run_time_ns"),
        })
        .collect())
}

fn run_nothing(argument: &str) -> Result<()> {
    Command::new(NOTHING).arg(argument).status().with_context(|| format!("failed to run {NOTHING}"))?;
    Ok(())
}

/// The most memory that a process has had, in kB.
fn peak_memory(child: &Child) -> Result<f64> {
    let status =
        fs::read_to_string(format!("/proc/{}/status", child.id())).context("failed to read its memory")?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
        .context("failed to find its peak memory; has it ended?")
}

/// Where a tool writes: a file, which costs all of them the same.
struct Output(tempfile::NamedTempFile);

impl Output {
    fn new() -> Result<Self> {
        tempfile::NamedTempFile::new().map(Self).context("failed to create a file for output")
    }

    fn start(&mut self, tool: &Tool) -> Result<Child> {
        let file = self.0.reopen().context("failed to open the file for output")?;
        let mut command = tool.command();
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        command.spawn().with_context(|| format!("failed to start {}", tool.name))
    }

    /// Ends the tool as Ctrl-C does, and gives what it has written.
    fn end(&mut self, mut child: Child) -> Result<String> {
        kill_process(Pid::from_child(&child), Signal::INT).context("failed to end the tool")?;
        let started = Instant::now();
        while child.try_wait().context("failed to wait for the tool")?.is_none() {
            if started.elapsed() > BOUND {
                child.kill().context("failed to kill the tool")?;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(String::from_utf8_lossy(&fs::read(self.0.path()).context("failed to read the output")?)
            .into_owned())
    }
}
