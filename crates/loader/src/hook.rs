//! Where a probe can be attached, and in which order the places are tried.

use std::fmt;

/// Something to observe, with the ways to observe it, best first. The first way that the running kernel accepts
/// is taken.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// What it observes, in the plural: "failed execs".
    pub what: &'static str,
    /// The ways, in order of cost and stability.
    pub ways: &'static [Way],
}

/// Programs that serve a [`Hook`] together.
pub type Way = &'static [Attachment];

/// One program at one place.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    /// The program's name in the object.
    pub program: &'static str,
    /// Where it goes.
    pub point: Point,
    /// It does what another program of the way could not, see [`Attachment::second`].
    pub(crate) is_second: bool,
}

/// A place in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A tracepoint, with arguments typed by BTF.
    TpBtf(&'static str),
    /// A tracepoint, with plain arguments.
    RawTracepoint(&'static str),
    /// The entry of a kernel function, through a trampoline.
    Fentry(&'static str),
    /// Its return, likewise.
    Fexit(&'static str),
    /// The entry of a kernel function, through a breakpoint or ftrace.
    Kprobe(&'static str),
    /// Its return, likewise.
    Kretprobe(&'static str),
}

impl Attachment {
    /// `program` at `point`.
    #[must_use]
    pub const fn new(program: &'static str, point: Point) -> Self {
        Self { program, point, is_second: false }
    }

    /// A second copy of the program before it, for kernels whose tracepoints are preemptible: they skip a program that
    /// is already running on the CPU, in a task that was preempted. The copy takes those runs.
    #[must_use]
    pub const fn second(program: &'static str, point: Point) -> Self {
        Self { program, point, is_second: true }
    }
}

impl Point {
    /// The kind's name, as bpftool and libbpf have it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TpBtf(_) => "tp_btf",
            Self::RawTracepoint(_) => "raw_tp",
            Self::Fentry(_) => "fentry",
            Self::Fexit(_) => "fexit",
            Self::Kprobe(_) => "kprobe",
            Self::Kretprobe(_) => "kretprobe",
        }
    }

    /// The tracepoint or function.
    #[must_use]
    pub fn target(&self) -> &'static str {
        match *self {
            Self::TpBtf(name)
            | Self::RawTracepoint(name)
            | Self::Fentry(name)
            | Self::Fexit(name)
            | Self::Kprobe(name)
            | Self::Kretprobe(name) => name,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.target())
    }
}

/// How a hook was served on this kernel.
#[derive(Debug)]
pub struct Decision {
    /// The hook.
    pub hook: Hook,
    /// The ways that were tried and refused, each with the reason, in order.
    pub refused: Vec<Refusal>,
    /// The way that was taken, if any.
    pub taken: Option<Way>,
}

/// A way that this kernel does not carry.
#[derive(Debug)]
pub struct Refusal {
    /// The place that failed.
    pub point: Point,
    /// Why.
    pub reason: String,
    /// What the verifier wrote, if it was the verifier.
    pub log: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.point, self.reason)
    }
}

/// Writes a way as `fexit:a + fexit:b`. Second copies go without saying.
#[must_use]
pub fn describe(way: Way) -> String {
    let points =
        way.iter().filter(|attachment| !attachment.is_second).map(|attachment| attachment.point.to_string());
    points.collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_described_by_its_places() {
        const WAY: Way = &[
            Attachment::new("a", Point::TpBtf("one")),
            Attachment::second("a_again", Point::TpBtf("one")),
            Attachment::new("b", Point::Kretprobe("two")),
        ];
        assert_eq!(describe(WAY), "tp_btf:one + kretprobe:two");
    }
}
