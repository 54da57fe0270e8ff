//! `stanchion store …`

mod check;
mod client;
mod compact;
mod defrag;
mod restore;
mod serve;
mod snapshot;
mod status;

use clap::Subcommand;

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::Format;

/// The store's subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the etcd v3 API from a data directory.
    ///
    /// Flags and environment variables carry etcd's names and meanings wherever etcd has the thing.
    Serve(Box<serve::Arguments>),
    /// Show size, quota, revision and alarms of a store that is served.
    Status(status::Arguments),
    /// Save a snapshot of a store that is served, and verify it.
    Snapshot(snapshot::Arguments),
    /// Turn a snapshot back into a data directory.
    Restore(restore::Arguments),
    /// Verify a data directory, or a snapshot, and say what is wrong where.
    Check(check::Arguments),
    /// Give free space back to the disk, of a store that is served or of a data directory.
    Defrag(defrag::Arguments),
    /// Give up history of a store that is served.
    Compact(compact::Arguments),
}

/// Carries out a subcommand.
pub(crate) fn run(command: Command, format: Format) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Status(arguments) => block_on(status::run(arguments, format)),
        Command::Snapshot(arguments) => block_on(snapshot::run(arguments, format)),
        Command::Restore(arguments) => restore::run(&arguments, format),
        Command::Check(arguments) => check::run(&arguments, format),
        Command::Defrag(arguments) => block_on(defrag::run(arguments, format)),
        Command::Compact(arguments) => block_on(compact::run(arguments, format)),
    }
}

/// Runs a command that talks to a server.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Failure, error))?.block_on(command)
}
