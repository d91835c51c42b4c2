//! The reader of the ring buffer.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use aya::maps::{Map, MapData, RingBuf};
use rustix::time::{ClockId, clock_gettime};

use crate::{Error, Result};

/// An event is held back until it is this old, so that one from another CPU, stamped before it but stored after
/// it, can go first. Between stamp and store there are some hundred instructions with preemption off.
const SETTLE: Duration = Duration::from_millis(1);

/// The events of a probe, in order of kernel time across all CPUs.
///
/// An event is a record that begins with its time: `CLOCK_MONOTONIC` in ns, as a `u64`.
pub struct Events {
    ring: RingBuf<MapData>,
    /// What was taken out of the ring and not handed on yet, back to back.
    records: Vec<u8>,
    /// Where each of them is, by time.
    order: Vec<Record>,
    /// Bytes after which one drain ends, so that a fast producer cannot keep it going for ever.
    size: usize,
}

#[derive(Clone, Copy)]
struct Record {
    time: u64,
    start: usize,
    end: usize,
}

impl Events {
    pub(crate) fn new(map: BorrowedFd<'_>, size: u32) -> Result<Self> {
        let fd = map.try_clone_to_owned().map_err(Error::system("duplicate the ring buffer's descriptor"))?;
        let map_error = |error: aya::maps::MapError| {
            Error::system("map the ring buffer")(std::io::Error::other(error.to_string()))
        };
        let map = Map::RingBuf(MapData::from_fd(fd).map_err(map_error)?);
        let ring = RingBuf::try_from(map).map_err(map_error)?;
        Ok(Self { ring, records: Vec::new(), order: Vec::new(), size: size as usize })
    }

    /// Hands on the events that are due, oldest first.
    ///
    /// # Errors
    ///
    /// The first error of `each`; the event that met it counts as handed on.
    pub fn drain<E>(&mut self, each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let due = now().saturating_sub(SETTLE.as_nanos() as u64);
        self.take();
        self.hand_on(due, each)
    }

    /// Hands on all events there are: for the end of a run, when the probe is detached.
    ///
    /// # Errors
    ///
    /// As [`Events::drain`].
    pub fn drain_all<E>(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while self.take() {
            self.hand_on(u64::MAX, &mut each)?;
        }
        self.hand_on(u64::MAX, each)
    }

    /// Moves events out of the ring; whether there were any.
    fn take(&mut self) -> bool {
        let before = self.records.len();
        while self.records.len() - before < self.size
            && let Some(item) = self.ring.next()
        {
            let start = self.records.len();
            self.records.extend_from_slice(&item);
            // A record too short for its time cannot come from our probes; it sorts first and `each` refuses it.
            let time = item.first_chunk().map_or(0, |time| u64::from_ne_bytes(*time));
            self.order.push(Record { time, start, end: self.records.len() });
        }
        self.records.len() > before
    }

    fn hand_on<E>(&mut self, due: u64, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if !self.order.is_sorted_by_key(|record| record.time) {
            self.order.sort_by_key(|record| record.time);
        }
        let mut handed = 0;
        let mut result = Ok(());
        for record in self.order.iter().take_while(|record| record.time <= due) {
            handed += 1;
            result = each(&self.records[record.start..record.end]);
            if result.is_err() {
                break;
            }
        }
        self.keep_from(handed);
        result
    }

    /// Forgets the first `handed` events and closes the gaps they leave.
    fn keep_from(&mut self, handed: usize) {
        self.order.drain(..handed);
        let mut kept = Vec::with_capacity(self.order.iter().map(|record| record.end - record.start).sum());
        for record in &mut self.order {
            let start = kept.len();
            kept.extend_from_slice(&self.records[record.start..record.end]);
            (record.start, record.end) = (start, kept.len());
        }
        if kept.is_empty() {
            self.records.clear();
        } else {
            self.records = kept;
        }
    }
}

impl AsFd for Events {
    /// Readable when the ring is half full.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

/// The clock of `bpf_ktime_get_ns`, in ns.
#[must_use]
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
