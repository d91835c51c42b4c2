//! `kscope completions`.

use std::io::Write as _;

use anyhow::Result;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::{Shell, generate};

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print a completion script for a shell")
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)))
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let Some(shell) = matches.get_one::<Shell>("shell") else { anyhow::bail!("no shell given") };
    let mut script = Vec::new();
    generate(*shell, &mut super::root(), "kscope", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
