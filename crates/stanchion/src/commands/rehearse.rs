//! `stanchion rehearse`: harm on purpose, under the eyes of a client that knows what was acknowledged.

mod aim;
mod harm;
mod kill_primary;
mod outcome;
mod processes;

use anyhow::Context;
use clap::Subcommand;

use crate::error::Failure;
use crate::output::Format;

/// What to rehearse.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The loss of a primary: a client writes through the Service, the primary is killed or frozen, and every row that
    /// was acknowledged is looked for afterwards.
    ///
    /// It takes a cluster whose Pods are processes of this machine. The client writes to a table of its own,
    /// `stanchion_rehearsal` in the application's database, and removes its rows in the end.
    KillPrimary(kill_primary::Arguments),
}

/// Rehearses.
pub(crate) fn run(command: &Command, format: Format) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        match command {
            Command::KillPrimary(arguments) => kill_primary::run(arguments, format).await,
        }
    })
}
