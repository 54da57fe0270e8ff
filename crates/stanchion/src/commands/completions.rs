//! `stanchion completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output;

/// Which shell.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell; for bash: source <(stanchion completions bash)
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(arguments: &Arguments) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "stanchion", &mut script);
    output::text(&String::from_utf8_lossy(&script));
}
