//! `stanchion agent`

mod install;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use stanchion_agent::{Config, Identity};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

/// Work on one database in its container.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Supervise the database of this Pod until SIGTERM. Reads `POD_NAME`, `POD_NAMESPACE`, `POD_IP` and `CLUSTER_UID`.
    Run(RunArguments),
    /// Copy this program into a directory, for a container that has another image.
    Install(install::InstallArguments),
}

/// How to run.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// What the operator wrote (agent.json).
    #[arg(long, value_name = "FILE", default_value = "/etc/stanchion/agent.json")]
    config: PathBuf,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Carries out a subcommand.
pub(crate) fn run(command: &AgentCommand) -> Result<(), Failure> {
    match command {
        AgentCommand::Run(arguments) => supervise(arguments),
        AgentCommand::Install(arguments) => install::run(arguments),
    }
}

fn supervise(arguments: &RunArguments) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let config = Config::read(&arguments.config).map_err(|error| Failure::new(Exit::Usage, error))?;
    let identity = Identity::read(&config.cluster, |variable| std::env::var(variable).ok())
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    // Two threads: one that waits for a disk must not hold up what decides.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let asked = stop.clone();
        let signals = tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            asked.cancel();
        });
        let ended = stanchion_agent::run(config, identity, stop).await;
        signals.abort();
        ended.map_err(|error| Failure::new(Exit::Failure, error))
    })
}
