//! `stanchion db failover`: a primary is given up because a person says so.

use std::time::Duration;

use clap::Args;
use stanchion_api::OperationKind;

use super::clusters::Place;
use super::follow::{self, Request};
use crate::error::Failure;
use crate::output::Format;

/// What to change.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster.
    name: String,
    /// The instance that is to write, if it holds as much as any other; the one that has most by default.
    #[arg(long, value_name = "INSTANCE")]
    to: Option<String>,
    /// Until when it must have begun, and until when data may be lost; the cluster's `switchoverDeadline` by default.
    #[arg(long, value_name = "TIME", value_parser = follow::deadline)]
    deadline: Option<Duration>,
    /// If those who may have acknowledged writes cannot be asked, promote without what they alone may hold.
    #[arg(long)]
    allow_data_loss: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// Gives the primary up, and tells how it went.
pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let request = Request {
        name: &arguments.name,
        kind: OperationKind::Failover,
        to: arguments.to.as_deref(),
        deadline: arguments.deadline,
        allow_data_loss: arguments.allow_data_loss,
    };
    follow::carry_out(&arguments.place.open().await?, &request, arguments.dry_run, format).await
}
