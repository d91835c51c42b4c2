//! kscope: shows what the kernel does, in one static binary.

mod clock;
mod column;
mod command;
mod commands;
mod face;
mod meta;
mod options;
mod output;
mod probe;
mod scope;
mod shape;
mod signals;
mod text;
mod tools;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

/// Bad arguments; clap uses the same.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = commands::arguments(std::env::args_os());
    let matches = match commands::root().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            // Help into a closed pipe is help that nobody wants.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    match commands::run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "kscope: {}", text::escape(format!("{error:#}").as_bytes()));
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of the output has gone, as `head` does when it has enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
