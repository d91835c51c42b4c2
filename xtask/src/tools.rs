//! The tools there are, read from the one list that all others must match.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The list of contracts.
pub(crate) const CONTRACTS: &str = "crates/probes-common/src/lib.rs";

/// The names in the `tools!` list of `file`, in order.
pub(crate) fn registered(root: &Path, file: &str) -> Result<Vec<String>> {
    let path = root.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let names: Vec<String> = text
        .lines()
        .skip_while(|line| line.trim() != "tools! {")
        .skip(1)
        .take_while(|line| line.trim() != "}")
        .filter_map(|line| line.trim().split([';', ':']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        bail!("failed to find a list `tools! {{ ... }}` in {}", path.display());
    }
    Ok(names)
}
