//! Following a command and its descendants (`-- COMMAND`). Loaded only for such a run.

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

use crate::{
    counts::count,
    filter::FILTER_TREE,
    memory::{Memory, Probed, Typed},
    task::Task,
};

/// A process of the tree makes another.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn tree_fork_typed(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the hook's arguments are the parent and the child.
    fork(&unsafe { Task::<Typed>::new(ctx.arg(0)) }, &unsafe { Task::new(ctx.arg(1)) })
}

/// The same, without BTF-typed arguments.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn tree_fork_probed(ctx: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    fork(&unsafe { Task::<Probed>::new(ctx.arg(0)) }, &unsafe { Task::new(ctx.arg(1)) })
}

/// A thread exits, and perhaps its process.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn tree_exit_typed(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the hook's argument is the task.
    exit(&unsafe { Task::<Typed>::new(ctx.arg(0)) })
}

/// The same, without BTF-typed arguments.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn tree_exit_probed(ctx: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    exit(&unsafe { Task::<Probed>::new(ctx.arg(0)) })
}

#[inline(always)]
fn fork<M: Memory>(parent: &Task<M>, child: &Task<M>) -> i32 {
    let (from, to) = (parent.pid(), child.pid());
    if from != to && FILTER_TREE.get_ptr(from).is_some() && FILTER_TREE.insert(to, 1, 0).is_err() {
        count(|counts| &mut counts.lost_map);
    }
    0
}

#[inline(always)]
fn exit<M: Memory>(task: &Task<M>) -> i32 {
    if task.is_last_of_process() {
        let _ = FILTER_TREE.remove(task.pid());
    }
    0
}
