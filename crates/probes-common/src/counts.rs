//! What a probe did not hand over, and why.

use crate::Plain;

/// One CPU's counters; the map [`COUNTS`](self) has one of these for each possible CPU, a cache line apart.
///
/// generated = shown + filtered + lost, for every tool: an event that is not in the ring is counted here.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that a filter turned away.
    pub filtered: u64,
    /// Events that found the ring buffer full.
    pub lost_ring: u64,
    /// Events, or state that events need, that found a map full.
    pub lost_map: u64,
    /// Stacks that could not be stored.
    pub lost_stack: u64,
    /// Values outside what a histogram can hold.
    pub lost_range: u64,
    /// Runs that the kernel skipped, because the program was already running on that CPU: another task was
    /// preempted in it. The kernel counts these itself; no probe writes here.
    pub lost_recursion: u64,
    /// Such runs that the program's second copy took.
    pub rescued: u64,
    /// Fills the line.
    pub reserved: u64,
}

// SAFETY: eight u64, 64 bytes, no padding.
unsafe impl Plain for Counts {}

impl Counts {
    /// Adds another CPU's counters.
    pub fn add(&mut self, other: &Self) {
        self.filtered += other.filtered;
        self.lost_ring += other.lost_ring;
        self.lost_map += other.lost_map;
        self.lost_stack += other.lost_stack;
        self.lost_range += other.lost_range;
        self.lost_recursion += other.lost_recursion;
        self.rescued += other.rescued;
    }

    /// All that was lost, for whatever reason.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_ring + self.lost_map + self.lost_stack + self.lost_range + self.lost_recursion
    }
}
