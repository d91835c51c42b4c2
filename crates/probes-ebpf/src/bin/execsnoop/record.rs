//! The event of `execsnoop`, put together piece by piece.

use aya_ebpf::{
    helpers::{
        bpf_get_smp_processor_id, bpf_ktime_get_ns, bpf_probe_read_user,
        generated::{bpf_probe_read_user as read_user, bpf_probe_read_user_str as read_user_str},
    },
    macros::map,
    maps::Array,
};
use probes_common::{
    Const,
    execsnoop::{CUT, Config, Header, MAX_FAILED_ARGS, MAX_FILE, NO_DIRECTORY, SLOTS, UNREADABLE},
};
use probes_ebpf::{filter::Subject, ring};

#[unsafe(no_mangle)]
static CONFIG: Config = Config { max_args: Const::new(0) };

/// A record is put together here: header, path, arguments. [`SLOTS`] elements a CPU; the loader sets the number and the size, which is `record_size` of the contract.
#[map]
static SCRATCH: Array<Header> = Array::with_max_entries(1, 0);

/// The element of a CPU in [`SCRATCH`] that a program uses: tasks may be preempted in several of them at a time.
#[derive(Clone, Copy)]
pub enum Slot {
    /// The first copy on `sched_process_exec`.
    Exec,
    /// The second one.
    ExecAgain,
    /// Whatever sees a failed exec.
    Failure,
}

/// An event under construction in [`SCRATCH`].
///
/// What is counted on the way is kept in the header itself, where the verifier forgets it: all turns and exits of a
/// loop look alike to it, and v5.10 gets by with a hundredth of the steps.
pub struct Record {
    header: *mut Header,
}

impl Record {
    /// A blank one, in this CPU's element for `slot`.
    #[inline(always)]
    pub fn new(slot: Slot) -> Option<Self> {
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

    /// Notes the directory that a path is relative to.
    #[inline(always)]
    pub fn set_dirfd(&self, dirfd: i32) {
        // SAFETY: as in `new`.
        unsafe { (&raw mut (*self.header).dirfd).write_volatile(dirfd) }
    }

    /// Notes how many arguments there are.
    #[inline(always)]
    pub fn set_argc(&self, argc: u32) {
        // SAFETY: as in `new`.
        unsafe { (&raw mut (*self.header).argc).write_volatile(argc) }
    }

    #[inline(always)]
    fn set_args_len(&self, length: u64) {
        // SAFETY: as in `new`.
        unsafe { (&raw mut (*self.header).args_len).write_volatile(length as u32) }
    }

    /// Adds a flag of the header.
    #[inline(always)]
    pub fn flag(&self, flag: u32) {
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

    /// Reads the path, at most `MAX_FILE` bytes of it.
    #[inline(always)]
    pub fn read_file(&self, address: u64) {
        // SAFETY: the element has room for `MAX_FILE` bytes behind the header.
        let read = unsafe { read_user_str(self.payload(0).cast(), MAX_FILE, address as *const _) };
        if read > 0 {
            // SAFETY: as in `new`. The length is without the NUL.
            unsafe { (&raw mut (*self.header).file_len).write_volatile(read as u32 - 1) };
        }
    }

    /// The whole list in one piece, from the new image: resident, because exec has just written it.
    #[inline(always)]
    pub fn read_args(&self, start: u64, end: u64) {
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
    pub fn read_argv(&self, argv: u64) {
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

    /// Fills in the rest, and hands the event over.
    #[inline(always)]
    pub fn submit(&self, who: &Subject, pcomm: &[u8; 16], ret: i32) {
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
