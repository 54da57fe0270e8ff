//! What etcd says of itself, asked directly: an API server in front of it may be what does not work.

mod alarms;
mod connection;
mod growth;
mod http;
mod keyspace;
mod local;
mod members;
mod metrics;
mod repair;
mod snapshots;

use std::path::PathBuf;
use std::time::Duration;

use stanchion_doctor_core::{Facts, Need, Reading};
use tokio::time::timeout;

use connection::Endpoint;
pub use connection::{ClientCertificate, EtcdError, Tls};
pub use growth::GrowthSource;
pub use keyspace::WeighError;
pub use repair::{Done, Pauses, RepairError, SaveError, Saved, WritePauses};
pub use snapshots::keep::{expire as expire_snapshots, name as snapshot_name};

/// Where etcd is, and what to read of it.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// Members, as `http://host:port` or `https://host:port`; the others are found through them.
    pub endpoints: Vec<String>,
    /// How to speak to `https` endpoints.
    pub tls: Option<Tls>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// Where snapshots are kept.
    pub snapshots: Option<PathBuf>,
    /// Whether to look what the keys are of, which reads all of their names.
    pub keyspace: bool,
    /// A file that says how a member is started: etcd's own, or the manifest of a static Pod.
    pub config: Option<PathBuf>,
    /// With what to compare how much is in use, to tell how it grows.
    pub growth: Option<GrowthSource>,
}

/// An etcd to ask.
#[derive(Clone, Debug)]
pub struct Etcd {
    options: EtcdOptions,
    endpoints: Vec<Endpoint>,
}

impl Etcd {
    /// Prepares to ask; whether anybody answers shows then.
    pub fn new(options: EtcdOptions) -> Result<Self, EtcdError> {
        if options.endpoints.is_empty() {
            return Err(EtcdError::NoEndpoint);
        }
        let prepare = |url: &String| Endpoint::prepare(url, options.tls.as_ref(), options.connect_timeout);
        let endpoints = options.endpoints.iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(Self { options, endpoints })
    }

    /// Reads all that there is to read into `facts`, and notes what could not be.
    pub async fn read(&self, facts: &mut Facts) {
        let asked = self.options.endpoints.join(", ");
        let before = self.watch_growth().await;
        let reading = within(Need::EtcdStatus, &asked, self.read_members(facts)).await;
        let members_known = !matches!(reading, Reading::Failed { .. });
        facts.note(Need::EtcdStatus, reading);
        if members_known {
            let reading = within(Need::EtcdAlarms, &asked, self.read_alarms(facts)).await;
            facts.note(Need::EtcdAlarms, reading);
            let reading = within(Need::EtcdMetrics, &asked, self.read_metrics(facts)).await;
            facts.note(Need::EtcdMetrics, reading);
            self.look_here(facts).await;
            self.read_growth(before, facts).await;
            if self.options.keyspace {
                let reading = within(Need::EtcdKeyspace, &asked, self.read_keyspace(facts)).await;
                facts.note(Need::EtcdKeyspace, reading);
            }
        } else {
            let needs = [
                (Need::EtcdAlarms, true),
                (Need::EtcdMetrics, true),
                (Need::EtcdKeyspace, self.options.keyspace),
                (Need::EtcdSettings, self.options.config.is_some()),
                (Need::EtcdGrowth, self.options.growth.is_some()),
            ];
            for (need, _) in needs.into_iter().filter(|(_, asked)| *asked) {
                let why = "no member answers".to_owned();
                facts.note(need, Reading::Failed { source: asked.clone(), why });
            }
        }
        if let Some(directory) = &self.options.snapshots {
            let source = directory.display().to_string();
            let reading = within(Need::EtcdSnapshots, &source, snapshots::read(directory, facts)).await;
            facts.note(Need::EtcdSnapshots, reading);
        }
    }

    /// Looks at this machine, as long as that may take.
    async fn look_here(&self, facts: &mut Facts) {
        if timeout(Need::EtcdSettings.deadline(), self.read_local(facts)).await.is_err() {
            let why = format!("not looked through in {:?}", Need::EtcdSettings.deadline());
            facts.note(Need::EtcdSettings, Reading::Failed { source: "this machine".to_owned(), why });
        }
    }
}

/// Waits for something to be read, as long as its kind may take.
async fn within(need: Need, source: &str, read: impl Future<Output = Reading>) -> Reading {
    match timeout(need.deadline(), read).await {
        Ok(reading) => reading,
        Err(_) => {
            Reading::Failed { source: source.to_owned(), why: format!("no answer for {:?}", need.deadline()) }
        }
    }
}

/// Says what came of asking several: at least one must have answered.
fn reading(source: String, answered: usize, missing: Vec<String>) -> Reading {
    if answered == 0 {
        Reading::Failed { source, why: missing.join("; ") }
    } else if missing.is_empty() {
        Reading::Read { source }
    } else {
        Reading::Partly { source, missing }
    }
}
