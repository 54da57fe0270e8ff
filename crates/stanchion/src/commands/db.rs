//! `stanchion db`: people look at database clusters, and change who writes. All of it goes over the Kubernetes API.

mod clusters;
mod failover;
mod follow;
mod list;
mod logs;
mod shell;
mod status;
mod story;
mod switchover;
pub(crate) mod text;

use anyhow::Context;
use clap::Subcommand;

pub(crate) use self::clusters::{Clusters, Place};
pub(crate) use self::story::{instant, step, tell};
pub(crate) use self::text::milliseconds;
use crate::error::Failure;
use crate::output::Format;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The clusters: who writes, how many instances are ready.
    List(list::Arguments),
    /// One cluster on one screen: instances, what they hold, the last failover, and what one would do now.
    Status(status::Arguments),
    /// Make another instance the primary, in order and without losing anything.
    ///
    /// The primary stops writing when its successor has nearly everything. If the change does not come about before the
    /// deadline, the old primary writes again.
    Switchover(switchover::Arguments),
    /// Give the primary up, and promote another instance.
    ///
    /// The primary is fenced, not asked. Those who may have acknowledged writes must answer, unless data may be lost.
    Failover(failover::Arguments),
    /// The logs of the primary's Pod, or of another instance's.
    Logs(logs::Arguments),
    /// A SQL client at the primary, or at an instance, as the application's user.
    Shell(shell::Arguments),
}

/// Does it.
pub(crate) fn run(command: &Command, format: Format) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        match command {
            Command::List(arguments) => list::run(arguments, format).await,
            Command::Status(arguments) => status::run(arguments, format).await,
            Command::Switchover(arguments) => switchover::run(arguments, format).await,
            Command::Failover(arguments) => failover::run(arguments, format).await,
            Command::Logs(arguments) => logs::run(arguments).await,
            Command::Shell(arguments) => shell::run(arguments).await,
        }
    })
}
