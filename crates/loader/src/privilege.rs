//! Capabilities: which ones a run needs, and giving them up.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use crate::{Error, Result};

/// What loading and attaching probes takes (v5.8; `CAP_SYS_ADMIN` includes both).
const NEEDED: [(CapabilitySet, &str); 2] =
    [(CapabilitySet::BPF, "CAP_BPF"), (CapabilitySet::PERFMON, "CAP_PERFMON")];

/// The names of the needed capabilities that this process lacks.
///
/// # Errors
///
/// capget(2) failed.
pub fn missing() -> Result<Vec<&'static str>> {
    let held = held()?.effective;
    if held.contains(CapabilitySet::SYS_ADMIN) {
        return Ok(Vec::new());
    }
    Ok(NEEDED.iter().filter(|(needed, _)| !held.contains(*needed)).map(|(_, name)| *name).collect())
}

/// Fails, naming the cure, unless this process may load probes.
///
/// # Errors
///
/// [`Error::Privilege`], in one line.
pub fn require(tool: &str) -> Result<()> {
    let missing = missing()?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Privilege(format!(
        "{tool} needs {} to load its probes: run `sudo kscope {tool}`",
        missing.join(" and ")
    )))
}

/// Gives up every capability, for good: what is attached stays attached, and reading it needs none.
///
/// # Errors
///
/// capset(2) or prctl(2) failed.
pub fn drop_all() -> Result<()> {
    let none = CapabilitySet::empty();
    set_no_new_privs(true).map_err(|error| Error::system("set no_new_privs")(error.into()))?;
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|error| Error::system("drop capabilities")(error.into()))
}

fn held() -> Result<CapabilitySets> {
    capabilities(None).map_err(|error| Error::system("read this process's capabilities")(error.into()))
}
