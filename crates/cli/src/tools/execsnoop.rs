//! `execsnoop`: new programs, with their arguments.

mod exec;

use std::borrow::Cow;

use anyhow::Result;
use clap::Args;
use loader::{
    Hook, Object,
    hook::{Attachment, Point},
};
use probes_common::{
    Const,
    execsnoop::{Config, FIELDS, MAX_ARGS, SLOTS, record_size},
    field::Group,
};
use regex::bytes::Regex;

use self::exec::Exec;
use crate::{
    column::{Column, Kind, Value},
    meta::Meta,
    shape::events::{EventTool, Wanted},
    text::until_nul,
};

/// bcc's options, and the size of what is read.
#[derive(Args, Debug)]
pub struct Options {
    /// Include a column with the time of day (HH:MM:SS)
    #[arg(short = 'T', long)]
    time: bool,
    /// Include a column with the seconds since the start
    #[arg(short, long)]
    timestamp: bool,
    /// Include failed execs
    #[arg(short = 'x', long)]
    fails: bool,
    /// Put quotation marks around arguments
    #[arg(short, long)]
    quote: bool,
    /// Show commands whose name matches this regular expression only
    #[arg(short, long, value_name = "REGEX")]
    name: Option<Regex>,
    /// Show commands whose line of arguments matches this regular expression only
    #[arg(short, long, value_name = "REGEX")]
    line: Option<Regex>,
    /// Include a column with the user ID
    #[arg(short = 'U', long)]
    print_uid: bool,
    /// Include a column with the CPU
    #[arg(short = 'C', long)]
    print_cpu: bool,
    /// Include a column with the parent's command name
    #[arg(short = 'M', long)]
    print_pcomm: bool,
    /// Show at most this many arguments; unlike bcc, all of them by default
    #[arg(long, value_name = "N", default_value_t = u32::MAX, hide_default_value = true)]
    max_args: u32,
    /// Read at most this many bytes of arguments
    #[arg(long, value_name = "BYTES", default_value_t = 8192,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ARGS)))]
    max_args_bytes: u32,
}

type C = Column<Exec, Options>;

/// The tool.
pub struct Tool;

impl EventTool for Tool {
    type Options = Options;
    type Event = Exec;

    const META: &'static Meta = &META;
    const FIELDS: &'static [Group] = FIELDS;
    const HOOKS: &'static [Wanted<Options>] = &[
        Wanted { hook: SUCCESSFUL, when: |_| true },
        Wanted { hook: FAILED, when: |options| options.fails },
    ];
    const COLUMNS: &'static [Column<Exec, Options>] = &[
        C::new("time", Kind::Time, "when it ran, or failed", |e| Value::Time(e.header.time)),
        C::for_tables("local time of day (-T)", |e| Value::Time(e.header.time)).cell("TIME", 8).when(|o| o.time),
        C::for_tables("seconds since the start of the trace (-t)", |e| Value::Elapsed(e.header.time))
            .cell("TIME(s)", 7)
            .when(|o| o.timestamp),
        C::new("uid", Kind::Integer, "real user ID (-U)", |e| Value::Integer(e.header.uid.into()))
            .cell("UID", 5)
            .when(|o| o.print_uid),
        C::new("comm", Kind::Text, "command name: the new one, or the caller's if exec failed", |e| {
            Value::Text(until_nul(&e.header.comm))
        })
        .cell("COMM", 16),
        C::new("pid", Kind::Integer, "process ID", |e| match e.header.pid {
            0 => Value::Unknown,
            pid => Value::Integer(pid.into()),
        })
        .cell("PID", 7),
        C::new("pcomm", Kind::Text, "command name of the parent (-M)", |e| {
            Value::Text(until_nul(&e.header.pcomm))
        })
        .cell("PCOMM", 16)
        .when(|o| o.print_pcomm),
        C::new("ppid", Kind::Integer, "process ID of the parent; 0 if that is outside", |e| {
            Value::Integer(e.header.ppid.into())
        }).cell("PPID", 7),
        C::new("cpu", Kind::Integer, "CPU (-C)", |e| Value::Integer(e.header.cpu.into()))
            .cell("CPU", 4)
            .when(|o| o.print_cpu),
        C::new("ret", Kind::Integer, "0, or the negative error number", |e| Value::Integer(e.header.ret.into()))
            .right_cell("RET", 3),
        C::for_tables("the path and the arguments; … where they were cut", |e| {
            Value::Line(Cow::Owned(e.line()))
        })
        .cell("ARGS", 0),
        C::new("file", Kind::Text, "the path given to exec", |e| Value::Text(&e.file)),
        C::new("args", Kind::TextList, "the arguments of the new image", |e| Value::TextList(e.args())),
        C::new("argc", Kind::Integer, "how many there are", |e| Value::Integer(e.header.argc.into())),
        C::new("cut", Kind::Flag, "not all of them could be kept", |e| Value::Flag(e.is_cut())),
        C::new("interpreted", Kind::Flag, "args begin with a script's interpreter", |e| {
            Value::Flag(e.is_interpreted())
        }),
    ];

    fn configure(options: &Options, object: &mut Object) -> Result<()> {
        object.set("CONFIG", &Config { max_args: Const::new(options.max_args_bytes) });
        object.resize("SCRATCH", SLOTS * loader::possible_cpus()?)?;
        Ok(object.resize_values("SCRATCH", record_size(options.max_args_bytes))?)
    }

    fn blank(options: &Options) -> Exec {
        Exec::new(options.quote, options.max_args as usize)
    }

    fn decode(record: &[u8], exec: &mut Exec) -> Result<()> {
        exec.decode(record)
    }

    fn keeps(exec: &Exec, options: &Options) -> bool {
        let name = options.name.as_ref();
        let line = options.line.as_ref();
        name.is_none_or(|name| name.is_match(until_nul(&exec.header.comm)))
            && line.is_none_or(|line| line.is_match(&exec.words().join(&b' ')))
    }
}

const SUCCESSFUL: Hook = Hook {
    what: "successful execs",
    ways: &[
        &[
            Attachment::new("exec_typed", Point::TpBtf("sched_process_exec")),
            Attachment::second("exec_typed_again", Point::TpBtf("sched_process_exec")),
        ],
        &[
            Attachment::new("exec_probed", Point::RawTracepoint("sched_process_exec")),
            Attachment::second("exec_probed_again", Point::RawTracepoint("sched_process_exec")),
        ],
    ],
};

/// Functions first: a hook at the return of all system calls slows each of them down, everywhere, a little.
const FAILED: Hook = Hook {
    what: "failed execs (-x)",
    ways: &[
        &[
            Attachment::new("return_fexit", Point::Fexit("__x64_sys_execve")),
            Attachment::new("return_fexit", Point::Fexit("__x64_sys_execveat")),
        ],
        &[Attachment::new("return_typed", Point::TpBtf("sys_exit"))],
        &[Attachment::new("return_probed", Point::RawTracepoint("sys_exit"))],
        &[
            Attachment::new("call_kprobe", Point::Kprobe("__x64_sys_execve")),
            Attachment::new("call_kprobe", Point::Kprobe("__x64_sys_execveat")),
            Attachment::new("return_kretprobe", Point::Kretprobe("__x64_sys_execve")),
            Attachment::new("return_kretprobe", Point::Kretprobe("__x64_sys_execveat")),
        ],
    ],
};

const META: Meta = Meta {
    name: "execsnoop",
    summary: "Trace new programs and their arguments",
    questions: &[
        "which processes start?",
        "what runs for a moment and takes the CPU?",
        "what does this script or cron job call?",
        "which execs fail, and why?",
    ],
    shorts: &[('u', "uid"), ('P', "ppid")],
    description: "\
Shows each execve(2) and execveat(2) that puts a new program in place, with its arguments as the new image has \
them: complete, whatever pages of the caller were swapped out, up to --max-args-bytes. Processes that fork \
without an exec are not shown.

ARGS is the path given to exec and the arguments behind the first one; where an interpreter runs a script, it is \
the interpreter's command line. Control characters, invisible characters and bytes that are not UTF-8 are shown \
escaped; NDJSON has every byte (NAME_hex beside a text that is not UTF-8).

PIDs are those of the PID namespace kscope runs in, which -v and the first line of --json name; tasks outside it have \
the PID `-`.

bcc's --cgroupmap and --mntnsmap, which want a pinned BPF map, are served by --cgroup PATH and --container NAME. \
bcc's -x, like this one, shows failed execs beside the others. With -x the arguments of a failed exec are read \
from the caller, at most 64 of them; execs by 32-bit programs that fail are not shown.",
    examples: &[
        ("execsnoop", "all new programs"),
        ("execsnoop -x -T", "failed ones too, with the time of day"),
        ("execsnoop -n '^(gcc|cc1)$' -U", "gcc and cc1, with the user"),
        ("execsnoop --container web --json", "one container's, for a program to read"),
        ("execsnoop --max-args-bytes 65536 -- make", "what one build runs, with all arguments"),
    ],
    overhead: "\
The probe runs once an exec, for some 2 microseconds, which is below a hundredth of what an exec costs. Nothing \
else is slowed down without -x. With -x the returns of execve and execveat cost as much again; where the kernel does \
not let kscope see these two functions, a few instructions run at the return of each system call on the machine.",
    kernel_support: "\
Linux 5.10 and later with BTF. Successful execs: tp_btf:sched_process_exec, or the raw tracepoint. Failed execs: fexit \
of the two system calls, tp_btf:sys_exit, the raw tracepoint, or kretprobes. `kscope doctor` tells which \
of these the running kernel accepts.",
};
