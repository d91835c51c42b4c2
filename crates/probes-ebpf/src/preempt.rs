//! Programs on preemptible tracepoints.
//!
//! Since v7 (and not yet in v6.18) a task can be preempted in a program on a tracepoint. Until it goes on, the kernel
//! skips that program on that CPU, and counts how often. So such a program has a second copy behind it on the same
//! tracepoint, which takes over what the first one was skipped for. Switching preemption off in the program would not
//! do: the task is then preempted when it is switched on again, which is still in the program.

use probes_common::counts::Counts;

use crate::counts::{count, this_cpu};

/// Runs `body` in the first copy, on behalf of the thread `tid` (of the initial PID namespace).
#[inline(always)]
pub fn first<R>(tid: u32, body: impl FnOnce() -> Option<R>) -> Option<R> {
    let turn = this_cpu()?;
    set(turn, tid, 0);
    let result = body();
    set(turn, 0, tid);
    result
}

/// Runs `body` in the second copy, if the first one was skipped for this thread: if another thread is in it, and this
/// one has not just been through it.
#[inline(always)]
pub fn second<R>(tid: u32, body: impl FnOnce() -> Option<R>) -> Option<R> {
    let turn = this_cpu()?;
    // SAFETY: the map's element of this CPU; the kernel keeps the thread on it.
    let (busy, last) =
        unsafe { ((&raw const (*turn).busy).read_volatile(), (&raw const (*turn).last).read_volatile()) };
    if busy == 0 || last == tid {
        return None;
    }
    count(|counts| &mut counts.rescued);
    body()
}

#[inline(always)]
fn set(turn: *mut Counts, busy: u32, last: u32) {
    // SAFETY: as above. Volatile, because another program reads this in between.
    unsafe {
        (&raw mut (*turn).last).write_volatile(last);
        (&raw mut (*turn).busy).write_volatile(busy);
    }
}
