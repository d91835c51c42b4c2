//! The command line: tools, and commands about them.

mod completions;
mod doctor;
mod links;
mod list;
mod man;
mod schema;

use std::{ffi::OsString, path::Path};

use anyhow::Result;
use clap::{ArgMatches, Command};

use crate::tools;

/// A command that is no tool.
struct About {
    command: fn() -> Command,
    run: fn(&ArgMatches) -> Result<()>,
}

const ABOUT: &[About] = &[
    About { command: list::command, run: list::run },
    About { command: doctor::command, run: doctor::run },
    About { command: links::command, run: links::run },
    About { command: completions::command, run: completions::run },
    About { command: man::command, run: man::run },
    About { command: schema::command, run: schema::run },
];

/// The whole command line.
pub fn root() -> Command {
    Command::new("kscope")
        .about("Show what the kernel does: bcc's tools in one binary")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands(tools::ALL.iter().map(|tool| (tool.command)()))
        .subcommands(ABOUT.iter().map(|about| (about.command)()))
}

/// Runs what `matches` name.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let Some((name, matches)) = matches.subcommand() else { anyhow::bail!("no command given") };
    if let Some(tool) = tools::find(name) {
        return (tool.run)(matches);
    }
    match ABOUT.iter().find(|about| (about.command)().get_name() == name) {
        Some(about) => (about.run)(matches),
        None => anyhow::bail!("no command {name}"),
    }
}

/// The arguments as [`root`] takes them: called by the name of a tool, kscope is that tool.
pub fn arguments(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let called =
        arguments.first().and_then(|path| Path::new(path).file_name()).and_then(|name| name.to_str());
    if let Some(tool) = called.and_then(tools::find) {
        arguments.splice(..1, ["kscope".into(), tool.meta.name.into()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sound() {
        root().debug_assert();
    }

    #[test]
    fn the_name_it_is_called_by_picks_the_tool() {
        let called = |words: &[&str]| arguments(words.iter().map(OsString::from));
        assert_eq!(called(&["/usr/sbin/execsnoop", "-x"]), ["kscope", "execsnoop", "-x"]);
        assert_eq!(called(&["./kscope", "list"]), ["./kscope", "list"]);
        assert!(called(&[]).is_empty());
    }

    #[test]
    fn help_stays_as_it_is() {
        for tool in tools::ALL {
            let help = (tool.command)().term_width(100).render_long_help().to_string();
            insta::assert_snapshot!(format!("help-{}", tool.meta.name), help);
        }
        insta::assert_snapshot!("help-kscope", root().term_width(100).render_long_help().to_string());
    }
}
