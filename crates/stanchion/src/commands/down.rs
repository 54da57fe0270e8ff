//! `stanchion down` and `stanchion reset`: the end of a cluster of one machine, or of a node that runs alone.
//!
//! While the cluster runs, `down` leaves the end of Pods to it: it knows their hooks. What runs without a cluster is ended
//! by its stop signal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use stanchion_node::{Credentials, Options};

use crate::commands::up::place;
use crate::commands::up::running::{End, Running, RunningError};
use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

/// How long a process that leaves its Pods running has to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Which cluster to end, and how long that may take.
#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    which: Arguments,
    /// How long to wait for Pods, each of which has its own grace period (5m, 1h). They go on ending after that.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// Which cluster to end.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the cluster.
    #[arg(long, value_name = "DIR", default_value = "cluster.stanchion")]
    data_dir: PathBuf,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Ends the Pods of the cluster in order, then the cluster; all data stays.
pub(crate) fn down(arguments: &Down) -> Result<(), Failure> {
    end(&arguments.which, Some(arguments.timeout))
}

/// Ends the cluster, its containers, and removes its directory.
pub(crate) fn reset(arguments: &Arguments) -> Result<(), Failure> {
    end(arguments, None)
}

/// Ends the cluster: with Pods that have so much time, or with nothing left of it.
fn end(arguments: &Arguments, pods: Option<Duration>) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let data_dir = &arguments.data_dir;
    if !data_dir.join("store").is_dir() && !place::state(data_dir).is_dir() {
        let error = anyhow!("{} is not the directory of a cluster", data_dir.display());
        return Err(Failure::new(Exit::Usage, error).hint("name it with --data-dir"));
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let (how, patience) = pods.map_or((End::Alone, PATIENCE), |patience| (End::WithPods, patience));
        match Running::end(data_dir, how, patience).await {
            Ok(true) => tracing::info!("the cluster has stopped"),
            Ok(false) => tracing::info!("the cluster was not running"),
            Err(error @ RunningError::Deadline { .. }) => return Err(Failure::new(Exit::Unavailable, error)),
            Err(error) => return Err(Failure::new(Exit::Storage, error)),
        }
        containers(data_dir, pods.is_none()).await
    })?;
    if pods.is_none() {
        let removed = std::fs::remove_dir_all(data_dir);
        removed.with_context(|| format!("cannot remove {}", data_dir.display()))?;
    }
    Ok(())
}

async fn containers(data_dir: &Path, remove: bool) -> Result<(), Failure> {
    let state = place::state(data_dir);
    if !state.is_dir() {
        return Ok(());
    }
    let nobody = Credentials { certificate: String::new(), key: String::new(), authority: None };
    let options = Options::new(place::name()?, state, nobody);
    let ended = if remove {
        stanchion_node::reset(&options).await
    } else {
        stanchion_node::stop_containers(&options).await
    };
    Ok(ended.context("cannot end the containers of the node")?)
}
