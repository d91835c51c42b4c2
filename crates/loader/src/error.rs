//! What can go wrong between an object file and an attached program.

use std::io;

use crate::{btf, hook::Decision};

/// An error of the loader: what was tried, what the kernel said, and where there is one, the cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel's BTF could not be read, or lacks what the tool reads.
    #[error(transparent)]
    Btf(#[from] btf::Error),
    /// This binary has no probe of that name.
    #[error("there is no probe {0} in this binary for this architecture")]
    NoProbe(String),
    /// The object file does not fit the code that uses it.
    #[error("probe {tool}: {reason}; rebuild it with `cargo xtask build-ebpf`")]
    Object {
        /// The tool.
        tool: String,
        /// What does not fit.
        reason: String,
    },
    /// A map could not be created, filled or mapped.
    #[error("failed to {action} map {map}: {source}{}", permission_hint(source))]
    Map {
        /// What was tried.
        action: &'static str,
        /// The map.
        map: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No way to serve a hook was left.
    #[error("{}", refused(decision))]
    Hook {
        /// What was tried, and why it failed.
        decision: Box<Decision>,
    },
    /// A system call failed.
    #[error("failed to {action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The process lacks privileges.
    #[error("{0}")]
    Privilege(String),
}

impl Error {
    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::System { action: action.into(), source }
    }
}

fn refused(decision: &Decision) -> String {
    let reasons: Vec<String> = decision.refused.iter().map(ToString::to_string).collect();
    format!("this kernel does not let kscope see {}: {}", decision.hook.what, reasons.join("; "))
}

/// Before v5.11 maps count as locked memory, and a small limit looks like a lack of privileges.
fn permission_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            " (run as root, not inside a user namespace; before Linux 5.11 also raise `ulimit -l`)"
        }
        _ => "",
    }
}

/// A result of the loader.
pub type Result<T, E = Error> = std::result::Result<T, E>;
