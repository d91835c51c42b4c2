//! A task, as far as tools ask.

use core::marker::PhantomData;

use aya_ebpf::helpers::bpf_get_current_task;
use probes_common::task::{MAX_LEVEL, PID, TASK, UPID_SIZE};

use crate::{
    filter::FILTER,
    memory::{Memory, Probed},
};

/// A pointer to a `task_struct`, read by `M`.
pub struct Task<M> {
    pointer: *const u8,
    memory: PhantomData<M>,
}

impl Task<Probed> {
    /// The task that runs now.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        let address = unsafe { bpf_get_current_task() };
        // SAFETY: the kernel says that this is a task.
        unsafe { Self::new(address as *const u8) }
    }
}

impl<M: Memory> Task<M> {
    /// Wraps a pointer that a hook handed over.
    ///
    /// # Safety
    ///
    /// The pointer is a `struct task_struct *` of the hook's arguments, or was read from a field of that type.
    #[inline(always)]
    pub unsafe fn new(pointer: *const u8) -> Self {
        Self { pointer, memory: PhantomData }
    }

    /// The process it belongs to, in the initial PID namespace.
    #[inline(always)]
    pub fn tgid(&self) -> u32 {
        // SAFETY: `pointer` is a task.
        unsafe { M::read(self.pointer, &TASK.tgid) }.unwrap_or(0)
    }

    /// The process it belongs to, in the reader's PID namespace; 0 if it has no number there.
    #[inline(always)]
    pub fn pid(&self) -> u32 {
        match FILTER.namespace.get() {
            0 => self.tgid(),
            namespace => self.leader().map_or(0, |leader| leader.number_in(namespace)),
        }
    }

    /// The thread itself, in the reader's PID namespace; `initial` is its number in the initial one.
    #[inline(always)]
    pub fn tid(&self, initial: u32) -> u32 {
        match FILTER.namespace.get() {
            0 => initial,
            namespace => self.number_in(namespace),
        }
    }

    /// The process that made it, even while a debugger has it. Threads of a process share their parent.
    #[inline(always)]
    pub fn parent(&self) -> Option<Self> {
        // SAFETY: `pointer` is a task, and so is its parent.
        unsafe { Some(Self::new(M::read(self.pointer, &TASK.real_parent)?)) }
    }

    /// The first thread of its process, whose name is the process's name.
    #[inline(always)]
    pub fn leader(&self) -> Option<Self> {
        // SAFETY: `pointer` is a task, and so is its leader.
        unsafe { Some(Self::new(M::read(self.pointer, &TASK.group_leader)?)) }
    }

    /// The command name, padded with NULs.
    #[inline(always)]
    pub fn comm(&self) -> [u8; 16] {
        // SAFETY: `pointer` is a task.
        unsafe { M::read_name(self.pointer, &TASK.comm) }.unwrap_or([0; 16])
    }

    /// Its address space, a `struct mm_struct *`.
    #[inline(always)]
    pub fn mm(&self) -> Option<*const u8> {
        // SAFETY: `pointer` is a task.
        unsafe { M::read(self.pointer, &TASK.mm) }
    }

    /// Whether its whole process is gone, when asked from `sched_process_exit`.
    #[inline(always)]
    pub fn is_last_of_process(&self) -> bool {
        // SAFETY: `pointer` is a task; its signal struct lives as long.
        let live =
            unsafe { M::read(self.pointer, &TASK.signal).and_then(|signal| M::read(signal, &TASK.live)) };
        live == Some(0)
    }

    /// Whether it is in a 32-bit system call (`TS_COMPAT`), whose numbers mean other calls.
    #[inline(always)]
    pub fn is_compat(&self) -> bool {
        const TS_COMPAT: u32 = 2;
        // SAFETY: `pointer` is a task.
        let status = unsafe { M::read(self.pointer, &TASK.status) };
        status.is_some_and(|status| status & TS_COMPAT != 0)
    }

    #[inline(always)]
    fn number_in(&self, namespace: u32) -> u32 {
        // SAFETY: `pointer` is a task.
        unsafe { M::read(self.pointer, &TASK.thread_pid) }.map_or(0, |pid| number_in(pid, namespace))
    }
}

/// The number that a `struct pid` has in the PID namespace with this inode, or 0.
///
/// `numbers` is a flexible array (of one element before v6.5, commit b69f0aeb0689), which the verifier does not
/// follow: helpers read it. A function of its own, because LLVM would unroll it at each of its many callers.
#[inline(never)]
fn number_in(pid: *const u8, namespace: u32) -> u32 {
    // SAFETY: helper reads from a task's `struct pid`, whose `level` bounds the array.
    unsafe {
        let Some(level) = Probed::read(pid, &PID.level) else { return 0 };
        let Some(numbers) = PID.numbers.offset() else { return 0 };
        for i in 0..MAX_LEVEL {
            if i as u32 > level {
                break;
            }
            let number = pid.wrapping_add(numbers + i * UPID_SIZE);
            let Some(seen_by) = Probed::read(number, &PID.namespace) else { break };
            // Not `== Some(namespace)`: LLVM compares the payload of a `None`, which the verifier has never seen set.
            if Probed::read(seen_by, &PID.inode).unwrap_or(0) == namespace {
                return Probed::read(number, &PID.number).unwrap_or(0) as u32;
            }
        }
    }
    0
}
