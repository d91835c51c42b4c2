//! What developers and CI run: build probes, generate, test, benchmark.

mod apt;
mod bench;
mod build_ebpf;
mod cache;
mod command;
mod console;
mod generate;
mod initramfs;
mod kernel_package;
mod kernels;
mod lint;
mod objects;
mod packages;
mod qemu;
mod record;
mod samples;
mod setup;
mod sources;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Developer commands of kscope.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Cli {
    /// Install what builds and tests need
    Setup,
    /// Fetch the kernels that tests boot, and list them
    Kernels {
        /// Kernels to fetch; all without it
        labels: Vec<String>,
    },
    /// Run a static program as init of other kernels
    Vm(vm::Args),
    /// Compile the probes into crates/loader/objects
    BuildEbpf(build_ebpf::Args),
    /// Generate manual pages, completions, schemas, README's table and snapshots of help
    Gen(generate::Args),
    /// Check that every tool is whole
    Tidy,
    /// Check formatting, lints, documentation and licences
    Lint,
    /// Set up and run every test, here and on other kernels
    Test(test::Args),
    /// Measure tools beside their peers
    Bench(bench::Args),
    /// Take samples of other kernels' BTF, which unit tests read
    BtfSamples,
}

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli {
        Cli::Setup => setup::all()?,
        Cli::Kernels { labels } => kernels::list(&labels)?,
        Cli::Vm(args) => return vm::main(&args),
        Cli::BuildEbpf(args) => build_ebpf::main(&args)?,
        Cli::Gen(args) => generate::main(&args)?,
        Cli::Tidy => tidy::main()?,
        Cli::Lint => lint::main()?,
        Cli::Test(args) => test::main(&args)?,
        Cli::Bench(args) => bench::main(&args)?,
        Cli::BtfSamples => samples::main()?,
    }
    Ok(ExitCode::SUCCESS)
}
