//! Tools that show one row an event.

mod session;

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, Command, FromArgMatches as _};
use loader::{Hook, Object, btf::Btf, hook::Decision, privilege};
use probes_common::field::Group;

use self::session::Session;
use crate::{
    clock::Clock,
    column::Column,
    command::Held,
    face::{Csv, Face, Ndjson, Run, Table},
    meta::Meta,
    options::{Filters, Limits, Output as OutputOptions},
    output::Output,
    probe, scope,
    signals::Stop,
    tools::Tool,
};

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

    let session = Session::<T>::new(object, stop, options)?;
    let clock = Clock::start();
    let run = Run {
        tool: T::META.name,
        columns: T::COLUMNS,
        options: &options.own,
        clock: &clock,
        pid_namespace: scope::pid_namespace()?,
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
