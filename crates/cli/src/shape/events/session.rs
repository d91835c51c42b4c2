//! A run of an event tool, from its first event to its last.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use loader::{Counters, Events, Object};
use rustix::event::{PollFd, PollFlags, poll};

use super::{EventTool, Options};
use crate::{
    command::Running,
    face::{Face, Run, Summary},
    output::Output,
    signals::Stop,
};

/// Rows appear at most this long after their event.
const DRAIN_EVERY: Duration = Duration::from_millis(50);

/// A run, while its probes are attached.
pub(super) struct Session<'a, T: EventTool> {
    object: Object,
    events: Events,
    counters: Counters,
    stop: Stop,
    event: T::Event,
    options: &'a Options<T::Options>,
    shown: u64,
    filtered: u64,
}

impl<'a, T: EventTool> Session<'a, T> {
    /// A run whose probes are `object`'s.
    pub(super) fn new(mut object: Object, stop: Stop, options: &'a Options<T::Options>) -> Result<Self> {
        let (events, counters) = (object.events()?, object.counters()?);
        let event = T::blank(&options.own);
        Ok(Self { object, events, counters, stop, event, options, shown: 0, filtered: 0 })
    }

    /// Shows events until something ends the run, then what is left of them.
    pub(super) fn follow(
        mut self,
        mut command: Option<Running>,
        face: &mut dyn Face<T::Event, T::Options>,
        run: &Run<'_, T::Event, T::Options>,
        output: &mut Output,
    ) -> Result<Summary> {
        let limits = &self.options.limits;
        let interval = limits.interval.map_or(Duration::from_secs(1), |seconds| seconds.0);
        let counted = limits.count.map(|count| interval.saturating_mul(count));
        let length = limits.duration.map(|seconds| seconds.0).into_iter().chain(counted).min();
        let started = Instant::now();
        let end = length.and_then(|length| started.checked_add(length));
        let every = limits.interval.map_or(DRAIN_EVERY, |seconds| seconds.0);
        let mut due = started + every;

        loop {
            let now = Instant::now();
            let ended = self.stop.is_requested()
                || end.is_some_and(|end| now >= end)
                || command.as_mut().is_some_and(Running::has_ended);
            if ended || self.is_full() {
                break;
            }
            let until = end.map_or(due, |end| due.min(end));
            let wake = wait(&self.events, output, until.saturating_duration_since(now).min(DRAIN_EVERY))?;
            match wake {
                Wake::Unread => break,
                Wake::Timeout if Instant::now() < due => {}
                Wake::Timeout | Wake::HalfFull => {
                    due = Instant::now() + every;
                    self.drain(face, run, output, Drain::Due)?;
                }
            }
        }

        self.object.detach();
        self.drain(face, run, output, Drain::All)?;
        let counts = self.counters.read_final();
        Ok(Summary { shown: self.shown, filtered: self.filtered + counts.filtered, counts })
    }

    fn drain(
        &mut self,
        face: &mut dyn Face<T::Event, T::Options>,
        run: &Run<'_, T::Event, T::Options>,
        output: &mut Output,
        which: Drain,
    ) -> Result<()> {
        let Self { events, event, options, shown, filtered, .. } = self;
        let most = options.limits.max_events.unwrap_or(u64::MAX);
        let mut show = |record: &[u8]| -> Result<()> {
            T::decode(record, event)?;
            if !T::keeps(event, &options.own) {
                *filtered += 1;
            } else if *shown < most {
                *shown += 1;
                face.event(event, run, output).context("failed to write results")?;
            }
            Ok(())
        };
        match which {
            Drain::Due => events.drain(&mut show)?,
            Drain::All => events.drain_all(&mut show)?,
        }
        output.flush().context("failed to write results")
    }

    fn is_full(&self) -> bool {
        self.options.limits.max_events.is_some_and(|most| self.shown >= most)
    }
}

/// Which events a drain takes.
#[derive(Clone, Copy)]
enum Drain {
    Due,
    All,
}

/// What ended a sleep.
enum Wake {
    Timeout,
    /// The ring fills up.
    HalfFull,
    /// Nobody reads the output any more.
    Unread,
}

/// Sleeps until the ring is half full, the time is up, a signal comes, or nobody reads the output any more.
fn wait(events: &Events, output: &Output, timeout: Duration) -> Result<Wake> {
    let mut polled = [PollFd::new(events, PollFlags::IN), PollFd::new(output, PollFlags::empty())];
    let timeout = timeout.try_into().context("failed to wait")?;
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error).context("failed to wait for events"),
    }
    let [ring, reader] = polled.map(|polled| polled.revents());
    Ok(if reader.contains(PollFlags::ERR) {
        Wake::Unread
    } else if ring.contains(PollFlags::IN) {
        Wake::HalfFull
    } else {
        Wake::Timeout
    })
}
