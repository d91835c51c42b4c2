//! The contract between the probes and their user side: plain data, no dependencies, no allocation.
//!
//! One module a tool, each with its event, its configuration and the kernel fields it reads; beside them what
//! several tools share.
#![no_std]

mod constant;
pub mod counts;
pub mod field;
pub mod filter;
pub mod plain;
pub mod preempt;
pub mod ring;
pub mod task;

pub use constant::Const;
pub use plain::Plain;

/// `execsnoop;` registers the contract in the file of that name.
macro_rules! tools {
    ($($name:ident;)+) => {
        $(pub mod $name;)+

        /// The kernel fields that each tool reads.
        #[cfg(not(target_arch = "bpf"))]
        pub const TOOLS: &[(&str, &[field::Group])] = &[$((stringify!($name), $name::FIELDS)),+];
    };
}

tools! {
    execsnoop;
}
