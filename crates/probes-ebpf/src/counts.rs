//! Counting what is not handed over.

use aya_ebpf::{helpers::bpf_get_smp_processor_id, macros::map, maps::Array};
use probes_common::counts::Counts;

/// `BPF_F_MMAPABLE` (v5.5): the reader sees the counters without a system call, or a capability.
const MMAPABLE: u32 = 1 << 10;

/// One element a CPU; the loader sizes it.
#[map]
static COUNTS: Array<Counts> = Array::with_max_entries(1, MMAPABLE);

/// Changes this CPU's counters. No lock and no atomic: preemption is off in all hooks but those of a preemptible
/// kernel, where an interrupted increment may be lost only between two programs of one CPU.
#[inline(always)]
pub fn count(change: impl FnOnce(&mut Counts)) {
    // SAFETY: the helper has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(counts) = COUNTS.get_ptr_mut(cpu) {
        // SAFETY: the verifier checked the pointer; nobody else on this CPU uses it meanwhile.
        change(unsafe { &mut *counts });
    }
}
