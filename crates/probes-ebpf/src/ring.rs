//! Handing events over.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::RingBuf,
};
use probes_common::{Const, Plain, ring::Ring};

use crate::counts::count;

/// The loader sets the size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

#[unsafe(no_mangle)]
static RING: Ring = Ring { wake_at: Const::new(0) };

/// Whether the reader is to be woken now: only when the ring is half full, for a wake-up costs fifty times the copy.
/// To be asked before an event's length is computed: v5.10 forgets what it knows of a number that a call made it put
/// on the stack.
#[inline(always)]
pub fn wakeup() -> u64 {
    let waiting = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    u64::from(if waiting >= RING.wake_at.get() { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP })
}

/// Puts an event into the ring, or counts it as lost. `wakeup` comes from [`wakeup`].
#[inline(always)]
pub fn output(event: &[u8], wakeup: u64) {
    if EVENTS.output::<[u8]>(event, wakeup).is_err() {
        count(|counts| &mut counts.lost_ring);
    }
}

/// Puts an event of fixed size into the ring, or counts it as lost.
#[inline(always)]
pub fn output_plain<T: Plain>(event: &T) {
    // SAFETY: a `Plain` value is all initialised bytes.
    let bytes =
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(event).cast::<u8>(), size_of::<T>()) };
    output(bytes, wakeup());
}
