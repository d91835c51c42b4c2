//! `execsnoop`: one event for each `execve` or `execveat`.

use crate::{Const, Plain};

/// Bytes of a path that are kept, with its NUL (`PATH_MAX`).
pub const MAX_FILE: u32 = 4096;

/// The most bytes of arguments that can be asked for.
pub const MAX_ARGS: u32 = 65536;

/// Elements that each CPU has in the map `SCRATCH`, one for each program that may be at work there.
pub const SLOTS: u32 = 3;

/// Bytes of one element of the map `SCRATCH`. Twice the arguments, because the verifier does not relate where a
/// string begins to how long it may be.
#[must_use]
pub const fn record_size(max_args: u32) -> u32 {
    size_of::<Header>() as u32 + MAX_FILE + 2 * max_args
}

/// Arguments of a failed exec that are read; the kernel side unrolls this for the verifier.
pub const MAX_FAILED_ARGS: usize = 64;

crate::fields! {
    /// The new program, in `sched_process_exec`.
    pub EXEC: ExecFields {
        /// Where the path given to exec stands on the new stack.
        exec: u64 = linux_binprm.exec;
        filename: *const u8 = linux_binprm.filename;
        /// Differs from `filename` when a script's interpreter runs.
        interp: *const u8 = linux_binprm.interp;
        argc: i32 = linux_binprm.argc;
        arg_start: u64 = mm_struct.arg_start;
        arg_end: u64 = mm_struct.arg_end;
    }
}

crate::fields! {
    /// The registers of a task in a system call (x86_64).
    pub REGS: RegsFields {
        number: u64 = pt_regs.orig_ax;
        arg0: u64 = pt_regs.di;
        arg1: u64 = pt_regs.si;
        arg2: u64 = pt_regs.dx;
    }
}

/// All that the loader resolves for this tool.
#[cfg(not(target_arch = "bpf"))]
pub const FIELDS: &[crate::field::Group] = &[crate::task::TASK, crate::task::PID, EXEC, REGS];

/// The global `CONFIG`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of arguments that an event carries at most; at most [`MAX_ARGS`].
    pub max_args: Const<u32>,
}

// SAFETY: one u32.
unsafe impl Plain for Config {}

/// What stands in front of an event's path and arguments.
///
/// `file_len` bytes of path and `args_len` bytes of arguments follow; each argument ends with a NUL, but for the
/// last one of a cut list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// `CLOCK_MONOTONIC`, ns.
    pub time: u64,
    /// The process, in the reader's PID namespace; 0 if it has no number there.
    pub pid: u32,
    /// Its parent, likewise.
    pub ppid: u32,
    /// The real user ID, in the initial user namespace.
    pub uid: u32,
    /// The CPU that ran the exec.
    pub cpu: u32,
    /// 0, or the negative error number.
    pub ret: i32,
    /// [`CUT`], [`INTERPRETED`], [`UNREADABLE`].
    pub flags: u32,
    /// The directory that a failed `execveat` named; [`NO_DIRECTORY`] otherwise.
    pub dirfd: i32,
    /// Arguments the new image has; for a failed exec, those that were read.
    pub argc: u32,
    /// Bytes of path behind the header, without a NUL.
    pub file_len: u32,
    /// Bytes of arguments behind the path.
    pub args_len: u32,
    /// The command name: the new one, or that of the thread whose exec failed.
    pub comm: [u8; 16],
    /// The parent's command name.
    pub pcomm: [u8; 16],
}

// SAFETY: one u64, ten u32, 32 bytes: 80 bytes, no padding.
unsafe impl Plain for Header {}

const _: () = assert!(size_of::<Header>() == 80);

/// The arguments go on beyond what the event carries.
pub const CUT: u32 = 1;
/// An interpreter runs: the arguments begin with it, not with the path given to exec.
pub const INTERPRETED: u32 = 2;
/// Part of the arguments could not be read.
pub const UNREADABLE: u32 = 4;

/// `AT_FDCWD`: the path of a failed exec is as the caller gave it.
pub const NO_DIRECTORY: i32 = -100;
