//! The agent's side of the store: what stands there is followed, the report is written.
//!
//! ```text
//!   store == watch ==> follow ---\
//!         <-- read --- confirm ---+--> Known (watch channel) --> supervisor
//!         <-- txn ---- write ----/                                  |
//!               ^        ^------------------ newest report <--------+
//!             lease (keep)
//! ```
//!
//! Nobody waits for the store: what is known stays known, and the newest report is written when the store is there again.
//! Of topologies and settings only newer revisions are taken. Each write of the report reads the topology in the same
//! transaction, so that a watch that died unseen costs one heartbeat and no more.

mod follow;
mod known;
mod lease;
mod write;

use std::sync::Arc;
use std::time::Duration;

use stanchion_ha_core::{ClusterName, InstanceName, Report, keys};
use stanchion_store::{ClientCertificate, KeyValueStore, RemoteError, RemoteOptions, RemoteStore, RemoteTls};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::known::{Known, Seen};
use crate::config::{StoreConfig, StoreTls};

/// How long one call may take. Shorter than any patience that makes sense, so that another member is tried in time.
const CALL: Duration = Duration::from_secs(2);
/// How long one connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
/// How long to wait after a failed call, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The keys that an agent reads and writes.
#[derive(Debug)]
struct Keys {
    all: String,
    settings: String,
    topology: String,
    reports: String,
    own: String,
}

/// What the tasks of a link share.
#[derive(Debug)]
struct Shared {
    store: Arc<dyn KeyValueStore>,
    keys: Keys,
    known: watch::Sender<Known>,
    report: watch::Sender<Option<Report>>,
    /// The number of the newest report that was written.
    written: watch::Sender<u64>,
    confirm: Notify,
    reread: Notify,
}

/// The agent's connection to the store; its tasks end with `stop`.
#[derive(Clone, Debug)]
pub(crate) struct Link(Arc<Shared>);

impl Link {
    /// Begins to follow the store.
    pub(crate) fn start(
        store: Arc<dyn KeyValueStore>,
        cluster: &ClusterName,
        instance: &InstanceName,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let keys = Keys {
            all: keys::cluster(cluster),
            settings: keys::settings(cluster),
            topology: keys::topology(cluster),
            reports: keys::reports(cluster),
            own: keys::report(cluster, instance),
        };
        let shared = Arc::new(Shared {
            store,
            keys,
            known: watch::Sender::new(Known::default()),
            report: watch::Sender::new(None),
            written: watch::Sender::new(0),
            confirm: Notify::new(),
            reread: Notify::new(),
        });
        let (lease, lost) = (watch::Sender::new(None), Arc::new(Notify::new()));
        let leased = lease.subscribe();
        tasks.spawn(stop.clone().run_until_cancelled_owned(follow::follow(Arc::clone(&shared))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(follow::confirm(Arc::clone(&shared))));
        let keeper = lease::keep(Arc::clone(&shared), lease, Arc::clone(&lost));
        tasks.spawn(stop.clone().run_until_cancelled_owned(keeper));
        let writer = write::write(Arc::clone(&shared), leased, lost);
        tasks.spawn(stop.clone().run_until_cancelled_owned(writer));
        Self(shared)
    }

    /// Returns what is known, now and from now on.
    pub(crate) fn known(&self) -> watch::Receiver<Known> {
        self.0.known.subscribe()
    }

    /// Asks for a read of the topology that begins after now.
    pub(crate) fn confirm(&self) {
        self.0.confirm.notify_one();
    }

    /// Has a report written; one that still waits to be written gives way.
    pub(crate) fn report(&self, report: Report) {
        self.0.report.send_replace(Some(report));
    }

    /// Waits until this report or a newer one has been written, or the deadline has come.
    pub(crate) async fn written(&self, number: u64, deadline: Instant) -> bool {
        let mut written = self.0.written.subscribe();
        let reached = written.wait_for(|written| *written >= number);
        matches!(tokio::time::timeout_at(deadline, reached).await, Ok(Ok(_)))
    }
}

/// Prepares the connection to the store.
pub(crate) async fn connect(config: &StoreConfig) -> Result<RemoteStore, RemoteError> {
    let StoreConfig { endpoints, tls } = config;
    let mut options = RemoteOptions::new(endpoints.clone());
    options.connect_timeout = CONNECT;
    options.request_timeout = CALL;
    options.tls = tls.as_ref().map(|StoreTls { authority, certificate, key }| RemoteTls {
        ca_file: authority.clone(),
        client: Some(ClientCertificate { cert_file: certificate.clone(), key_file: key.clone() }),
        server_name: None,
    });
    RemoteStore::connect(&options).await
}

/// Pauses that double.
#[derive(Debug)]
struct Pause(Duration);

impl Pause {
    fn new() -> Self {
        Self(PAUSE.0)
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE.1);
    }
}

#[cfg(test)]
mod tests;
