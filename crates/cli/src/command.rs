//! Running the command behind `--`, and tracing nothing but it.

use std::{
    ffi::OsString,
    io::{self, PipeWriter, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command},
    thread::{self, JoinHandle},
};

use anyhow::{Context as _, Result, bail};

/// A child that has been made, and waits to become the command.
pub struct Held {
    /// Its process ID.
    pub pid: u32,
    gate: PipeWriter,
    spawned: JoinHandle<io::Result<Child>>,
    name: String,
}

/// The command, running.
pub struct Running(Child);

impl Held {
    /// Makes the child. It keeps kscope's privileges: whoever runs kscope by sudo runs the command so, too.
    ///
    /// # Errors
    ///
    /// No process can be made.
    pub fn new(command: &[OsString]) -> Result<Self> {
        let [program, arguments @ ..] = command else { bail!("no command given behind --") };
        let name = program.to_string_lossy().into_owned();
        let (mut pid_reader, mut pid_writer) = io::pipe().context("failed to make a pipe")?;
        let (mut gate_reader, gate) = io::pipe().context("failed to make a pipe")?;

        let mut command = Command::new(program);
        command.args(arguments);
        // SAFETY: between fork and exec the closure only reads and writes descriptors.
        unsafe {
            command.pre_exec(move || {
                pid_writer.write_all(&std::process::id().to_ne_bytes())?;
                gate_reader.read_exact(&mut [0])
            });
        }
        // `spawn` returns when the child has become the command, so somebody else has to wait for that.
        let spawned = thread::spawn(move || command.spawn());

        let mut pid = [0; 4];
        match pid_reader.read_exact(&mut pid) {
            Ok(()) => Ok(Self { pid: u32::from_ne_bytes(pid), gate, spawned, name }),
            Err(_) => match join(spawned, &name) {
                Ok(_) => bail!("failed to run {name}: it did not start"),
                Err(error) => Err(error),
            },
        }
    }

    /// Lets the child become the command.
    ///
    /// # Errors
    ///
    /// There is no such program, or it cannot be run.
    pub fn release(mut self) -> Result<Running> {
        self.gate.write_all(&[1]).context("failed to start the command")?;
        join(self.spawned, &self.name).map(Running)
    }
}

fn join(spawned: JoinHandle<io::Result<Child>>, name: &str) -> Result<Child> {
    let Ok(spawned) = spawned.join() else { bail!("failed to run {name}") };
    spawned.with_context(|| format!("failed to run {name}"))
}

impl Running {
    /// Whether the command has ended.
    pub fn has_ended(&mut self) -> bool {
        // An error means that there is no such child any more.
        !matches!(self.0.try_wait(), Ok(None))
    }
}
