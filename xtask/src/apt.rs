//! An apt of its own for each suite, so that packages of any release can be fetched and none is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{cache, command, sources};

/// The package lists of one suite, apart from those of the system.
pub(crate) struct Suite {
    config: PathBuf,
}

impl Suite {
    /// Writes the configuration for `suite` and fetches its lists.
    pub(crate) fn update(suite: &str) -> Result<Self> {
        let mirror = sources::mirror_of(suite)?;
        let dir = cache::dir(Path::new("apt").join(suite))?;
        for sub in ["lists/partial", "archives/partial", "sources"] {
            let sub = dir.join(sub);
            fs::create_dir_all(&sub).with_context(|| format!("failed to create {}", sub.display()))?;
        }
        let key = mirror.signed_by.map(|key| format!("Signed-By: {key}\n")).unwrap_or_default();
        let source = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nArchitectures: amd64\n{key}",
            mirror.uri
        );
        cache::write(&dir.join("sources/kernels.sources"), source.as_bytes())?;
        cache::write(&dir.join("status"), b"")?;
        let config = dir.join("apt.conf");
        cache::write(&config, configuration(&dir).as_bytes())?;

        let suite = Self { config };
        command::run(suite.apt("apt-get").args(["-qq", "update"]))?;
        Ok(suite)
    }

    /// Names of the packages that match `pattern`, a regular expression.
    pub(crate) fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let found = command::stdout(self.apt("apt-cache").args(["search", "--names-only", pattern]))?;
        Ok(found.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// Fetches `package` and unpacks its files into `dir`.
    pub(crate) fn unpack(&self, package: &str, dir: &Path) -> Result<()> {
        command::run(self.apt("apt-get").args(["-q", "download", package]).current_dir(dir))?;
        let entries = fs::read_dir(dir).with_context(|| format!("failed to read {}", dir.display()))?;
        let deb = entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .with_context(|| format!("failed to find the downloaded package {package}"))?;
        command::run(Command::new("dpkg").arg("-x").arg(&deb).arg(dir))
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.config).env("LC_ALL", "C");
        command
    }
}

/// apt's configuration: everything it writes or reads about packages lies in `dir`.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"Dir::State "{dir}";
Dir::State::lists "{dir}/lists";
Dir::State::status "{dir}/status";
Dir::Cache "{dir}";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{dir}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "root";
// A list that failed to arrive is an error and no reason to go on with the old one.
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
// The system's hooks are about the system's packages.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
"#
    )
}
