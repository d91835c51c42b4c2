//! `kscope list`.

use std::io::Write as _;

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use comfy_table::{Table, presets};

use crate::{meta::Meta, tools};

pub(super) fn command() -> Command {
    Command::new("list")
        .about("List the tools, or those that answer a question")
        .after_help("Example: kscope list which processes start")
        .arg(Arg::new("words").value_name("WORDS").num_args(0..).help("What you want to know"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let words: Vec<String> = matches.get_many::<String>("words").into_iter().flatten().cloned().collect();
    let wanted = meaningful(&words.join(" "));
    let mut found: Vec<(usize, &Meta)> =
        tools::ALL.iter().map(|tool| (score(tool.meta, &wanted), tool.meta)).collect();
    if !wanted.is_empty() {
        found.retain(|(score, _)| *score > 0);
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    }
    if found.is_empty() {
        bail!("no tool answers that; `kscope list` has them all");
    }

    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (_, meta) in found {
        table.add_row([meta.name, meta.summary]);
        for question in meta.questions {
            table.add_row(["", question]);
        }
    }
    let mut out = std::io::stdout().lock();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// How many of the words a tool's own words answer.
fn score(meta: &Meta, wanted: &[String]) -> usize {
    let texts = meta.questions.iter().chain([&meta.name, &meta.summary]);
    let known: Vec<String> = texts.flat_map(|text| meaningful(text)).collect();
    wanted.iter().filter(|word| known.contains(word)).count()
}

/// The words that tell questions apart, without endings.
fn meaningful(text: &str) -> Vec<String> {
    const COMMON: [&str; 24] = [
        "a", "an", "and", "are", "by", "do", "does", "for", "how", "in", "is", "it", "my", "of", "on", "or",
        "that", "the", "this", "to", "what", "which", "who", "why",
    ];
    text.split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !COMMON.contains(&word.as_str()))
        .map(|word| {
            let stem = ["ing", "es", "ed", "s"].iter().find_map(|end| word.strip_suffix(end));
            stem.filter(|stem| stem.len() > 2).map_or(word.clone(), str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tools_by_question() {
        let ask = |question: &str| {
            let wanted = meaningful(question);
            tools::ALL
                .iter()
                .filter(|tool| score(tool.meta, &wanted) > 0)
                .map(|tool| tool.meta.name)
                .collect::<Vec<_>>()
        };
        assert!(ask("Which processes start?").contains(&"execsnoop"));
        assert!(ask("failing exec").contains(&"execsnoop"));
        assert!(ask("what is the").is_empty());
        assert!(ask("weather forecast").is_empty());
    }
}
