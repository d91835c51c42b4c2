//! What can go wrong, and what the user can do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use probes_common::field::Candidate;

/// The module's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why BTF could not be read, or does not hold what a probe needs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The running kernel exports no BTF.
    #[error(
        "the kernel has no BTF: looked for {path}; needs a kernel built with CONFIG_DEBUG_INFO_BTF=y \
         (check `ls /sys/kernel/btf`)"
    )]
    NoBtf {
        /// The file that is not there.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("cannot read BTF from {file}: {source}")]
    Read {
        /// The path, or a name for bytes in memory.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are not BTF as Documentation/bpf/btf.rst describes it.
    #[error("{file} is not valid BTF: {why}")]
    Corrupt {
        /// The path, or a name for bytes in memory.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A type of a kind that this program does not know and that the file does not say how to skip.
    #[error("{file} has a type of unknown kind {kind} (type id {id}): this kernel needs a newer kscope")]
    UnknownKind {
        /// The path, or a name for bytes in memory.
        file: String,
        /// The kind's number.
        kind: u8,
        /// The type's id.
        id: u32,
    },
    /// Required fields or enumerators that the kernel lacks, or keeps in a form the probe cannot read.
    #[error("{}", display_missing(.0))]
    Missing(Vec<Missing>),
    /// The answers are asked for something that the query did not hold.
    #[error("the BTF query did not ask for {0}: add its group to the query")]
    NotAsked(&'static str),
}

/// One required spec that no candidate satisfies.
#[derive(Clone, Debug)]
pub struct Missing {
    /// The group's global and the spec's name, such as `TASK.state`.
    pub wanted_for: String,
    /// The kernel's names that were looked for, in order of preference.
    pub looked_for: Vec<String>,
    /// For the candidates that exist but do not fit: why.
    pub misfits: Vec<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usable = if self.misfits.is_empty() { "" } else { "usable " };
        write!(f, "{usable}{} (wanted for {})", self.looked_for.join(" or "), self.wanted_for)?;
        for misfit in &self.misfits {
            write!(f, ": {misfit}")?;
        }
        Ok(())
    }
}

fn display_missing(missing: &[Missing]) -> String {
    let each: Vec<String> = missing.iter().map(Missing::to_string).collect();
    format!("this kernel has no {}", each.join("; no "))
}

/// Why one candidate does not answer its spec; the later variants tell more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    /// Nothing of that name.
    Absent,
    /// There, but not in a form that a probe can read.
    Misfit(String),
}

/// The kernel's name for what a candidate looks for.
pub(super) fn display_candidate(candidate: &Candidate) -> String {
    match candidate {
        Candidate::Member { path, module: None, .. } => path.join("."),
        Candidate::Member { path, module: Some(module), .. } => {
            format!("{} (built in or in module {module})", path.join("."))
        }
        Candidate::Enumerator { of: "_", name } => format!("enumerator {name}"),
        Candidate::Enumerator { of, name } => format!("enumerator {of}.{name}"),
    }
}
