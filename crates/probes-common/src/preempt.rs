//! Programs on preemptible tracepoints.

use crate::{Const, Plain};

/// The global `PREEMPT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Preempt {
    /// Not 0: second copies of programs are attached, which have to be told what the first ones have done.
    pub has_second: Const<u32>,
}

// SAFETY: one u32.
unsafe impl Plain for Preempt {}
