//! A program that is shim, init and exec helper for the suites.

use std::process::ExitCode;

fn main() -> ExitCode {
    stanchion_sandbox::helper_main(std::env::args_os()).unwrap_or(ExitCode::FAILURE)
}
