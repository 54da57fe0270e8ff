//! The `stanchion` command: one file per subcommand, rendering and exit codes. No logic of its own.

mod cli;
mod commands;
mod error;
mod exit;
mod logging;
mod output;

use std::process::ExitCode;

use clap::Parser;

/// Many small, short-lived allocations from several threads: the system's allocator would keep more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The processes beside containers are this binary too. They come before the command line is understood: there
    // may be hundreds, and they live long.
    if let Some(code) = stanchion_sandbox::helper_main(std::env::args_os()) {
        return code;
    }
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(()) => exit::Exit::Success.into(),
        Err(failure) => {
            output::failure(&failure);
            failure.exit().into()
        }
    }
}
