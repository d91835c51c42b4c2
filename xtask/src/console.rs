//! What a guest says on its console, and when it has said its last.

use std::fmt;

/// Ends the line with which a guest's init gives its status.
const EXIT: &str = "@@EXIT ";

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// Its init gave a status.
    Exit(i32),
    /// The kernel panicked.
    Panic,
    /// The kernel reported a CPU that was stuck.
    Stall,
    /// It was still running when its time was up.
    Timeout,
    /// It reset, or QEMU ended, without any of these.
    Reset,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "ended with status {status}"),
            Self::Panic => f.write_str("kernel panic"),
            Self::Stall => f.write_str("a CPU was stuck"),
            Self::Timeout => f.write_str("time is up"),
            Self::Reset => f.write_str("it stopped without a status"),
        }
    }
}

/// The console's text so far.
#[derive(Default)]
pub(crate) struct Console {
    /// Every line but the one with the status.
    pub(crate) output: String,
    /// How the guest ended, once that is known.
    pub(crate) end: Option<End>,
}

impl Console {
    /// Takes a line as it came from the serial port and gives it back as text; `None` for the one with the status.
    pub(crate) fn line(&mut self, bytes: &[u8]) -> Option<String> {
        let mut line = String::from_utf8_lossy(bytes).replace(['\r', '\n'], "");
        let mut said = true;
        if let Some((before, status)) = line.rsplit_once(EXIT)
            && let Ok(status) = status.parse()
        {
            self.end.get_or_insert(End::Exit(status));
            said = !before.is_empty();
            line.truncate(before.len());
        } else if let Some(end) = fatal(&line) {
            self.end.get_or_insert(end);
        }
        if said {
            self.output.push_str(&line);
            self.output.push('\n');
        }
        said.then_some(line)
    }
}

/// How the guest ends if the kernel says this. Its lines carry a time in brackets; those of tests do not.
fn fatal(line: &str) -> Option<End> {
    let (_, message) = line.split_once("] ")?;
    if message.starts_with("Kernel panic") {
        return Some(End::Panic);
    }
    let stall = message.contains("BUG: soft lockup")
        || (message.starts_with("rcu: INFO:") && message.contains("stall"));
    stall.then_some(End::Stall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(text: &str) -> (Option<End>, String) {
        let mut console = Console::default();
        for line in text.split_inclusive('\n') {
            console.line(line.as_bytes());
        }
        (console.end, console.output)
    }

    #[test]
    fn the_status_is_no_output() {
        assert_eq!(end_of("ok 1\r\n@@EXIT 3\r\n"), (Some(End::Exit(3)), "ok 1\n".to_owned()));
        assert_eq!(end_of("no newline@@EXIT 0\n"), (Some(End::Exit(0)), "no newline\n".to_owned()));
        assert_eq!(end_of("@@EXIT soon\n").0, None);
    }

    #[test]
    fn the_kernel_can_end_it() {
        let panic = "[    1.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000\n";
        assert_eq!(end_of(panic).0, Some(End::Panic));
        assert_eq!(end_of("test says Kernel panic\n").0, None);
        let lockup = "[   30.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]\n";
        assert_eq!(end_of(lockup).0, Some(End::Stall));
        assert_eq!(
            end_of("[   21.0] rcu: INFO: rcu_preempt self-detected stall on CPU\n").0,
            Some(End::Stall)
        );
        assert_eq!(end_of("@@EXIT 0\n[    2.0] Kernel panic - not syncing\n").0, Some(End::Exit(0)));
    }
}
