//! `kscope doctor`.

use std::{fs, io::Write as _};

use anyhow::{Result, bail};
use clap::{ArgMatches, Command};
use comfy_table::{Table, presets};
use loader::{
    btf::{Btf, KERNEL},
    hook::{Decision, describe},
    privilege,
};

use crate::{
    scope,
    text::escape,
    tools::{self, Tool},
};

pub(super) fn command() -> Command {
    Command::new("doctor")
        .about("Tell what this kernel lets kscope do: each tool, how it attaches, and why")
        .after_help("Probes are attached for a moment, to find out. The status is 1 if any tool cannot run.")
}

pub(super) fn run(_: &ArgMatches) -> Result<()> {
    let mut report = Report::new();
    let system = rustix::system::uname();
    let release = escape(system.release().to_bytes());
    let machine = escape(system.machine().to_bytes());
    let btf = Btf::kernel();

    match &btf {
        Ok(btf) => {
            let size = format!("{:.1} MiB", btf.size() as f64 / f64::from(1 << 20));
            report.add(Health::Good, "BTF", &format!("{KERNEL}, {size}"));
        }
        Err(error) => report.add(Health::Bad, "BTF", &error.to_string()),
    }
    let missing = privilege::missing()?.join(" and ");
    if missing.is_empty() {
        report.add(Health::Good, "capabilities", "all that loading probes takes");
    } else {
        report.add(Health::Bad, "capabilities", &format!("{missing} missing: run `sudo kscope doctor`"));
    }
    check_lockdown(&mut report);
    report.add(Health::Good, "PIDs", &scope::describe_namespace()?);
    match symbolize::check_kernel() {
        Ok(()) => report.add(Health::Good, "kernel symbols", symbolize::KALLSYMS),
        Err(error) => report.add(Health::Note, "kernel symbols", &error.to_string()),
    }
    for tool in tools::ALL {
        report.space();
        match &btf {
            Ok(btf) if missing.is_empty() => check_tool(tool, btf, &mut report),
            Ok(_) => report.break_tool(tool, &format!("needs {missing}")),
            Err(_) => report.break_tool(tool, "needs BTF"),
        }
    }

    let mut out = std::io::stdout().lock();
    writeln!(out, "kscope {} on Linux {release}, {machine}\n", env!("CARGO_PKG_VERSION"))?;
    for line in report.table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    match report.broken.as_slice() {
        [] => Ok(()),
        broken => bail!("{} cannot run here", broken.join(", ")),
    }
}

/// The mode stands in brackets: `none [integrity] confidentiality`.
fn check_lockdown(report: &mut Report) {
    const PATH: &str = "/sys/kernel/security/lockdown";
    let modes = fs::read_to_string(PATH).unwrap_or_default();
    let mode = modes.split(['[', ']']).nth(1);
    let (health, text) = match mode {
        Some("none") => (Health::Good, "none".to_owned()),
        Some("confidentiality") => {
            (Health::Note, "confidentiality: only hooks that read no kernel memory by helper work".to_owned())
        }
        Some(mode) => (Health::Good, mode.to_owned()),
        None => (Health::Note, format!("unknown: {PATH} cannot be read")),
    };
    report.add(health, "lockdown", &text);
}

fn check_tool(tool: &Tool, btf: &Btf, report: &mut Report) {
    let outcomes = match (tool.try_hooks)(btf) {
        Ok(outcomes) => outcomes,
        Err(error) => return report.break_tool(tool, &format!("{error:#}")),
    };
    if outcomes.iter().all(Result::is_ok) {
        report.add(Health::Good, tool.meta.name, tool.meta.summary);
    } else {
        report.break_tool(tool, tool.meta.summary);
    }
    for outcome in outcomes {
        match outcome {
            Ok(decision) => report.explain(&decision),
            Err(loader::Error::Hook { decision }) => report.explain(&decision),
            Err(error) => report.add_detail("", &error.to_string()),
        }
    }
}

/// How a finding is to be taken.
#[derive(Clone, Copy)]
enum Health {
    Good,
    Note,
    Bad,
}

struct Report {
    table: Table,
    broken: Vec<&'static str>,
}

impl Report {
    fn new() -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        Self { table, broken: Vec::new() }
    }

    fn add(&mut self, health: Health, what: &str, text: &str) {
        let health = match health {
            Health::Good => "ok",
            Health::Note => "note",
            Health::Bad => "BAD",
        };
        self.table.add_row([health, what, &escape(text.as_bytes())]);
    }

    fn space(&mut self) {
        self.table.add_row(["", "", ""]);
    }

    /// A tool that cannot run.
    fn break_tool(&mut self, tool: &Tool, why: &str) {
        self.broken.push(tool.meta.name);
        self.add(Health::Bad, tool.meta.name, why);
    }

    fn add_detail(&mut self, what: &str, text: &str) {
        self.table.add_row(["", &format!("  {what}"), &escape(text.as_bytes())]);
    }

    /// A hook, the way that serves it, and why the ways before it do not.
    fn explain(&mut self, decision: &Decision) {
        let taken = decision.taken.map_or_else(|| "none".to_owned(), describe);
        let why = if decision.refused.is_empty() { " (first choice)" } else { "" };
        self.add_detail(decision.hook.what, &format!("{taken}{why}"));
        for refusal in &decision.refused {
            self.add_detail("", &format!("not {refusal}"));
        }
    }
}
