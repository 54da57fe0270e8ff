//! The parts of an agent, put together.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use stanchion_engine::mariadb::Backups;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::AgentError;
use crate::hands::Hands;
use crate::identity::Identity;
use crate::link::{self, Link};
use crate::measures::Gauge;
use crate::metrics::Metrics;
use crate::pulse::Pulse;
use crate::server::{Answers, Origin, Server};
use crate::supervisor::{Parts, Supervisor};
use crate::tls::Certificates;
use crate::{observer, reap};

/// Lines of the database's log that wait to be written; more are left out, for a database must not wait for them.
const LINES: usize = 1024;

/// Runs an agent and its database until `stop`, and ends the database in an orderly way within the grace period.
///
/// Errors are of the beginning alone: what fails later is reported, and tried again.
pub async fn run(config: Config, identity: Identity, stop: CancellationToken) -> Result<(), AgentError> {
    let certificates = Certificates::load(&config.tls_directory, identity.cluster.name())?;
    let (log, lines) = mpsc::channel(LINES);
    let store = link::connect(&config.store).await?;
    let gauge = Gauge::start(&config.data_directory).map_err(AgentError::Measure)?;
    let hands = Hands::new(config, identity.clone(), certificates.clone(), log)?;
    let address = hands.agent_address();
    let server =
        Server::bind(address, certificates).await.map_err(|source| AgentError::Listen { address, source })?;
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    let link = Link::start(Arc::new(store), &identity.cluster, &identity.instance, &tasks, &end);
    let (target, aimed) = watch::channel(None);
    let (sights, observed) = watch::channel(None);
    tasks.spawn(end.clone().run_until_cancelled_owned(observer::observe(aimed.clone(), sights)));
    tasks.spawn(end.clone().run_until_cancelled_owned(reap::reap()));
    tasks.spawn(end.clone().run_until_cancelled_owned(print(lines)));
    let (pulse, metrics) = (Arc::new(Pulse::new()), Arc::new(Metrics::new()));
    let origin = Origin { backups: Backups::new(hands.layout()), target: aimed };
    let answers = Answers { pulse: Arc::clone(&pulse), metrics: Arc::clone(&metrics), origin };
    tasks.spawn(server.run(Arc::new(answers), end.clone()));
    let life = life();
    tracing::info!(instance = %identity.instance, cluster = %identity.cluster, life, %address, "the agent begins");
    let parts = Parts { hands, link, target, observed, gauge, metrics, pulse, life };
    Supervisor::new(parts, stop).run().await;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Writes the database's log to the standard output, as it is.
async fn print(mut lines: mpsc::Receiver<String>) {
    let mut output = tokio::io::stdout();
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        let written = async {
            output.write_all(line.as_bytes()).await?;
            output.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "cannot write the database's log");
        }
    }
}

/// Returns a text that no other life has.
fn life() -> String {
    let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
    if let Ok(uuid) = random {
        return uuid.trim().to_owned();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", now.as_nanos(), std::process::id())
}
