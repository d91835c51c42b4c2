//! `kscope doctor`.

use anyhow::Result;
use clap::{ArgMatches, Command};

pub(super) fn command() -> Command {
    Command::new("doctor").about("Tell what this kernel lets kscope do: each tool, how it attaches, and why")
}

pub(super) fn run(_: &ArgMatches) -> Result<()> {
    Ok(())
}
