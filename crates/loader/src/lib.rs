//! Loads, attaches and reads kscope's probes; the only crate that knows aya.
//!
//! The way of a run: [`btf::Btf::kernel`] is asked once for all kernel fields and hooks, an [`Object`] is opened,
//! configured and attached to its [`Hook`]s, then [`Events`] and [`Counters`] are read until the object is dropped,
//! which removes everything from the kernel.

mod attach;
pub mod btf;
mod counters;
mod cpus;
mod error;
pub mod hook;
mod maps;
mod object;
mod objects;
pub mod privilege;
mod ring;
mod sys;
pub mod tree;

pub use counters::Counters;
pub use cpus::possible as possible_cpus;
pub use error::{Error, Result};
pub use hook::Hook;
pub use object::{Object, bytes_of, split_plain, zeroed};
pub use objects::names as probes;
pub use ring::{Events, now};
