//! Runs a program as init of the kernels in the cache.
//!
//! The program prints what it likes on the console and, when it is done, a line `@@EXIT <status>`; then it powers
//! off or reboots. A panic, a stuck CPU or a timeout ends the guest as well.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

pub(crate) use crate::console::End;
use crate::initramfs::Initramfs;
use crate::kernels::{self, Kernel};
use crate::qemu::{self, Machine};
use crate::{command, setup};

/// Lines of the console that an error repeats.
const TAIL: usize = 30;

/// What to boot.
#[derive(Clone, Debug)]
pub(crate) struct Vm {
    /// The kernel's image.
    pub(crate) kernel: PathBuf,
    /// A static program.
    pub(crate) init: PathBuf,
    /// Files and folders of the host, and where the guest finds them.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Further kernel arguments; what the kernel does not know goes to init.
    pub(crate) append: String,
    /// When to give up.
    pub(crate) timeout: Duration,
    /// Number of CPUs.
    pub(crate) smp: u32,
    /// Memory in MiB.
    pub(crate) memory: u32,
    /// Prints the console's lines as they come, with this in front.
    pub(crate) echo: Option<String>,
}

impl Vm {
    /// `init` alone on `kernel`, with two CPUs, 1 GiB, two minutes and no echo.
    pub(crate) fn new(kernel: impl Into<PathBuf>, init: impl Into<PathBuf>) -> Self {
        Self {
            kernel: kernel.into(),
            init: init.into(),
            files: Vec::new(),
            append: String::new(),
            timeout: Duration::from_mins(2),
            smp: 2,
            memory: 1024,
            echo: None,
        }
    }
}

/// What became of a guest.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The console's text without the status line.
    pub(crate) output: String,
    /// How it ended.
    pub(crate) end: End,
    /// How long it took.
    pub(crate) wall: Duration,
    echoed: bool,
}

impl Outcome {
    /// The status that init gave; an error if it gave none, with the end of the console unless that was echoed.
    pub(crate) fn status(&self) -> Result<i32> {
        match self.end {
            End::Exit(status) => Ok(status),
            end if self.echoed => bail!("failed to get a status from the guest: {end}"),
            end => bail!(
                "failed to get a status from the guest: {end}; its console ends with\n{}",
                command::tail(&self.output, TAIL)
            ),
        }
    }
}

/// Boots a guest and waits for its end. An error means that it could not be started; how it ended is in the outcome.
pub(crate) fn run(vm: &Vm) -> Result<Outcome> {
    let start = Instant::now();
    let mut image = Initramfs::default();
    // Where every init mounts something.
    for dir in ["/dev", "/proc", "/sys", "/tmp", "/run"] {
        image.dir(dir)?;
    }
    let init = std::fs::read(&vm.init).with_context(|| format!("failed to read {}", vm.init.display()))?;
    image.file("/init", 0o755, &init)?;
    for (source, path) in &vm.files {
        image.copy(source, path)?;
    }
    let machine = Machine {
        kernel: &vm.kernel,
        initramfs: &image.finish(),
        append: &vm.append,
        smp: vm.smp,
        memory: vm.memory,
    };
    let console = qemu::boot(&machine, vm.timeout, |line| {
        if let Some(prefix) = &vm.echo {
            println!("{prefix}{line}");
        }
    })?;
    Ok(Outcome {
        output: console.output,
        end: console.end.unwrap_or(End::Reset),
        wall: start.elapsed(),
        echoed: vm.echo.is_some(),
    })
}

/// Options of `cargo xtask vm`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Kernels to boot; all without it
    labels: Vec<String>,
    /// Static program to run as init
    #[arg(long, value_name = "FILE")]
    init: PathBuf,
    /// File or folder to put into the guest
    #[arg(long = "file", value_name = "SRC:DEST", value_parser = source_and_destination)]
    files: Vec<(PathBuf, String)>,
    /// Further kernel arguments
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    append: String,
    /// Seconds before giving up
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    /// Number of CPUs
    #[arg(long, default_value_t = 2)]
    smp: u32,
    /// Memory in MiB
    #[arg(long, default_value_t = 1024)]
    memory: u32,
}

/// Boots the kernels one after the other, with their consoles on stdout; gives the highest status.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    setup::qemu()?;
    let mut worst = 0;
    let mut failed = Vec::new();
    for Kernel { label, release, vmlinuz } in kernels::ensure(&args.labels)? {
        let vm = Vm {
            files: args.files.clone(),
            append: args.append.clone(),
            timeout: Duration::from_secs(args.timeout),
            smp: args.smp,
            memory: args.memory,
            echo: Some(format!("{label:6} | ")),
            ..Vm::new(vmlinuz, &args.init)
        };
        let outcome = run(&vm)?;
        let seconds = outcome.wall.as_secs_f64();
        match outcome.status() {
            Ok(status) => {
                command::step(&format!("{label} ({release}): status {status} after {seconds:.1} s"));
                worst = worst.max(status);
            }
            Err(error) => {
                command::step(&format!("{label} ({release}): {error:#} after {seconds:.1} s"));
                failed.push(label);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed to get a status from {}", failed.join(", "));
    }
    Ok(ExitCode::from(u8::try_from(worst).unwrap_or(u8::MAX)))
}

/// Reads `SRC:DEST`; `SRC` alone goes to the guest's root.
fn source_and_destination(text: &str) -> Result<(PathBuf, String), String> {
    let (source, path) = text.split_once(':').unwrap_or((text, ""));
    let source = PathBuf::from(source);
    let path = match source.file_name().and_then(|name| name.to_str()) {
        Some(name) if path.is_empty() => format!("/{name}"),
        None if path.is_empty() => return Err("a destination is missing".to_owned()),
        _ => path.to_owned(),
    };
    Ok((source, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_to_the_root_unless_told() {
        let parse = |text: &str| source_and_destination(text).map(|(_, path)| path);
        assert_eq!(parse("target/debug/kscope:/bin/kscope").as_deref(), Ok("/bin/kscope"));
        assert_eq!(parse("target/debug/kscope").as_deref(), Ok("/kscope"));
        assert_eq!(parse("kscope:").as_deref(), Ok("/kscope"));
        assert!(parse("..").is_err());
    }
}
