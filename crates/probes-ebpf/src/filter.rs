//! Which tasks a run is about.

use aya_ebpf::{
    macros::map,
    maps::{CgroupArray, HashMap},
};
use probes_common::filter::{Filter, MAX_CGROUPS, Set, key};

use crate::counts::count;

/// What the user asked for.
#[unsafe(no_mangle)]
pub static FILTER: Filter = Filter::none();

#[map]
static FILTER_SETS: HashMap<u64, u8> = HashMap::with_max_entries(1, 0);

#[map]
static FILTER_CGROUPS: CgroupArray = CgroupArray::with_max_entries(MAX_CGROUPS, 0);

/// Processes that descend from the command kscope was given; kept by the programs in [`tree`](crate::tree).
#[map]
pub static FILTER_TREE: HashMap<u32, u8> = HashMap::with_max_entries(1, 0);

/// Who did what is traced. All numbers are of the reader's PID namespace.
pub struct Subject {
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The process that made it.
    pub ppid: u32,
    /// The real user.
    pub uid: u32,
    /// The command name.
    pub comm: [u8; 16],
}

impl Subject {
    /// Whether the user wants to see this; counted if not. The running task must be the subject.
    #[inline(always)]
    pub fn is_wanted(&self) -> bool {
        let wanted = passes(FILTER.uid.get(), Set::Uid, self.uid)
            && passes(FILTER.pid.get(), Set::Pid, self.pid)
            && passes(FILTER.tid.get(), Set::Tid, self.tid)
            && passes(FILTER.ppid.get(), Set::Ppid, self.ppid)
            && FILTER.comm.matches(&self.comm)
            && (FILTER.tree.get() == 0 || FILTER_TREE.get_ptr(self.pid).is_some())
            && in_cgroup();
        if !wanted {
            count(|counts| &mut counts.filtered);
        }
        wanted
    }
}

#[inline(always)]
fn passes(switch: u32, set: Set, value: u32) -> bool {
    switch == 0 || FILTER_SETS.get_ptr(key(set, value)).is_some()
}

#[inline(always)]
fn in_cgroup() -> bool {
    let cgroups = FILTER.cgroups.get();
    if cgroups == 0 {
        return true;
    }
    for slot in 0..MAX_CGROUPS {
        if slot >= cgroups {
            break;
        }
        if FILTER_CGROUPS.current_task_under_cgroup(slot) == Ok(true) {
            return true;
        }
    }
    false
}
