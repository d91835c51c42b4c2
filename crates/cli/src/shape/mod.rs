//! How a kind of tool runs, for every face at once.

pub mod events;
