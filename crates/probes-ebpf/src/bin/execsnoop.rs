//! `execsnoop`: successful execs from `sched_process_exec`, failed ones from the return of the system call.
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_get_smp_processor_id,
        bpf_ktime_get_ns, bpf_probe_read_user,
        generated::{bpf_probe_read_user as read_user, bpf_probe_read_user_str as read_user_str},
    },
    macros::{btf_tracepoint, fexit, kprobe, kretprobe, map, raw_tracepoint},
    maps::{Array, LruHashMap},
    programs::{BtfTracePointContext, FExitContext, ProbeContext, RawTracePointContext, RetProbeContext},
};
use probes_common::{
    Const,
    execsnoop::{
        CUT, Config, EXEC, Header, INTERPRETED, MAX_FAILED_ARGS, MAX_FILE, NO_DIRECTORY, REGS, SLOTS,
        UNREADABLE,
    },
};
use probes_ebpf::{
    filter::Subject,
    memory::{Memory, Probed, Typed},
    preempt, ring,
    task::Task,
};

probes_ebpf::object!();

#[unsafe(no_mangle)]
static CONFIG: Config = Config { max_args: Const::new(0) };

/// A record is put together here: header, path, arguments. [`SLOTS`] elements a CPU; the loader sets the number and the size, which is `record_size` of the contract.
#[map]
static SCRATCH: Array<Header> = Array::with_max_entries(1, 0);

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

/// The element of a CPU in [`SCRATCH`] that a program uses: tasks may be preempted in several of them at a time.
#[derive(Clone, Copy)]
enum Slot {
    Exec,
    ExecAgain,
    Failure,
}

/// An event under construction in [`SCRATCH`].
///
/// What is counted on the way is kept in the header itself, where the verifier forgets it: all turns and exits of a
/// loop look alike to it, and v5.10 gets by with a hundredth of the steps.
struct Record {
    header: *mut Header,
}

impl Record {
    #[inline(always)]
    fn new(slot: Slot) -> Option<Self> {
        // SAFETY: the helper has no preconditions.
        let cpu = unsafe { bpf_get_smp_processor_id() };
        let header = SCRATCH.get_ptr_mut(cpu * SLOTS + slot as u32)?;
        // SAFETY: the verifier checked the pointer, and nobody else uses the element meanwhile.
        unsafe {
            (&raw mut (*header).flags).write_volatile(0);
            (&raw mut (*header).dirfd).write_volatile(NO_DIRECTORY);
            (&raw mut (*header).argc).write_volatile(0);
            (&raw mut (*header).file_len).write_volatile(0);
            (&raw mut (*header).args_len).write_volatile(0);
        }
        Some(Self { header })
    }

    #[inline(always)]
    fn set_dirfd(&self, dirfd: i32) {
        // SAFETY: as in `new`.
        unsafe { (&raw mut (*self.header).dirfd).write_volatile(dirfd) }
    }

    #[inline(always)]
    fn set_argc(&self, argc: u32) {
        // SAFETY: as in `new`.
        unsafe { (&raw mut (*self.header).argc).write_volatile(argc) }
    }

    #[inline(always)]
    fn set_args_len(&self, length: u64) {
        // SAFETY: as in `new`.
        unsafe { (&raw mut (*self.header).args_len).write_volatile(length as u32) }
    }

    #[inline(always)]
    fn flag(&self, flag: u32) {
        // SAFETY: as in `new`.
        unsafe {
            let flags = &raw mut (*self.header).flags;
            flags.write_volatile(flags.read_volatile() | flag);
        }
    }

    /// Bytes of path. The mask changes nothing; it tells the verifier how long a path can be.
    #[inline(always)]
    fn file_len(&self) -> u64 {
        // SAFETY: as in `new`.
        u64::from(unsafe { (&raw const (*self.header).file_len).read_volatile() } & (MAX_FILE - 1))
    }

    #[inline(always)]
    fn args_len(&self) -> u64 {
        // SAFETY: as in `new`.
        u64::from(unsafe { (&raw const (*self.header).args_len).read_volatile() })
    }

    /// What follows the header, from `offset` on.
    #[inline(always)]
    fn payload(&self, offset: u64) -> *mut u8 {
        self.header.cast::<u8>().wrapping_add(size_of::<Header>()).wrapping_add(offset as usize)
    }

    #[inline(always)]
    fn read_file(&self, address: u64) {
        // SAFETY: the element has room for `MAX_FILE` bytes behind the header.
        let read = unsafe { read_user_str(self.payload(0).cast(), MAX_FILE, address as *const _) };
        if read > 0 {
            // SAFETY: as in `new`. The length is without the NUL.
            unsafe { (&raw mut (*self.header).file_len).write_volatile(read as u32 - 1) };
        }
    }

    /// The whole list in one piece, from the new image: resident, because exec has just written it.
    #[inline(always)]
    fn read_args(&self, start: u64, end: u64) {
        let max = u64::from(CONFIG.max_args.get());
        let mut length = end.wrapping_sub(start);
        if length > max {
            length = max;
            self.flag(CUT);
        }
        // SAFETY: the element has room for `max` bytes behind the longest path.
        let read =
            unsafe { read_user(self.payload(self.file_len()).cast(), length as u32, start as *const _) };
        if read == 0 {
            self.set_args_len(length);
        } else {
            self.flag(UNREADABLE);
        }
    }

    /// String by string, from the old image of a failed exec.
    #[inline(always)]
    fn read_argv(&self, argv: u64) {
        let max = u64::from(CONFIG.max_args.get());
        for i in 0..=MAX_FAILED_ARGS {
            // SAFETY: the helper checks the address.
            let Ok(argument) = (unsafe { bpf_probe_read_user((argv as *const u64).wrapping_add(i)) }) else {
                return self.flag(UNREADABLE);
            };
            if argument == 0 {
                return;
            }
            let used = self.args_len();
            if i == MAX_FAILED_ARGS || used >= max {
                return self.flag(CUT);
            }
            let room = max - used;
            let to = self.payload(self.file_len() + used);
            // SAFETY: as the verifier sees it, up to `max` bytes are written at up to `max` behind the path.
            let mut read = unsafe { read_user_str(to.cast(), room as u32, argument as *const _) };
            if read < 0 {
                return self.flag(UNREADABLE);
            }
            if read == 0 {
                // An empty string, without its NUL: before v5.19 it is not counted, nor is it written.
                // SAFETY: the byte at `used` is below `max`.
                unsafe { to.write(0) };
                read = 1;
            }
            self.set_args_len(used + read as u64);
            self.set_argc(i as u32 + 1);
            if read as u64 == room {
                self.flag(CUT);
            }
        }
    }

    #[inline(always)]
    fn submit(&self, who: &Subject, pcomm: &[u8; 16], ret: i32) {
        let header = self.header;
        // SAFETY: as in `new`; header, path and arguments are initialised and within the element.
        unsafe {
            (*header).pid = who.pid;
            (*header).ppid = who.ppid;
            (*header).uid = who.uid;
            (*header).cpu = bpf_get_smp_processor_id();
            (*header).ret = ret;
            (*header).comm = who.comm;
            (*header).pcomm = *pcomm;
            (*header).time = bpf_ktime_get_ns();
            let wakeup = ring::wakeup();
            let args_len = self.args_len();
            if args_len > 2 * u64::from(CONFIG.max_args.get()) {
                return;
            }
            let length = size_of::<Header>() as u64 + self.file_len() + args_len;
            ring::output(core::slice::from_raw_parts(header.cast(), length as usize), wakeup);
        }
    }
}
