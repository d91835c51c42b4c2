//! `kscope links`.

use std::{os::unix::fs::symlink, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::tools;

pub(super) fn command() -> Command {
    Command::new("links")
        .about("Make links by which the tools are called by their own names")
        .arg(Arg::new("folder").value_name("DIR").required(true).value_parser(value_parser!(PathBuf)))
}

/// Makes what is not there. Nothing is replaced: a link fails where any file of that name stands.
pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let Some(folder) = matches.get_one::<PathBuf>("folder") else { anyhow::bail!("no folder given") };
    let binary = std::env::current_exe().context("failed to find out where kscope is")?;
    for tool in tools::ALL {
        let link = folder.join(tool.meta.name);
        if std::fs::read_link(&link).is_ok_and(|target| target == binary) {
            continue;
        }
        symlink(&binary, &link).with_context(|| format!("failed to make the link {}", link.display()))?;
    }
    Ok(())
}
