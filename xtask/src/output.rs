//! The one place that prints.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool prints; it does so here only"
)]

use std::fmt::Display;

/// Prints one line of data to stdout.
pub(crate) fn line(data: impl Display) {
    println!("{data}");
}

/// Prints text that has its own ends of lines to stdout.
pub(crate) fn text(data: impl Display) {
    print!("{data}");
}

/// Prints a note for the person at the terminal to stderr.
pub(crate) fn note(text: impl Display) {
    eprintln!("{text}");
}

/// Prints an error with the chain of its causes to stderr.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("xtask: {error:#}");
}
