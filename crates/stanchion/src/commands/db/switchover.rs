//! `stanchion db switchover`: the orderly change of primary.

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
    /// The instance that is to write; the one that has most by default.
    #[arg(long, value_name = "INSTANCE")]
    to: Option<String>,
    /// How long it may take; the cluster's `switchoverDeadline` by default.
    #[arg(long, value_name = "TIME", value_parser = follow::deadline)]
    deadline: Option<Duration>,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// Changes the primary, and tells how it went.
pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let request = Request {
        name: &arguments.name,
        kind: OperationKind::Switchover,
        to: arguments.to.as_deref(),
        deadline: arguments.deadline,
        allow_data_loss: false,
    };
    follow::carry_out(&arguments.place.open().await?, &request, arguments.dry_run, format).await
}
