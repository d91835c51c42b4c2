//! `execsnoop`: successful execs from `sched_process_exec`, failed ones from the return of the system call.
#![no_std]
#![no_main]

#[path = "execsnoop/record.rs"]
mod record;

use aya_ebpf::{
    helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid},
    macros::{btf_tracepoint, fexit, kprobe, kretprobe, map, raw_tracepoint},
    maps::LruHashMap,
    programs::{BtfTracePointContext, FExitContext, ProbeContext, RawTracePointContext, RetProbeContext},
};
use probes_common::execsnoop::{EXEC, INTERPRETED, REGS};
use probes_ebpf::{
    filter::Subject,
    memory::{Memory, Probed, Typed},
    preempt,
    task::Task,
};

use self::record::{Record, Slot};

probes_ebpf::object!();

/// The registers of system calls under way, by thread; only where kprobes have to serve.
#[map]
static CALLS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(4096, 0);

/// A new program runs.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec_typed(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the hook's first argument is the task.
    let task = unsafe { Task::<Typed>::new(ctx.arg(0)) };
    done(preempt::first(current_tid(), || succeeded(&task, ctx.arg(2), Slot::Exec)))
}

/// Its second copy.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec_typed_again(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: as above.
    let task = unsafe { Task::<Typed>::new(ctx.arg(0)) };
    done(preempt::second(current_tid(), || succeeded(&task, ctx.arg(2), Slot::ExecAgain)))
}

/// The same, without BTF-typed arguments.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn exec_probed(ctx: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    let task = unsafe { Task::<Probed>::new(ctx.arg(0)) };
    done(preempt::first(current_tid(), || succeeded(&task, ctx.arg(2), Slot::Exec)))
}

/// Its second copy.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn exec_probed_again(ctx: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    let task = unsafe { Task::<Probed>::new(ctx.arg(0)) };
    done(preempt::second(current_tid(), || succeeded(&task, ctx.arg(2), Slot::ExecAgain)))
}

/// Any system call returns.
#[btf_tracepoint(function = "sys_exit")]
pub fn return_typed(ctx: BtfTracePointContext) -> i32 {
    done(failed::<Typed>(ctx.arg(0), ctx.arg(1)))
}

/// The same, without BTF-typed arguments.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn return_probed(ctx: RawTracePointContext) -> i32 {
    done(failed::<Probed>(ctx.arg(0), ctx.arg(1)))
}

/// `execve` or `execveat` returns.
#[fexit]
pub fn return_fexit(ctx: FExitContext) -> i32 {
    done(failed::<Typed>(ctx.arg(0), ctx.arg(1)))
}

/// `execve` or `execveat` is entered.
#[kprobe]
pub fn call_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(registers) = ctx.arg::<u64>(0) {
        let _ = CALLS.insert(bpf_get_current_pid_tgid(), registers, 0);
    }
    0
}

/// `execve` or `execveat` returns.
#[kretprobe]
pub fn return_kretprobe(ctx: RetProbeContext) -> u32 {
    let thread = bpf_get_current_pid_tgid();
    if let Some(registers) = CALLS.get_ptr(thread) {
        // SAFETY: the verifier checked the pointer.
        let registers = unsafe { *registers };
        let _ = CALLS.remove(thread);
        done(failed::<Probed>(registers as *const u8, ctx.ret()));
    }
    0
}

#[inline(always)]
fn done(_: Option<()>) -> i32 {
    0
}

#[inline(always)]
fn succeeded<M: Memory>(task: &Task<M>, bprm: *const u8, slot: Slot) -> Option<()> {
    let parent = task.parent()?;
    let pid = task.pid();
    // After exec the thread leads its process, so both have one number.
    let who = Subject { pid, tid: pid, ppid: parent.pid(), uid: current_uid(), comm: task.comm() };
    if !who.is_wanted() {
        return None;
    }
    let record = Record::new(slot)?;
    // SAFETY: the hook's third argument is a `struct linux_binprm *`, and the task has just got its `mm`.
    unsafe {
        // The path is read from the new stack, where the kernel put it for AT_EXECFN: no kernel memory needed.
        record.read_file(M::read(bprm, &EXEC.exec)?);
        if M::read(bprm, &EXEC.filename)? != M::read(bprm, &EXEC.interp)? {
            record.flag(INTERPRETED);
        }
        record.set_argc(M::read(bprm, &EXEC.argc)? as u32);
        let mm = task.mm()?;
        record.read_args(M::read(mm, &EXEC.arg_start)?, M::read(mm, &EXEC.arg_end)?);
    }
    record.submit(&who, &leader_name(&parent), 0);
    Some(())
}

#[inline(always)]
fn failed<M: Memory>(registers: *const u8, ret: i64) -> Option<()> {
    // SAFETY: `registers` is the `struct pt_regs *` of a task in a system call.
    let number = unsafe { M::read(registers, &REGS.number) }?;
    if ret >= 0 || (number != EXECVE && number != EXECVEAT) {
        return None;
    }
    let task = Task::current();
    if task.is_compat() {
        return None;
    }
    let parent = task.parent()?;
    let tid = task.tid(current_tid());
    let comm = bpf_get_current_comm().unwrap_or_default();
    let who = Subject { pid: task.pid(), tid, ppid: parent.pid(), uid: current_uid(), comm };
    if !who.is_wanted() {
        return None;
    }
    // SAFETY: as above.
    let (arg0, arg1, arg2) = unsafe {
        (M::read(registers, &REGS.arg0)?, M::read(registers, &REGS.arg1)?, M::read(registers, &REGS.arg2)?)
    };
    let record = Record::new(Slot::Failure)?;
    let (file, argv) = if number == EXECVE {
        (arg0, arg1)
    } else {
        record.set_dirfd(arg0 as i32);
        (arg1, arg2)
    };
    record.read_file(file);
    record.read_argv(argv);
    record.submit(&who, &leader_name(&parent), ret as i32);
    Some(())
}

#[cfg(bpf_target_arch = "x86_64")]
const EXECVE: u64 = 59;
#[cfg(bpf_target_arch = "x86_64")]
const EXECVEAT: u64 = 322;

/// The running thread, in the initial PID namespace.
#[inline(always)]
fn current_tid() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

#[inline(always)]
fn current_uid() -> u32 {
    bpf_get_current_uid_gid() as u32
}

/// The name of a process is that of its first thread, as `ps` shows it.
#[inline(always)]
fn leader_name<M: Memory>(task: &Task<M>) -> [u8; 16] {
    task.leader().map_or([0; 16], |leader| leader.comm())
}
