//! The ring buffer that carries events.

use crate::{Const, Plain};

/// The global `RING`: how a probe uses the ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Bytes waiting from which on the reader is woken; below it, the reader's timer comes by.
    pub wake_at: Const<u64>,
}

// SAFETY: one u64.
unsafe impl Plain for Ring {}
