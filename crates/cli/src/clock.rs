//! From the kernel's monotonic time to the time of day.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Converts kernel times by one offset, taken once, so that order and distances stay what they were.
#[derive(Clone, Debug)]
pub struct Clock {
    /// When the run started: `CLOCK_MONOTONIC`, ns.
    start: u64,
    /// `CLOCK_REALTIME` minus `CLOCK_MONOTONIC`, ns.
    offset: i128,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        let monotonic = nanoseconds(clock_gettime(ClockId::Monotonic));
        let wall = nanoseconds(clock_gettime(ClockId::Realtime));
        Self { start: monotonic as u64, offset: wall - monotonic }
    }

    /// A clock whose run started at `start` ns after the epoch by both clocks, for tests.
    #[cfg(test)]
    pub fn fixed(start: u64) -> Self {
        Self { start, offset: 0 }
    }

    /// When the run started, as a kernel time in ns.
    pub fn started(&self) -> u64 {
        self.start
    }

    /// Seconds from the start of the run to `time`; negative for what happened before.
    pub fn elapsed(&self, time: u64) -> f64 {
        (i128::from(time) - i128::from(self.start)) as f64 / 1e9
    }

    /// `time` as RFC 3339 in UTC with microseconds.
    pub fn rfc3339(&self, time: u64) -> impl fmt::Display + use<> {
        self.timestamp(time).strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    }

    /// `time` as local time of day.
    pub fn time_of_day(&self, time: u64, zone: &TimeZone) -> impl fmt::Display + use<> {
        let time = self.timestamp(time).to_zoned(zone.clone()).time();
        format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
    }

    /// A time beyond what a calendar holds (no kernel has run that long) becomes the epoch.
    fn timestamp(&self, time: u64) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(time) + self.offset).unwrap_or_default()
    }
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_kernel_time_in_three_ways() {
        let clock = Clock::fixed(1_000_000_000);
        assert_eq!(clock.rfc3339(1_500_000_999).to_string(), "1970-01-01T00:00:01.500000Z");
        assert_eq!(clock.time_of_day(3_661_000_000_000, &TimeZone::UTC).to_string(), "01:01:01");
        assert!((clock.elapsed(2_250_000_000) - 1.25).abs() < 1e-9);
        assert!(clock.elapsed(0) < 0.0);
    }
}
