//! The reader of the loss counters.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
};

use probes_common::counts::Counts;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::{Error, Result, sys};

/// The counters of a run, seen through shared memory: reading them takes no system call and no capability.
pub struct Counters {
    counts: NonNull<Counts>,
    cpus: usize,
    programs: Vec<OwnedFd>,
}

impl Counters {
    pub(crate) fn new(map: BorrowedFd<'_>, cpus: u32, programs: Vec<OwnedFd>) -> Result<Self> {
        let cpus = cpus as usize;
        // SAFETY: a new shared mapping, read-only, of a map of that many elements; the kernel picks the address.
        let address = unsafe {
            mmap(ptr::null_mut(), cpus * size_of::<Counts>(), ProtFlags::READ, MapFlags::SHARED, map, 0)
        };
        let address = address.map_err(|error| Error::system("map the counters")(error.into()))?;
        let counts = NonNull::new(address.cast())
            .ok_or_else(|| Error::system("map the counters")(std::io::ErrorKind::AddrNotAvailable.into()))?;
        Ok(Self { counts, cpus, programs })
    }

    /// The sum over all CPUs, now.
    #[must_use]
    pub fn read(&self) -> Counts {
        let mut sum = Counts::default();
        for cpu in 0..self.cpus {
            // SAFETY: within the mapping; volatile, because the kernel writes there.
            sum.add(&unsafe { self.counts.add(cpu).read_volatile() });
        }
        sum
    }

    /// [`Counters::read`], with the runs that the kernel skipped because the program was already running on that
    /// CPU, less those that a second copy took: each of them may have been an event. For the end of a run; kernels before v5.12 do not tell.
    #[must_use]
    pub fn read_final(&self) -> Counts {
        let mut sum = self.read();
        let skipped: u64 =
            self.programs.iter().map(|program| sys::recursion_misses(program.as_fd()).unwrap_or(0)).sum();
        sum.lost_recursion = skipped.saturating_sub(sum.rescued);
        sum
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`, of the same length; no reference into it is left.
        let _ = unsafe { munmap(self.counts.as_ptr().cast(), self.cpus * size_of::<Counts>()) };
    }
}
