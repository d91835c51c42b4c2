//! Following a command and its descendants: the hooks behind `-- COMMAND`, the same for every tool.

use crate::{
    Object, Result,
    hook::{Attachment, Hook, Point},
};

/// Processes that one run can follow at a time.
const MAX_PROCESSES: u32 = 8192;

/// A process of the tree makes another.
pub const FORK: Hook = Hook {
    what: "forks",
    ways: &[
        &[Attachment::new("tree_fork_typed", Point::TpBtf("sched_process_fork"))],
        &[Attachment::new("tree_fork_probed", Point::RawTracepoint("sched_process_fork"))],
    ],
};

/// A process of the tree ends.
pub const EXIT: Hook = Hook {
    what: "exits",
    ways: &[
        &[Attachment::new("tree_exit_typed", Point::TpBtf("sched_process_exit"))],
        &[Attachment::new("tree_exit_probed", Point::RawTracepoint("sched_process_exit"))],
    ],
};

/// Makes `object` follow `pid`, a number of the reader's PID namespace.
///
/// # Errors
///
/// The kernel refuses the map.
pub fn follow(object: &mut Object, pid: u32) -> Result<()> {
    object.resize("FILTER_TREE", MAX_PROCESSES)?;
    object.insert("FILTER_TREE", &pid, &1_u8)
}
