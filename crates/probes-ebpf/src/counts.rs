//! Counting what is not handed over.

use core::arch::asm;

use aya_ebpf::{helpers::bpf_get_smp_processor_id, macros::map, maps::Array};
use probes_common::counts::Counts;

/// `BPF_F_MMAPABLE` (v5.5): the reader sees the counters without a system call, or a capability.
const MMAPABLE: u32 = 1 << 10;

/// One element a CPU; the loader sizes it.
#[map]
static COUNTS: Array<Counts> = Array::with_max_entries(1, MMAPABLE);

/// Adds one to one of this CPU's counters. Atomic, because another task may be preempted in the same line.
#[inline(always)]
pub fn count(counter: impl FnOnce(&mut Counts) -> &mut u64) {
    // SAFETY: the helper has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(counts) = COUNTS.get_ptr_mut(cpu) {
        // SAFETY: the verifier checked the pointer. The instruction is the atomic addition that v5.10 has; rustc has
        // no other name for it, since the target has no compare-and-swap.
        unsafe { asm!("lock *(u64 *)({} + 0) += {}", in(reg) counter(&mut *counts), in(reg) 1_u64) };
    }
}
