//! `stanchion scheduler` and `stanchion controllers`: one part alone, against any API server. What `stanchion node` shares
//! with them stands here.

use std::future::Future;

use anyhow::{Context, anyhow};
use clap::Args;
use kube::Client;
use stanchion_informers::Copies;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::commands::remote::Remote;
use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

/// How to schedule.
#[derive(Debug, Args)]
pub(crate) struct Scheduler {
    #[command(flatten)]
    remote: Remote,
    /// Pods with this schedulerName are scheduled.
    #[arg(long = "scheduler-name", value_name = "NAME", default_value = "default-scheduler")]
    serves: String,
    /// The percentage of nodes to look at for ones that will do; by default it adapts to their number.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    percentage_of_nodes_to_score: Option<u8>,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// How to control. Volumes are not provisioned: that takes the node's disk.
#[derive(Debug, Args)]
pub(crate) struct Controllers {
    #[command(flatten)]
    remote: Remote,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Schedules until a signal says to stop.
pub(crate) fn scheduler(arguments: &Scheduler) -> Result<(), Failure> {
    let options = stanchion_scheduler::Options {
        scheduler_name: arguments.serves.clone(),
        percentage_of_nodes_to_score: arguments.percentage_of_nodes_to_score,
        ..stanchion_scheduler::Options::default()
    };
    run(&arguments.remote, arguments.log_level, async |client, stop| {
        let copies = Copies::new(client.clone(), stop.clone());
        stanchion_scheduler::run(client, &copies, options, stop)
            .await
            .map_err(|error| Failure::new(Exit::Failure, error))
    })
}

/// Controls until a signal says to stop.
pub(crate) fn controllers(arguments: &Controllers) -> Result<(), Failure> {
    run(&arguments.remote, arguments.log_level, async |client, stop| {
        let copies = Copies::new(client.clone(), stop.clone());
        tokio::select! {
            () = stanchion_controllers::run(client, &copies, stanchion_controllers::Options::default(), stop) => Ok(()),
            () = copies.failed() => {
                Err(Failure::new(Exit::Failure, anyhow!("a kind of objects is no longer followed")))
            }
        }
    })
}

/// Runs a part until a signal says to stop.
pub(crate) fn run<F>(
    remote: &Remote,
    level: LogLevel,
    part: impl FnOnce(Client, CancellationToken) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    logging::start(level);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let (client, _) = remote.client().await?;
        // Whether somebody is there is told now, and not by failures that are repeated.
        let version = client.apiserver_version().await.context("the API server does not answer");
        let version = version.map_err(|error| Failure::new(Exit::Unavailable, error))?;
        tracing::info!(server = version.git_version, "running");
        let stop = CancellationToken::new();
        let told = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = part(client, stop.clone()) => ended,
            () = told => Ok(()),
        }
    })
}
