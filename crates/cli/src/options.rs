//! Options that mean the same in every tool.

use std::{ffi::OsString, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;

use crate::scope::glob::Glob;

/// Which tasks a run is about. All of these work in the kernel, before anything is read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters")]
pub struct Filters {
    /// Trace these process IDs only
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Trace these thread IDs only
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub tid: Vec<u32>,
    /// Trace children of these process IDs only
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ppid: Vec<u32>,
    /// Trace these users only, by name or number
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pub uid: Vec<User>,
    /// Trace commands whose name matches this pattern only (`*`, `?`, `[a-z]`)
    #[arg(long, value_name = "GLOB")]
    pub comm: Option<Glob>,
    /// Trace tasks in or below this cgroup (v2) only; may be repeated
    #[arg(long, value_name = "PATH")]
    pub cgroup: Vec<PathBuf>,
    /// Trace this container only, by name or by the beginning of its ID; may be repeated
    #[arg(long, value_name = "NAME")]
    pub container: Vec<String>,
    /// bcc's filter by pinned map, which says what to use in its place
    #[arg(long, hide = true, value_parser = no_pinned_map)]
    pub cgroupmap: Option<String>,
    /// Likewise
    #[arg(long, hide = true, value_parser = no_pinned_map)]
    pub mntnsmap: Option<String>,
    /// Run COMMAND, and trace it and its descendants until it ends
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How long a run lasts, and how it gets its events.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Run")]
pub struct Limits {
    /// End after this time: seconds, or with a unit as in 500ms, 1.5s, 2m, 1h
    #[arg(long, value_name = "SECS")]
    pub duration: Option<Seconds>,
    /// Show events every SECS, not as they come
    #[arg(long, value_name = "SECS")]
    pub interval: Option<Seconds>,
    /// End after this many intervals (of one second, unless --interval says otherwise)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,
    /// End after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_events: Option<u64>,
    /// Size of the buffer between kernel and kscope, in pages of 4 KiB: a power of two
    #[arg(long, value_name = "PAGES", default_value = "256", value_parser = power_of_two)]
    pub buffer_pages: u32,
}

/// Where results go, and how they look.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Print one JSON object a line
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long)]
    pub csv: bool,
    /// Write to FILE, which must not exist
    #[arg(long = "output", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Let --output replace a file
    #[arg(long, requires = "file")]
    pub force: bool,
    /// Never use colour (nor with `NO_COLOR` set, or when the output is no terminal)
    #[arg(long)]
    pub no_color: bool,
    /// Say on stderr how the probes were attached, and whose PIDs are shown
    #[arg(short, long)]
    pub verbose: bool,
}

/// A positive length of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" => 60.0,
            "h" => 3600.0,
            unit => return Err(format!("unknown unit `{unit}` (ms, s, m or h)")),
        };
        let number: f64 = digits.parse().map_err(|_| "not a number of seconds".to_owned())?;
        match Duration::try_from_secs_f64(number * unit) {
            Ok(length) if !length.is_zero() => Ok(Self(length)),
            _ => Err("must be more than 0".to_owned()),
        }
    }
}

/// A user, resolved to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User(pub u32);

impl FromStr for User {
    type Err = String;

    /// Names come from /etc/passwd alone: a static binary cannot ask NSS.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self(number));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        find_user(&passwd, text)
            .map(Self)
            .ok_or_else(|| format!("no user {text} in /etc/passwd; give the number"))
    }
}

fn find_user(passwd: &str, name: &str) -> Option<u32> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

fn no_pinned_map(_: &str) -> Result<String, String> {
    Err("kscope filters by no map of yours; use --cgroup PATH or --container NAME".to_owned())
}

fn power_of_two(text: &str) -> Result<u32, String> {
    const MOST: u32 = 1 << 18;
    match text.parse::<u32>() {
        Ok(pages) if pages.is_power_of_two() && pages <= MOST => Ok(pages),
        _ => Err(format!("must be a power of two from 1 to {MOST}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lengths_of_time() {
        for (text, milliseconds) in
            [("1", 1000), ("0.25", 250), ("500ms", 500), ("1.5s", 1500), ("2m", 120_000)]
        {
            assert_eq!(text.parse(), Ok(Seconds(Duration::from_millis(milliseconds))), "{text}");
        }
        for text in ["", "0", "-1", "ten", "5 s", "3d", "inf", "nan", "1e30"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }

    #[test]
    fn finds_users_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/var/www:/bin/false\nbroken\n";
        assert_eq!(find_user(passwd, "www"), Some(33));
        assert_eq!(find_user(passwd, "ww"), None);
        assert_eq!(find_user(passwd, "broken"), None);
    }

    #[test]
    fn wants_powers_of_two() {
        assert_eq!(power_of_two("64"), Ok(64));
        for text in ["0", "3", "524288", "-1", "x"] {
            assert!(power_of_two(text).is_err(), "{text}");
        }
    }
}
