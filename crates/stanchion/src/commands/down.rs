//! `stanchion down` and `stanchion reset`: the end of a cluster of one machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use stanchion_node::{Credentials, Options};

use crate::commands::up::place;
use crate::commands::up::running::{Running, RunningError};
use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

/// How long `stanchion up` has to end.
const PATIENCE: Duration = Duration::from_mins(1);

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

/// Ends the cluster, then its containers; all data stays.
pub(crate) fn down(arguments: &Arguments) -> Result<(), Failure> {
    end(arguments, false)
}

/// Ends the cluster, its containers, and removes its directory.
pub(crate) fn reset(arguments: &Arguments) -> Result<(), Failure> {
    end(arguments, true)
}

fn end(arguments: &Arguments, remove: bool) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let data_dir = &arguments.data_dir;
    if !data_dir.join("store").is_dir() {
        let error = anyhow!("{} is not the directory of a cluster", data_dir.display());
        return Err(Failure::new(Exit::Usage, error).hint("name it with --data-dir"));
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        match Running::end(data_dir, PATIENCE).await {
            Ok(true) => tracing::info!("the cluster has stopped"),
            Ok(false) => tracing::info!("the cluster was not running"),
            Err(error @ RunningError::Deadline { .. }) => return Err(Failure::new(Exit::Unavailable, error)),
            Err(error) => return Err(Failure::new(Exit::Storage, error)),
        }
        containers(data_dir, remove).await
    })?;
    if remove {
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
    let nobody = Credentials { certificate: String::new(), key: String::new(), authority: String::new() };
    let options = Options::new(place::name()?, state, nobody);
    let ended = if remove {
        stanchion_node::reset(&options).await
    } else {
        stanchion_node::stop_containers(&options).await
    };
    Ok(ended.context("cannot end the containers of the node")?)
}
