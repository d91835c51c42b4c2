//! What developers and CI run: build probes, generate, test, benchmark.

mod apt;
mod build_ebpf;
mod cache;
mod command;
mod console;
mod initramfs;
mod kernel_package;
mod kernels;
mod objects;
mod packages;
mod qemu;
mod record;
mod setup;
mod sources;
mod toolchain;
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
    }
    Ok(ExitCode::SUCCESS)
}
