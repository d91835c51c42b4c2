//! Programs on preemptible tracepoints.
//!
//! Since v7 (and not yet in v6.18) a task can be preempted in a program on a tracepoint. Until it goes on, the kernel
//! skips that program on that CPU, and counts how often. So such a program has a second copy behind it on the same
//! tracepoint, which takes over what the first one was skipped for. Switching preemption off in the program would not
//! do: the task is then preempted when it is switched on again, which is still in the program.

use aya_ebpf::{macros::map, maps::HashMap};
use probes_common::{Const, preempt::Preempt};

use crate::counts::count;

#[unsafe(no_mangle)]
static PREEMPT: Preempt = Preempt { has_second: Const::new(0) };

/// Threads that have been through the first copy and not yet come to the second one: as many as are preempted just
/// there. The loader sizes it where there are second copies.
#[map]
static PREEMPT_DONE: HashMap<u32, u8> = HashMap::with_max_entries(1, 0);

/// Runs `body` in the first copy, on behalf of the thread `tid` (of the initial PID namespace).
#[inline(always)]
pub fn first<R>(tid: u32, body: impl FnOnce() -> Option<R>) -> Option<R> {
    if PREEMPT.has_second.get() != 0 {
        let _ = PREEMPT_DONE.insert(tid, 1, 0);
    }
    body()
}

/// Runs `body` in the second copy, if the first one was skipped for this thread.
#[inline(always)]
pub fn second<R>(tid: u32, body: impl FnOnce() -> Option<R>) -> Option<R> {
    if PREEMPT_DONE.remove(tid).is_ok() {
        return None;
    }
    count(|counts| &mut counts.rescued);
    body()
}
