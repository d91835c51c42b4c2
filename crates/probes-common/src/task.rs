//! The fields of a task that most tools read.

crate::fields! {
    /// `struct task_struct` and what hangs from it.
    pub TASK: TaskFields {
        tgid: u32 = task_struct.tgid;
        comm: [u8; 16] = task_struct.comm;
        real_parent: *const u8 = task_struct.real_parent;
        group_leader: *const u8 = task_struct.group_leader;
        mm: *const u8 = task_struct.mm;
        signal: *const u8 = task_struct.signal;
        /// Threads of the group that have not begun to exit.
        live: i32 = signal_struct.live.counter;
        thread_pid: *const u8 = task_struct.thread_pid;
        /// x86 only.
        status: u32 = task_struct.thread_info.status, optional;
    }
}

crate::fields! {
    /// `struct pid`: one number for each PID namespace that sees the task.
    pub PID: PidFields {
        level: u32 = pid.level;
        numbers: () = pid.numbers;
        number: i32 = upid.nr;
        namespace: *const u8 = upid.ns;
        inode: u32 = pid_namespace.ns.inum;
    }
}

/// Bytes from one `struct upid` of `pid.numbers` to the next: an int and a pointer, unchanged since v2.6.24.
pub const UPID_SIZE: usize = 16;

/// PID namespaces nest this deep at most (`MAX_PID_NS_LEVEL`).
pub const MAX_LEVEL: usize = 32;

/// The inode of the initial PID namespace (`PROC_PID_INIT_INO`).
pub const INITIAL_NAMESPACE: u32 = 0xEFFF_FFFC;
