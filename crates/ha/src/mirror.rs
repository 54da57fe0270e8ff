//! What stands in the store, as far as it has been told.
//!
//! Owner: the one task that follows. Others read; a topology that they wrote they put in themselves, so that they do not
//! decide twice on the one before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use stanchion_ha_core::manager::Seen;
use stanchion_ha_core::{ClusterName, InstanceName, Millis, Report, Settings, Topology, keys};
use stanchion_store::KeyValueStore;
use stanchion_store::core::{EventKind, KeyRange, KeyValue, RangeQuery, StoreError};
use stanchion_store::watch::{Notice, WatchSpec};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use self::place::Place;
use crate::operation::Record;

mod place;

/// How long to wait after the watch broke.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a read may take.
const CALL: Duration = Duration::from_secs(2);
/// A watch that tells nothing for so long is looked after: heartbeats come more often where anything is managed.
const QUIET: Duration = Duration::from_secs(5);

/// What stands in the store about one cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// The topology and its revision.
    pub(crate) topology: Option<(Topology, i64)>,
    /// The settings.
    pub(crate) settings: Option<Settings>,
    /// What people asked for last.
    pub(crate) operation: Option<Record>,
    /// The newest reports.
    pub(crate) reports: BTreeMap<InstanceName, Seen>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<ClusterName, Entry>,
    /// Since when the store has been followed without a break.
    since: Option<Millis>,
    wakers: HashMap<ClusterName, Arc<Notify>>,
}

/// What stands in the store, as far as it has been told.
#[derive(Debug)]
pub(crate) struct Mirror {
    inner: Mutex<Inner>,
    began: Instant,
}

impl Mirror {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::default(), began: Instant::now() }
    }

    /// Returns the time of the clock that decisions go by.
    pub(crate) fn now(&self) -> Millis {
        self.began.elapsed().into()
    }

    /// Returns what is known of a cluster and since when; nothing while the store is not followed.
    pub(crate) fn entry(&self, cluster: &ClusterName) -> Option<(Entry, Millis)> {
        let inner = self.inner.lock();
        let since = inner.since?;
        Some((inner.entries.get(cluster).cloned().unwrap_or_default(), since))
    }

    /// Says what to wake when something of a cluster changes.
    pub(crate) fn wake(&self, cluster: &ClusterName, waker: Arc<Notify>) {
        self.inner.lock().wakers.insert(cluster.clone(), waker);
    }

    /// Forgets whom to wake.
    pub(crate) fn forget(&self, cluster: &ClusterName) {
        let mut inner = self.inner.lock();
        inner.wakers.remove(cluster);
    }

    /// Takes in a topology that was just written.
    pub(crate) fn wrote(&self, cluster: &ClusterName, topology: Topology, revision: i64) {
        let mut inner = self.inner.lock();
        let entry = inner.entries.entry(cluster.clone()).or_default();
        if entry.topology.as_ref().is_none_or(|(_, known)| *known < revision) {
            entry.topology = Some((topology, revision));
        }
    }

    /// Follows the store until told to stop by being dropped.
    pub(crate) async fn follow(&self, store: &Arc<dyn KeyValueStore>) {
        loop {
            match self.follow_once(store).await {
                Ok(()) => tracing::info!("the watch of the store has ended; reading again"),
                Err(error) => {
                    tracing::warn!(%error, "cannot follow the store; nothing is decided until it is back");
                }
            }
            self.inner.lock().since = None;
            sleep(PAUSE).await;
        }
    }

    async fn follow_once(&self, store: &Arc<dyn KeyValueStore>) -> Result<(), StoreError> {
        let all = KeyRange::prefix(keys::ROOT.into());
        let Ok(found) = timeout(CALL, store.range(RangeQuery::new(all.clone()))).await else { return Ok(()) };
        let found = found?;
        self.replace(&found.kvs);
        let mut watch = store.watch(WatchSpec::new(all.clone(), found.revision.next())).await?;
        loop {
            let Ok(notice) = timeout(QUIET, watch.next()).await else {
                // It may have died unseen.
                match timeout(CALL, store.range(RangeQuery::new(KeyRange::One(keys::MANAGER.into())))).await {
                    Ok(Ok(_)) => {
                        watch.request_progress().await?;
                        continue;
                    }
                    Ok(Err(error)) => return Err(error),
                    Err(_) => return Ok(()),
                }
            };
            match notice? {
                Some(Notice::Events { events, .. }) => {
                    for event in events {
                        self.change(event.event.kind, &event.event.kv);
                    }
                }
                Some(Notice::Created { .. } | Notice::Progress { .. }) => {}
                Some(Notice::Refused { error, .. }) => return Err(error),
                Some(Notice::Canceled { .. } | Notice::Compacted { .. }) | None => return Ok(()),
            }
        }
    }

    /// Takes in everything, after a break.
    fn replace(&self, kvs: &[KeyValue]) {
        let now = self.now();
        {
            let mut inner = self.inner.lock();
            let old = std::mem::take(&mut inner.entries);
            for kv in kvs {
                inner.put(kv, now);
            }
            // A report that is the same as before the break came when it came.
            for (cluster, entry) in old {
                let Some(new) = inner.entries.get_mut(&cluster) else { continue };
                for (name, seen) in entry.reports {
                    if let Some(again) = new.reports.get_mut(&name)
                        && again.report.life == seen.report.life
                        && again.report.number == seen.report.number
                    {
                        *again = seen;
                    }
                }
            }
            inner.since = Some(now);
        }
        let inner = self.inner.lock();
        for waker in inner.wakers.values() {
            waker.notify_one();
        }
    }

    fn change(&self, kind: EventKind, kv: &KeyValue) {
        let now = self.now();
        let mut inner = self.inner.lock();
        let cluster = match kind {
            EventKind::Put => inner.put(kv, now),
            EventKind::Delete => inner.remove(&kv.key),
        };
        if let Some(waker) = cluster.and_then(|cluster| inner.wakers.get(&cluster)) {
            waker.notify_one();
        }
    }
}

impl Inner {
    fn put(&mut self, kv: &KeyValue, now: Millis) -> Option<ClusterName> {
        let (cluster, place) = Place::of(&kv.key)?;
        let entry = self.entries.entry(cluster.clone()).or_default();
        let unreadable = |error: serde_json::Error| {
            tracing::error!(key = %String::from_utf8_lossy(&kv.key), %error, "what stands in the store cannot be read");
        };
        match place {
            Place::Topology => match serde_json::from_slice::<Topology>(&kv.value) {
                Ok(topology) if entry.topology.as_ref().is_none_or(|(_, known)| *known < kv.modified.0) => {
                    entry.topology = Some((topology, kv.modified.0));
                }
                Ok(_) => {}
                Err(error) => unreadable(error),
            },
            Place::Settings => match serde_json::from_slice(&kv.value) {
                Ok(settings) => entry.settings = Some(settings),
                Err(error) => unreadable(error),
            },
            Place::Operation => match serde_json::from_slice(&kv.value) {
                Ok(record) => entry.operation = Some(record),
                Err(error) => unreadable(error),
            },
            Place::Report(name) => match serde_json::from_slice::<Report>(&kv.value) {
                Ok(report) => {
                    entry.reports.insert(name, Seen { report, at: now, wall: wall() });
                }
                Err(error) => unreadable(error),
            },
        }
        Some(cluster)
    }

    fn remove(&mut self, key: &[u8]) -> Option<ClusterName> {
        let (cluster, place) = Place::of(key)?;
        let entry = self.entries.get_mut(&cluster)?;
        match place {
            Place::Topology => entry.topology = None,
            Place::Settings => entry.settings = None,
            Place::Operation => entry.operation = None,
            // A report goes with its lease. What was said last stays true of the past, and its age tells the rest.
            Place::Report(_) => {}
        }
        Some(cluster)
    }
}

/// Returns the time since the Unix epoch.
pub(crate) fn wall() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
