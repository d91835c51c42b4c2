//! Tools that show one row an event.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::{Args, Command, FromArgMatches as _};
use loader::{Counters, Events, Hook, Object, btf::Btf, hook::Decision, privilege};
use probes_common::field::Group;
use rustix::event::{PollFd, PollFlags, poll};

use crate::{
    clock::Clock,
    column::Column,
    command::{Held, Running},
    face::{Csv, Face, Ndjson, Run, Summary, Table},
    meta::Meta,
    options::{Filters, Limits, Output as OutputOptions},
    output::Output,
    probe, scope,
    signals::Stop,
    tools::Tool,
};

/// Rows appear at most this long after their event.
const DRAIN_EVERY: Duration = Duration::from_millis(50);

/// Bytes in a page of --buffer-pages, whatever the machine's are.
const PAGE: u32 = 4096;

/// What a tool of this shape brings; all else is done here.
pub trait EventTool: Sized {
    /// Its own options.
    type Options: Args + 'static;
    /// One event, ready to be shown. Reused, so that its buffers are.
    type Event: 'static;

    /// What is said about it.
    const META: &'static Meta;
    /// Where its probes go.
    const HOOKS: &'static [Wanted<Self::Options>];
    /// The kernel fields its probe reads.
    const FIELDS: &'static [Group];
    /// What an event consists of.
    const COLUMNS: &'static [Column<Self::Event, Self::Options>];

    /// Sizes and fills what is its own in the probe.
    fn configure(options: &Self::Options, object: &mut Object) -> Result<()>;

    /// An event to decode into.
    fn blank(options: &Self::Options) -> Self::Event;

    /// Takes a record of the ring buffer apart.
    fn decode(record: &[u8], event: &mut Self::Event) -> Result<()>;

    /// Filters that the kernel cannot apply.
    fn keeps(event: &Self::Event, options: &Self::Options) -> bool;
}

/// A hook, and the options that ask for it.
pub struct Wanted<O: 'static> {
    /// The hook.
    pub hook: Hook,
    /// Whether a run with these options needs it.
    pub when: fn(&O) -> bool,
}

/// Registers `T`.
pub const fn tool<T: EventTool>() -> Tool {
    Tool {
        meta: T::META,
        command: command::<T>,
        run: |matches| run::<T>(&Options::from_arg_matches(matches)?),
        fields: || T::COLUMNS.iter().map(Column::describe).collect(),
        try_hooks: try_hooks::<T>,
    }
}

fn command<T: EventTool>() -> Command {
    let meta = T::META;
    let mut command = Options::<T::Options>::augment_args(Command::new(meta.name)).about(meta.summary);
    for (short, long) in meta.shorts {
        command = command.mut_arg(long, |argument| argument.short(*short));
    }
    command
}

fn try_hooks<T: EventTool>(btf: &Btf) -> Result<Vec<loader::Result<Decision>>> {
    let defaults = command::<T>().try_get_matches_from([T::META.name])?;
    let options = Options::<T::Options>::from_arg_matches(&defaults)?;
    let mut object = Object::open(T::META.name)?;
    object.size_ring(PAGE)?;
    T::configure(&options.own, &mut object)?;
    let hooks: Vec<Hook> =
        T::HOOKS.iter().map(|wanted| wanted.hook).chain([loader::tree::FORK, loader::tree::EXIT]).collect();
    probe::try_attach(btf, T::FIELDS, &hooks, &mut object)
}

/// The options of a tool of this shape: its own, and those that all have.
#[derive(Args, Debug)]
#[group(skip)]
pub struct Options<T: Args> {
    /// The tool's own.
    #[command(flatten)]
    pub own: T,
    /// Which tasks.
    #[command(flatten)]
    pub filters: Filters,
    /// How long.
    #[command(flatten)]
    pub limits: Limits,
    /// Where to.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Runs `T` from start to end.
///
/// # Errors
///
/// Privileges, kernel, files or output failed; the probe is out of the kernel in any case.
pub fn run<T: EventTool>(options: &Options<T::Options>) -> Result<()> {
    privilege::require(T::META.name)?;
    let mut output = Output::open(&options.output)?;
    let stop = Stop::listen()?;
    let held = match options.filters.command.as_slice() {
        [] => None,
        command => Some(Held::new(command)?),
    };

    let mut object = Object::open(T::META.name)?;
    object.size_ring(options.limits.buffer_pages * PAGE)?;
    T::configure(&options.own, &mut object)?;
    scope::apply(&options.filters, held.as_ref().map(|held| held.pid), &mut object)?;
    let wanted = T::HOOKS.iter().filter(|wanted| (wanted.when)(&options.own));
    let mut hooks: Vec<Hook> = wanted.map(|wanted| wanted.hook).collect();
    if held.is_some() {
        hooks.extend([loader::tree::FORK, loader::tree::EXIT]);
    }
    let verbose = options.output.verbose;
    probe::attach(&Btf::kernel()?, T::FIELDS, &hooks, &mut object, verbose)?;
    if verbose {
        writeln!(std::io::stderr(), "{}", scope::describe_namespace()?)?;
    }

    let session = Session::<T> {
        events: object.events()?,
        counters: object.counters()?,
        object,
        stop,
        event: T::blank(&options.own),
        options,
        shown: 0,
        filtered: 0,
    };
    let clock = Clock::start();
    let run = Run {
        tool: T::META.name,
        columns: T::COLUMNS,
        options: &options.own,
        clock: &clock,
        color: output.color(),
    };
    let mut face: Box<dyn Face<T::Event, T::Options>> = match (options.output.json, options.output.csv) {
        (true, _) => Box::new(Ndjson::default()),
        (_, true) => Box::new(Csv::default()),
        _ => Box::new(Table::default()),
    };
    face.start(&run, &mut output)?;
    output.flush()?;
    let command = held.map(Held::release).transpose()?;
    privilege::drop_all()?;

    let summary = session.follow(command, face.as_mut(), &run, &mut output)?;
    face.end(&summary, &run, &mut output)?;
    output.flush()?;
    probe::report_loss(T::META.name, &summary, options.limits.buffer_pages);
    Ok(())
}

/// A run, while its probes are attached.
struct Session<'a, T: EventTool> {
    object: Object,
    events: Events,
    counters: Counters,
    stop: Stop,
    event: T::Event,
    options: &'a Options<T::Options>,
    shown: u64,
    filtered: u64,
}

impl<T: EventTool> Session<'_, T> {
    /// Shows events until something ends the run, then what is left of them.
    fn follow(
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
