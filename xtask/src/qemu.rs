//! One boot of one kernel under QEMU, without KVM.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::fs::MemfdFlags;
use rustix::process::Signal;

use crate::console::{Console, End};

/// How long a guest may go on after its kernel has given up, to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Boots fast and quietly, and turns every way to die into one that is seen.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 oops=panic reboot=t mitigations=off tsc=reliable \
    no_timer_check cryptomgr.notests random.trust_cpu=on";

/// The virtual machine to boot.
pub(crate) struct Machine<'a> {
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a [u8],
    /// Further kernel arguments.
    pub(crate) append: &'a str,
    pub(crate) smp: u32,
    /// In MiB.
    pub(crate) memory: u32,
}

/// A running QEMU, which ends with this value.
struct Qemu(Child);

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots `machine`, hands each line of its console to `echo`, and returns when it has ended or `timeout` is over.
pub(crate) fn boot(machine: &Machine<'_>, timeout: Duration, mut echo: impl FnMut(&str)) -> Result<Console> {
    let start = Instant::now();
    let mut qemu = spawn(machine)?;
    let lines = read_lines(qemu.0.stdout.take().context("failed to read QEMU's console")?);
    let mut console = Console::default();
    let mut deadline = start + timeout;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let dying = console.end.is_some();
                if let Some(line) = console.line(&line) {
                    echo(&line);
                }
                match console.end {
                    Some(End::Exit(_)) => return Ok(console),
                    Some(_) if !dying => deadline = Instant::now() + LAST_WORDS,
                    _ => {}
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                console.end.get_or_insert(End::Timeout);
                break;
            }
            Err(RecvTimeoutError::Disconnected) => {
                console.end.get_or_insert(End::Reset);
                break;
            }
        }
    }
    drop(qemu);
    // A hang may have left half a line behind.
    for line in lines {
        if let Some(line) = console.line(&line) {
            echo(&line);
        }
    }
    Ok(console)
}

fn spawn(machine: &Machine<'_>) -> Result<Qemu> {
    let Machine { kernel, initramfs, append, smp, memory } = machine;
    let mut command = Command::new("qemu-system-x86_64");
    command
        // With a thread per CPU, guests crash now and then while ftrace patches their code.
        .args(["-machine", "pc", "-accel", "tcg,thread=single", "-cpu", "max"])
        .args(["-smp", &smp.to_string(), "-m", &memory.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .args(["-serial", "file:/dev/stdout", "-initrd", "/dev/stdin", "-kernel"])
        .arg(kernel)
        .args(["-append", &format!("{KERNEL_ARGUMENTS} {append}")])
        .stdin(memory_file(initramfs)?)
        .stdout(Stdio::piped());
    // SAFETY: the closure runs in the child between fork and exec and does one system call, prctl.
    unsafe {
        command.pre_exec(|| {
            // However xtask ends, by Ctrl-C for one, the guest ends too.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
    command.spawn().map(Qemu).context("failed to start qemu-system-x86_64: run `cargo xtask setup`")
}

/// A file in memory: nothing is left on disk, however the run ends.
fn memory_file(bytes: &[u8]) -> Result<File> {
    let create = || -> std::io::Result<File> {
        let mut file = File::from(rustix::fs::memfd_create("initramfs", MemfdFlags::CLOEXEC)?);
        file.write_all(bytes)?;
        Ok(file)
    };
    create().context("failed to create the initramfs")
}

/// Reads the console in a thread of its own, so that waiting for a line can end.
fn read_lines(console: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut console = BufReader::new(console);
        loop {
            let mut line = Vec::new();
            match console.read_until(b'\n', &mut line) {
                Ok(1..) if sender.send(line).is_ok() => {}
                _ => break,
            }
        }
    });
    lines
}
