//! `kscope man`: manual pages, from the command line and from what each tool says of itself.

use std::io::Write as _;

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use crate::tools::{self, Tool};

pub(super) fn command() -> Command {
    Command::new("man")
        .about("Print a manual page, to read with `man -l -`")
        .arg(Arg::new("tool").value_name("TOOL").help("The tool; kscope itself by default"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let page = match matches.get_one::<String>("tool") {
        None => main_page()?,
        Some(name) => match tools::find(name) {
            Some(tool) => tool_page(tool)?,
            None => bail!("no tool {name}; `kscope list` has them all"),
        },
    };
    Ok(std::io::stdout().write_all(&page)?)
}

fn main_page() -> Result<Vec<u8>> {
    let command = super::root();
    let man = manual(command, "kscope");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["TOOLS"]);
    for tool in tools::ALL {
        roff.control("TP", []);
        roff.text([bold(format!("kscope-{}(8)", tool.meta.name))]);
        roff.text([roman(tool.meta.summary)]);
    }
    roff.control("SH", ["COMMANDS"]);
    for about in super::ABOUT {
        let command = (about.command)();
        roff.control("TP", []);
        roff.text([bold(command.get_name())]);
        roff.text([roman(command.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    section(&mut roff, "EXIT STATUS", EXIT_STATUS);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn tool_page(tool: &Tool) -> Result<Vec<u8>> {
    let meta = tool.meta;
    let command = (tool.command)().bin_name(format!("kscope {}", meta.name));
    let man = manual(command.display_name(format!("kscope-{}", meta.name)), &format!("kscope-{}", meta.name));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;

    let mut roff = Roff::new();
    section(&mut roff, "DESCRIPTION", meta.description);
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;

    let mut roff = Roff::new();
    roff.control("SH", ["COLUMNS"]);
    for field in (tool.fields)() {
        let names =
            [field.header, field.name].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>();
        roff.control("TP", []);
        roff.text([bold(names.join(", "))]);
        roff.text([roman(field.help)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (command, what) in meta.examples {
        roff.control("TP", []);
        roff.text([bold(format!("kscope {command}"))]);
        roff.text([roman(*what)]);
    }
    section(&mut roff, "OVERHEAD", meta.overhead);
    section(&mut roff, "KERNEL SUPPORT", meta.kernel_support);
    section(&mut roff, "EXIT STATUS", EXIT_STATUS);
    section(&mut roff, "SEE ALSO", "kscope(8)");
    roff.to_writer(&mut page)?;
    Ok(page)
}

const EXIT_STATUS: &str = "\
0 when the run ended as it should, also by SIGINT, SIGTERM or because nobody reads the output any more; 1 when \
something failed, which one line on standard error names; 2 when the arguments make no sense.";

fn manual(command: Command, title: &str) -> Man {
    Man::new(command).title(title).section("8").manual("kscope").source("").date("")
}

/// A heading, and paragraphs separated by empty lines.
fn section(roff: &mut Roff, heading: &str, text: &str) {
    roff.control("SH", [heading]);
    for (i, paragraph) in text.split("\n\n").enumerate() {
        if i > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph)]);
    }
}
