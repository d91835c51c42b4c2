//! The package sources of the machine: which mirrors it uses and whose signatures it trusts.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Debian's releases by name and by rank; other vendors' sources are no mirror of it.
const RELEASES: &str =
    "bullseye bookworm trixie forky duke sid oldoldstable oldstable stable testing unstable experimental";

/// One source of packages, as apt is told about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Source {
    /// Root of the mirror.
    pub(crate) uri: String,
    /// What is taken from it, `bookworm` or `bookworm-security`.
    pub(crate) suites: Vec<String>,
    /// Value of `Signed-By`: a key file, or the key itself in lines that start with a space.
    pub(crate) signed_by: Option<String>,
    components: Vec<String>,
}

impl Source {
    /// Whether the source mirrors Debian: its security archive, or the main one.
    fn mirrors(&self, security: bool) -> bool {
        self.components.iter().any(|component| component == "main")
            && self.suites.iter().any(|suite| {
                let release = suite.split(['-', '/']).next().unwrap_or(suite);
                RELEASES.split(' ').any(|known| known == release) && is_security(suite) == security
            })
    }
}

/// The mirror of this machine that should have `suite`.
pub(crate) fn mirror_of(suite: &str) -> Result<Source> {
    pick(all(Path::new("/etc/apt"))?, suite).with_context(|| {
        format!("failed to find a Debian mirror for {suite}: the apt sources in /etc/apt name none")
    })
}

/// The best of `sources` for `suite`: one that Debian's own keyring signs, else the first.
fn pick(sources: Vec<Source>, suite: &str) -> Option<Source> {
    sources
        .into_iter()
        .filter(|source| source.mirrors(is_security(suite)))
        .min_by_key(|source| !source.signed_by.as_ref().is_some_and(|key| key.contains("debian-archive")))
}

/// Whether `suite` is one of the security archive; before Debian 11 they were called `buster/updates`.
fn is_security(suite: &str) -> bool {
    suite.ends_with("-security") || suite.ends_with("/updates")
}

/// Every source in apt's configuration folder, of both file formats.
fn all(etc: &Path) -> Result<Vec<Source>> {
    if !etc.is_dir() {
        bail!(
            "failed to find apt: Debian's kernels are fetched with it, so run this on Debian or in its container"
        );
    }
    let mut files = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        let mut parts: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        parts.sort();
        files.extend(parts);
    }
    let mut sources = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let read = || fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()));
        match file.extension().and_then(OsStr::to_str) {
            Some("list") => sources.extend(read()?.lines().filter_map(parse_line)),
            Some("sources") => sources.extend(read()?.split("\n\n").flat_map(parse_stanza)),
            // apt takes no other names either.
            _ => {}
        }
    }
    Ok(sources)
}

/// A line of the classic format: `deb [options] uri suite components...`.
fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uri: words.next()?,
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: options
            .split_whitespace()
            .find_map(|word| word.strip_prefix("signed-by=").map(str::to_owned)),
    })
}

/// A stanza of the deb822 format; one source for each of its URIs.
fn parse_stanza(stanza: &str) -> Vec<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in stanza.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let words = |name| field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let types: Vec<String> = words("types");
    if field("enabled") == Some("no") || !types.iter().any(|kind| kind == "deb") {
        return Vec::new();
    }
    let uris: Vec<String> = words("uris");
    let source = |uri| Source {
        uri,
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
    };
    uris.into_iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "\
# comment
Types: deb deb-src
URIs: http://a.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By:
 -----BEGIN
 .
 key

Types: deb
Enabled: no
URIs: http://b.example/debian-security
Suites: trixie-security
Components: main
";

    #[test]
    fn reads_both_formats() {
        let sources: Vec<Source> = DEB822.split("\n\n").flat_map(parse_stanza).collect();
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].suites, ["trixie", "trixie-updates"]);
        assert_eq!(sources[0].signed_by.as_deref(), Some("\n -----BEGIN\n .\n key"));

        let line = "deb [arch=amd64 signed-by=/keys/debian-archive.gpg] http://a.example/debian sid main contrib # x";
        let source = parse_line(line).unwrap();
        assert_eq!(
            (source.uri.as_str(), source.suites.as_slice()),
            ("http://a.example/debian", &["sid".to_owned()][..])
        );
        assert_eq!(source.signed_by.as_deref(), Some("/keys/debian-archive.gpg"));
        assert_eq!(parse_line("deb-src http://a.example/debian sid main"), None);
        assert_eq!(parse_line("# deb http://a.example/debian sid main"), None);
    }

    #[test]
    fn picks_debian_and_not_its_neighbours() {
        let sources = || {
            [
                "deb http://vendor.example/linux/debian bookworm stable",
                "deb http://cli.example/packages stable main",
                "deb [signed-by=/k/debian-archive-keyring.gpg] http://a.example/debian bookworm main",
                "deb http://s.example/debian-security bookworm-security main",
            ]
            .into_iter()
            .filter_map(parse_line)
            .collect()
        };
        assert_eq!(pick(sources(), "sid").unwrap().uri, "http://a.example/debian");
        assert_eq!(pick(sources(), "trixie-security").unwrap().uri, "http://s.example/debian-security");
        assert_eq!(pick(vec![], "sid"), None);
    }
}
