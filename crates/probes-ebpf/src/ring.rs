//! Handing events over.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::RingBuf,
};
use probes_common::{Const, ring::Ring};

use crate::counts::count;

/// The loader sets the size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

#[unsafe(no_mangle)]
static RING: Ring = Ring { wake_at: Const::new(0) };

/// Puts an event into the ring, or counts it as lost. The reader is woken only when the ring is half full: a
/// wake-up costs fifty times the copy.
#[inline(always)]
pub fn output(event: &[u8]) {
    let waiting = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    let flags = if waiting >= RING.wake_at.get() { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP };
    if EVENTS.output::<[u8]>(event, u64::from(flags)).is_err() {
        count(|counts| counts.lost_ring += 1);
    }
}
