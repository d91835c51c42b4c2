//! Everything there is to test, counted.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::build_ebpf::{self, Check};
use crate::kernels::{self, Kernel};
use crate::vm::{self, Vm};
use crate::{command, generate, lint, setup, tidy};

/// How long a guest may take for all tests; it needs a tenth of that.
const GUEST_TIMEOUT: Duration = Duration::from_mins(10);

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the tests on this machine's kernel only
    #[arg(long)]
    no_vm: bool,
}

/// Passed, failed and skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// The sum of all lines `test result: ok. 1 passed; 0 failed; 2 ignored; ...` in `output`.
    fn read(output: &str) -> Self {
        let mut sum = Self::default();
        for line in output.lines().filter(|line| line.contains("test result:")) {
            let number = |what: &str| {
                let before = line.split(what).next().unwrap_or_default();
                before.split_whitespace().next_back().and_then(|word| word.parse().ok()).unwrap_or(0)
            };
            sum.add(Self {
                passed: number(" passed"),
                failed: number(" failed"),
                skipped: number(" ignored"),
            });
        }
        sum
    }
}

/// Runs the command; its last line is `N passed, N failed, N skipped`.
pub(crate) fn main(args: &Args) -> Result<()> {
    let mut total = Tally::default();
    for (name, check) in lint::CHECKS {
        total.add(step(name, || check().map(|()| Tally::PASSED)));
    }
    let mut objects = None;
    total.add(step("probes match their sources", || {
        setup::probes_toolchain()?;
        setup::disassembler()?;
        if let Check::OtherToolchain { objects: rebuilt } = build_ebpf::check(build_ebpf::ARCHES[0])? {
            command::step(&format!("testing the probes rebuilt in {}", rebuilt.display()));
            objects = Some(rebuilt);
        }
        Ok(Tally::PASSED)
    }));
    total.add(step("the tree is tidy", || tidy::main().map(|()| Tally::PASSED)));
    total.add(step("generated files", || generate::main(&generate::Args::check()).map(|()| Tally::PASSED)));
    total.add(step("unit tests", unit_tests));
    match build() {
        Ok(binaries) => {
            total.add(step("end to end on this kernel", || on_this_kernel(&binaries, objects.as_deref())));
            if !args.no_vm {
                total.add(step("end to end on other kernels", || {
                    on_other_kernels(&binaries, objects.as_deref())
                }));
            }
        }
        Err(error) => total.add(step("end-to-end tests build", || Err(error))),
    }
    let Tally { passed, failed, skipped } = total;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("failed {failed} of {} tests", passed + failed + skipped);
    }
    Ok(())
}

/// Runs one step and says how it went; what cannot be run has failed.
fn step(name: &str, run: impl FnOnce() -> Result<Tally>) -> Tally {
    command::step(name);
    let tally = run().unwrap_or_else(|error| {
        println!("{name}: {error:#}");
        Tally::FAILED
    });
    println!("{name}: {} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    tally
}

fn unit_tests() -> Result<Tally> {
    let mut sum = Tally::default();
    // Doc tests and others are two kinds of run to cargo.
    for kinds in [&["--lib", "--bins", "--test", "btf_*"][..], &["--doc"]] {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(command::workspace());
        cargo
            .args(["test", "--quiet", "--no-fail-fast", "--workspace", "--exclude", "probes-ebpf"])
            .args(kinds);
        sum.add(run_tests(&mut cargo)?);
    }
    Ok(sum)
}

/// What the end-to-end tests consist of.
pub(crate) struct Binaries {
    /// The tests, which are also a guest's init.
    pub(crate) tests: PathBuf,
    /// The program.
    pub(crate) kscope: PathBuf,
}

/// Builds them.
pub(crate) fn build() -> Result<Binaries> {
    command::step("building the end-to-end tests");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(command::workspace());
    cargo.args(["test", "--package", "kscope", "--test", "e2e", "--profile", "checked", "--no-run"]);
    let said = command::stdout(cargo.args(["--message-format", "json-render-diagnostics"]))?;
    // One line of JSON for each artifact; the executable of the test is what we look for.
    let tests = said
        .lines()
        .filter(|line| line.contains(r#""kind":["test"]"#))
        .find_map(|line| line.split(r#""executable":""#).nth(1)?.split('"').next())
        .context("failed to find the end-to-end tests that cargo has built")?;
    Ok(Binaries { tests: tests.into(), kscope: command::host_target_dir()?.join("checked/kscope") })
}

fn on_this_kernel(binaries: &Binaries, objects: Option<&Path>) -> Result<Tally> {
    let mut tests = Command::new(&binaries.tests);
    tests.current_dir(command::workspace());
    if let Some(objects) = objects {
        tests.env("KSCOPE_OBJECTS", objects);
    }
    run_tests(&mut tests)
}

/// Boots as many guests at a time as there are CPUs: emulation keeps one busy with each.
fn on_other_kernels(binaries: &Binaries, objects: Option<&Path>) -> Result<Tally> {
    setup::qemu()?;
    let kernels = Mutex::new(kernels::ensure(&[])?.into_iter());
    let sum = Mutex::new(Tally::default());
    let next = || kernels.lock().ok()?.next();
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let worker = || -> Result<()> {
            while let Some(kernel) = next() {
                let tally = on_kernel(&kernel, binaries, objects)?;
                if let Ok(mut sum) = sum.lock() {
                    sum.add(tally);
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a guest's thread died")))
    })?;
    sum.into_inner().map_err(|_| anyhow!("a guest's thread died"))
}

fn on_kernel(kernel: &Kernel, binaries: &Binaries, objects: Option<&Path>) -> Result<Tally> {
    let Kernel { label, release, vmlinuz } = kernel;
    let mut vm = Vm::new(vmlinuz, &binaries.tests);
    vm.files.push((binaries.kscope.clone(), "/bin/kscope".to_owned()));
    vm.files.extend(objects.map(|objects| (objects.to_owned(), "/objects".to_owned())));
    vm.timeout = GUEST_TIMEOUT;
    let outcome = vm::run(&vm)?;
    let tally = Tally::read(&outcome.output);
    let seconds = outcome.wall.as_secs_f64();
    if matches!(outcome.status(), Ok(0)) && tally.failed == 0 && tally.passed > 0 {
        command::step(&format!("{label} ({release}): {} passed in {seconds:.0} s", tally.passed));
        return Ok(tally);
    }
    println!("{}", outcome.output);
    println!("{label} ({release}): {:?} after {seconds:.0} s", outcome.end);
    Ok(Tally { failed: tally.failed.max(1), ..tally })
}

/// Runs what ends in `test result:` lines; a failure shows the whole output.
fn run_tests(command: &mut Command) -> Result<Tally> {
    let output = command.output().context("failed to start the tests")?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let tally = Tally::read(&stdout);
    if !output.status.success() {
        println!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        return Ok(Tally { failed: tally.failed.max(1), ..tally });
    }
    for line in String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.starts_with("skipped: ")) {
        println!("{line}");
    }
    if tally.passed == 0 && tally.skipped == 0 {
        println!("{stdout}");
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_results() {
        let output = "running 3 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n\
                      junk 7 passed\ntest result: FAILED. 10 passed; 3 failed; 0 ignored; 0 measured\n";
        assert_eq!(Tally::read(output), Tally { passed: 12, failed: 3, skipped: 1 });
        assert_eq!(Tally::read(""), Tally::default());
    }
}
