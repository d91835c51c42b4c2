//! Keeping a program from being interrupted by itself.

use core::mem::transmute;

use probes_common::kfunc::{PREEMPT_DISABLE, PREEMPT_ENABLE};

/// Runs `body` with preemption off. Since v7.0 tracepoints leave it on, and the kernel skips, and counts, a program
/// that would begin on a CPU while another task is preempted in it: an exec in a thousand under emulation. Before
/// v6.11 there is nothing to call, and no need.
#[inline(always)]
pub fn without_preemption<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: the loader puts a function of that type in the place of the number, or takes the call out.
    unsafe { transmute::<usize, unsafe extern "C" fn()>(PREEMPT_DISABLE as usize)() };
    let result = body();
    // SAFETY: as above.
    unsafe { transmute::<usize, unsafe extern "C" fn()>(PREEMPT_ENABLE as usize)() };
    result
}
