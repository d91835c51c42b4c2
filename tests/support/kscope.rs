//! Running kscope as a user does.

use std::{
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;

use super::{guest, wait_until};

/// The binary under test.
pub fn binary() -> &'static str {
    if guest::is_guest() { guest::KSCOPE } else { env!("CARGO_BIN_EXE_kscope") }
}

/// A command that runs kscope.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments);
    command
}

/// Runs kscope to its end.
pub fn run(arguments: &[&str]) -> Ended {
    run_command(&mut command(arguments))
}

/// Runs a prepared command to its end.
pub fn run_command(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().expect("run kscope");
    Ended {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether execsnoop -x can do without the hooks in `refused`.
pub fn accepts(refused: &str) -> bool {
    let mut command = command(&["execsnoop", "-x", "--duration", "10ms"]);
    run_command(command.env("KSCOPE_REFUSE", refused)).status == Some(0)
}

/// A kscope that traces.
pub struct Tracing {
    child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

/// A kscope that has ended.
pub struct Ended {
    /// The exit status; none if a signal killed it.
    pub status: Option<i32>,
    /// All it printed.
    pub stdout: Vec<u8>,
    /// All it complained.
    pub stderr: String,
}

impl Tracing {
    /// Starts kscope, and waits until its probes are attached: until it has printed a line.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_command(&mut command(arguments))
    }

    /// Starts a prepared command, likewise.
    pub fn start_command(command: &mut Command) -> Self {
        let mut tracing = Self::spawn(command);
        wait_until("kscope to attach its probes", || {
            tracing.stdout.lock().expect("no panic").contains(&b'\n') || tracing.has_ended()
        });
        tracing
    }

    /// Starts a prepared command whose output goes elsewhere; the caller waits for what it needs.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start kscope");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().expect("a pipe"), &stdout),
            collect(child.stderr.take().expect("a pipe"), &stderr),
        ];
        Self { child, stdout, readers, stderr }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("wait for kscope").is_some()
    }

    /// What it has printed so far.
    pub fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.stdout.lock().expect("no panic")).into_owned()
    }

    /// Sends it a signal, if it still runs; its status tells if it did not.
    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(Pid::from_child(&self.child), signal);
        assert!(matches!(sent, Ok(()) | Err(Errno::SRCH)), "{sent:?}");
    }

    /// Ends it as Ctrl-C does.
    pub fn stop(self) -> Ended {
        self.signal(Signal::INT);
        self.end()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        wait_until("kscope to end", || self.has_ended());
        let status = self.child.wait().expect("wait for kscope").code();
        for reader in self.readers {
            reader.join().expect("no panic");
        }
        let stdout = std::mem::take(&mut *self.stdout.lock().expect("no panic"));
        let stderr = String::from_utf8_lossy(&self.stderr.lock().expect("no panic")).into_owned();
        Ended { status, stdout, stderr }
    }
}

fn collect(mut from: impl std::io::Read + Send + 'static, to: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let to = Arc::clone(to);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            to.lock().expect("no panic").extend(&buffer[..length]);
        }
    })
}

impl Ended {
    /// Panics unless all went well.
    pub fn succeeded(self) -> Self {
        assert_eq!(self.status, Some(0), "stderr: {}", self.stderr);
        self
    }

    /// Panics unless it failed with `status` and one line that holds `words`.
    pub fn failed(&self, status: i32, words: &[&str]) {
        let Self { stderr, .. } = self;
        assert_eq!(self.status, Some(status), "stderr: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        if status == 1 {
            assert_eq!(stderr.lines().count(), 1, "one line, got: {stderr}");
        }
        for word in words {
            assert!(stderr.contains(word), "no {word:?} in: {stderr}");
        }
    }

    /// What it printed, as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8")
    }

    /// The rows of a table, without header and footer.
    pub fn rows(&self) -> Vec<&str> {
        self.text().lines().skip(1).filter(|line| !line.starts_with("-- ")).collect()
    }

    /// The lines of `--json`.
    pub fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// The events of `--json`.
    pub fn events(&self) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["type"] == "event").collect()
    }

    /// The last line of `--json`.
    pub fn end_line(&self) -> Value {
        let last = self.lines().pop().expect("lines");
        assert_eq!(last["type"], "end");
        last
    }
}

/// The bytes of a text or list of `--json`.
pub fn exact(event: &Value, field: &str) -> Vec<Vec<u8>> {
    let (value, is_hex) = match &event[format!("{field}_hex")] {
        Value::Null => (&event[field], false),
        hex => (hex, true),
    };
    let texts = match value {
        Value::Array(list) => list.iter().map(|text| text.as_str().expect("a text")).collect(),
        text => vec![text.as_str().expect("a text")],
    };
    texts.into_iter().map(|text| if is_hex { from_hex(text) } else { text.as_bytes().to_vec() }).collect()
}

fn from_hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
