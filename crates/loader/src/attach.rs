//! Deciding, on the running kernel, where a probe goes.

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, OwnedFd},
};

use crate::{
    Error, Object, Result,
    btf::Answers,
    hook::{Attachment, Decision, Hook, Point, Refusal, Way},
    sys,
};

const TYPE_KPROBE: u32 = 2;
const TYPE_RAW_TRACEPOINT: u32 = 17;
const TYPE_TRACING: u32 = 26;
const TRACE_RAW_TP: u32 = 23;
const TRACE_FENTRY: u32 = 24;
const TRACE_FEXIT: u32 = 25;

/// The verifier explains itself at such length, or cuts its last words off; v5.10 takes no more.
const LOG_SIZE: usize = (1 << 24) - 1;

/// Names hooks, or kinds of them (`tp_btf,raw_tp:sys_exit`), that are treated as refused by the kernel: to test what
/// comes after them.
const REFUSE: &str = "KSCOPE_REFUSE";

impl Object {
    /// Attaches the programs of the first way of `hook` that this kernel accepts.
    ///
    /// # Errors
    ///
    /// No way is left ([`Error::Hook`], with the reason for each), or the object itself is broken.
    pub fn attach(&mut self, hook: &Hook, answers: &Answers) -> Result<Decision> {
        let mut decision = Decision { hook: *hook, refused: Vec::new(), taken: None };
        for &way in hook.ways {
            match self.attach_way(way, answers)? {
                Ok(links) => {
                    self.links.extend(links);
                    decision.taken = Some(way);
                    return Ok(decision);
                }
                Err(refusal) => decision.refused.push(refusal),
            }
        }
        Err(Error::Hook { decision: Box::new(decision) })
    }

    fn attach_way(&mut self, way: Way, answers: &Answers) -> Result<Result<Vec<OwnedFd>, Refusal>> {
        let mut links = Vec::new();
        let mut programs = Vec::new();
        for attachment in way {
            if attachment.is_second && !self.has_second {
                continue;
            }
            let attached = self.attach_one(attachment, answers);
            match attached {
                Ok((program, link)) => {
                    programs.extend((!attachment.is_second).then_some(program));
                    links.push(link);
                }
                Err(Failure::Refused { reason, log }) => {
                    return Ok(Err(Refusal { point: attachment.point, reason, log }));
                }
                Err(Failure::Broken(error)) => return Err(error),
            }
        }
        self.programs.extend(programs);
        Ok(Ok(links))
    }

    fn attach_one(
        &mut self,
        attachment: &Attachment,
        answers: &Answers,
    ) -> Result<(OwnedFd, OwnedFd), Failure> {
        let Attachment { program, point, .. } = *attachment;
        if is_refused(point) {
            return Err(refused(format!("refused by {REFUSE}")));
        }
        let target = Target::find(point, answers)?;
        let (mut instructions, license) = self.program(program)?;
        self.maps.link(&mut instructions)?;
        let request = sys::Program {
            name: program,
            kind: target.program_type,
            expected_attach_type: target.attach_type,
            attach_btf_id: target.btf_id,
            license: &license,
            instructions: &instructions,
        };
        let program = load(&request)?;
        let link = target.open(&program)?;
        Ok((program, link))
    }
}

fn is_refused(point: Point) -> bool {
    let names = std::env::var(REFUSE).unwrap_or_default();
    names.split(',').any(|name| name == point.kind() || name == point.to_string())
}

/// Why an attachment did not come about.
enum Failure {
    /// The kernel does not carry it; another way may do.
    Refused { reason: String, log: String },
    /// No other way would help.
    Broken(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

fn load(request: &sys::Program<'_>) -> Result<OwnedFd, Failure> {
    let error = match sys::prog_load(request, &mut []) {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    // EPERM is policy, which the verifier has no words for; it says EACCES or EINVAL.
    if error.raw_os_error() == Some(libc::EPERM) {
        return Err(refused(format!("program {}: {error}", request.name)));
    }
    let mut log = vec![0; LOG_SIZE];
    let _ = sys::prog_load(request, &mut log);
    // A C string: behind its end stands what the verifier had taken back.
    let log = String::from_utf8_lossy(log.split(|byte| *byte == 0).next().unwrap_or_default());
    let words = last_words(&log).map_or(String::new(), |words| format!(": {words}"));
    Err(Failure::Refused {
        reason: format!("program {}: {error}{words}", request.name),
        log: log.into_owned(),
    })
}

/// The line of the verifier's log that says what was wrong: the last but its statistics.
fn last_words(log: &str) -> Option<&str> {
    log.lines().rev().find(|line| !line.is_empty() && !line.starts_with("processed "))
}

/// A place that exists on this kernel.
struct Target {
    point: Point,
    program_type: u32,
    attach_type: u32,
    btf_id: u32,
    /// The type number of the kprobe PMU.
    pmu: u32,
}

impl Target {
    fn find(point: Point, answers: &Answers) -> Result<Self, Failure> {
        let mut target = Self { point, program_type: TYPE_TRACING, attach_type: 0, btf_id: 0, pmu: 0 };
        let name = point.target();
        let function =
            || answers.func(name).ok_or_else(|| refused(format!("the kernel has no function {name}")));
        match point {
            Point::TpBtf(_) => {
                let of_tracepoint = answers.typedef(&format!("btf_trace_{name}"));
                target.btf_id =
                    of_tracepoint.ok_or_else(|| refused(format!("the kernel has no tracepoint {name}")))?;
                target.attach_type = TRACE_RAW_TP;
            }
            Point::Fentry(_) => {
                target.btf_id = function()?;
                target.attach_type = TRACE_FENTRY;
            }
            Point::Fexit(_) => {
                target.btf_id = function()?;
                target.attach_type = TRACE_FEXIT;
            }
            Point::RawTracepoint(_) => target.program_type = TYPE_RAW_TRACEPOINT,
            Point::Kprobe(_) | Point::Kretprobe(_) => {
                target.program_type = TYPE_KPROBE;
                target.pmu = kprobe_pmu().ok_or_else(|| refused("the kernel has no kprobes".to_owned()))?;
            }
        }
        Ok(target)
    }

    fn open(&self, program: &OwnedFd) -> Result<OwnedFd, Failure> {
        let Ok(name) = CString::new(self.point.target()) else {
            return Err(refused("its name holds a NUL".to_owned()));
        };
        let program = program.as_fd();
        match self.point {
            Point::TpBtf(_) | Point::Fentry(_) | Point::Fexit(_) => sys::raw_tracepoint_open(program, None),
            Point::RawTracepoint(_) => sys::raw_tracepoint_open(program, Some(&name)),
            Point::Kprobe(_) => sys::kprobe_open(program, self.pmu, &name, false),
            Point::Kretprobe(_) => sys::kprobe_open(program, self.pmu, &name, true),
        }
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refused(format!("the kernel has no {}", self.point.target())),
            _ => refused(format!("attaching: {error}")),
        })
    }
}

fn refused(reason: String) -> Failure {
    Failure::Refused { reason, log: String::new() }
}

fn kprobe_pmu() -> Option<u32> {
    fs::read_to_string("/sys/bus/event_source/devices/kprobe/type").ok()?.trim().parse().ok()
}
