//! The tools: one line each.

use anyhow::Result;
use clap::{ArgMatches, Command};
use loader::{btf::Btf, hook::Decision};

use crate::{column::Field, meta::Meta};

/// A tool, as the rest of the program sees it.
pub struct Tool {
    /// What is said about it.
    pub meta: &'static Meta,
    /// Its command line.
    pub command: fn() -> Command,
    /// Runs it.
    pub run: fn(&ArgMatches) -> Result<()>,
    /// What an event has for programs.
    pub fields: fn() -> Vec<Field>,
    /// Attaches all its hooks, whatever the options, and says how each was served.
    pub try_hooks: fn(&Btf) -> Result<Vec<loader::Result<Decision>>>,
}

/// `execsnoop: events;` registers the type `Tool` of the module `execsnoop`, which has the shape `events`.
macro_rules! tools {
    ($($name:ident: $shape:ident;)+) => {
        $(mod $name;)+

        /// All tools, by name.
        pub const ALL: &[Tool] = &[$(crate::shape::$shape::tool::<$name::Tool>()),+];
    };
}

tools! {
    execsnoop: events;
}

/// The tool of that name.
pub fn find(name: &str) -> Option<&'static Tool> {
    ALL.iter().find(|tool| tool.meta.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_in_order_and_have_probes() {
        assert!(ALL.is_sorted_by_key(|tool| tool.meta.name));
        let names: Vec<&str> = ALL.iter().map(|tool| tool.meta.name).collect();
        assert_eq!(loader::probes().collect::<Vec<_>>(), names);
        assert_eq!(probes_common::TOOLS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn have_sound_command_lines() {
        for tool in ALL {
            (tool.command)().debug_assert();
        }
    }
}
