//! Filters that a probe applies before it reads or reserves anything.

use crate::{Const, Plain};

/// Which set of the map `FILTER_SETS` a number is looked up in; the upper half of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Set {
    /// Process IDs (thread group IDs of the kernel).
    Pid,
    /// Thread IDs.
    Tid,
    /// User IDs.
    Uid,
    /// Process IDs of parents.
    Ppid,
}

/// The key of `value` in the map `FILTER_SETS`.
#[inline(always)]
#[must_use]
pub const fn key(set: Set, value: u32) -> u64 {
    (set as u64) << 32 | value as u64
}

/// Cgroups that one run can filter on.
pub const MAX_CGROUPS: u32 = 16;

/// The global `FILTER`. All zero lets everything pass, and the verifier removes what is switched off.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Not 0: only processes in [`Set::Pid`].
    pub pid: Const<u32>,
    /// Not 0: only threads in [`Set::Tid`].
    pub tid: Const<u32>,
    /// Not 0: only users in [`Set::Uid`].
    pub uid: Const<u32>,
    /// Not 0: only children of processes in [`Set::Ppid`].
    pub ppid: Const<u32>,
    /// How many slots of the map `FILTER_CGROUPS` are in use; a task must be in or below one of them.
    pub cgroups: Const<u32>,
    /// Not 0: only processes in the map `FILTER_TREE`: a command and its descendants.
    pub tree: Const<u32>,
    /// The inode of the PID namespace whose numbers are used; 0 stands for the initial one.
    pub namespace: Const<u32>,
    /// The glob that the command name must match.
    pub comm: Glob,
}

// SAFETY: u32 throughout, no padding.
unsafe impl Plain for Filter {}

impl Filter {
    /// Lets everything pass.
    #[must_use]
    pub const fn none() -> Self {
        const OFF: Const<u32> = Const::new(0);
        Self {
            pid: OFF,
            tid: OFF,
            uid: OFF,
            ppid: OFF,
            cgroups: OFF,
            tree: OFF,
            namespace: OFF,
            comm: Glob::off(),
        }
    }
}

/// A compiled glob: a set of states, moved on by one byte at a time.
///
/// State `i` (bit `i`) means that the first `i` single-byte elements of the pattern have matched. A byte `c` moves
/// state `i` to `i + 1` where bit `i` of `steps[c]` is set, and a `*` in front of element `i` keeps state `i`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Glob {
    /// The state that accepts, as a bit; 0 switches the glob off.
    pub accept: Const<u32>,
    /// The states that a `*` keeps.
    pub stays: Const<u32>,
    /// For each byte, the states it moves on.
    pub steps: [Const<u32>; 256],
}

impl Glob {
    /// Matches everything, at no cost.
    #[must_use]
    pub const fn off() -> Self {
        Self { accept: Const::new(0), stays: Const::new(0), steps: [Const::new(0); 256] }
    }

    /// Whether the name, up to its first NUL, matches.
    #[inline(always)]
    pub fn matches(&self, name: &[u8; 16]) -> bool {
        let accept = self.accept.get();
        if accept == 0 {
            return true;
        }
        let stays = self.stays.get();
        let mut states = 1u32;
        for &byte in name {
            if byte == 0 {
                break;
            }
            states = (states & self.steps[byte as usize].get()) << 1 | states & stays;
        }
        states & accept != 0
    }
}
