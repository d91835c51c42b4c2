//! What can go wrong with names.

/// An error of symbolization.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel's list of symbols cannot be used.
    #[error("failed to read kernel symbols: {0}; is kernel.kptr_restrict set, or CAP_SYSLOG missing?")]
    Kernel(String),
}

/// A result of symbolization.
pub type Result<T, E = Error> = std::result::Result<T, E>;
