//! What the threads of a store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use stanchion_store_core::{Keyspace, Limits, Millis, Quota, Revision, StoreError};

use crate::log::{Ids, Log};
use crate::metrics::Metrics;
use crate::watch::Hub;

/// The shared state. The writer alone changes the keyspace's content; the maintenance thread drops what is
/// compacted and moves locations; everybody else reads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) keyspace: RwLock<Keyspace>,
    pub(crate) log: Arc<Log>,
    pub(crate) hub: Hub,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) quota: Quota,
    pub(crate) limits: Limits,
    pub(crate) ids: Ids,
    pub(crate) clock: Clock,
    /// The newest revision that is on disk: what readers see.
    visible: AtomicI64,
    /// Batches that were ever made durable, for the raft index of status answers.
    pub(crate) commits: AtomicU64,
    /// Why nothing can be written any more.
    failure: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn new(
        keyspace: Keyspace,
        log: Arc<Log>,
        batches: u64,
        options: &crate::Options,
        metrics: Arc<Metrics>,
    ) -> Self {
        let revision = keyspace.revision();
        Self {
            keyspace: RwLock::new(keyspace),
            ids: log.manifest().ids,
            log,
            hub: Hub::new(revision, options.max_watchers),
            metrics,
            quota: options.quota,
            limits: options.limits,
            clock: options.clock,
            visible: AtomicI64::new(revision.0),
            commits: AtomicU64::new(batches),
            failure: Mutex::new(None),
        }
    }

    /// Returns the newest revision that readers may see.
    pub(crate) fn visible(&self) -> Revision {
        Revision(self.visible.load(Ordering::Acquire))
    }

    /// Shows readers everything up to `revision`.
    pub(crate) fn show(&self, revision: Revision) {
        self.visible.store(revision.0, Ordering::Release);
    }

    /// Refuses writes from now on.
    pub(crate) fn fail(&self, reason: String) {
        tracing::error!(reason, "storage failed; writes are refused until a restart");
        self.failure.lock().get_or_insert(reason);
    }

    /// Returns why writes are refused, if they are.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.failure.lock().clone().map(StoreError::StorageFailed)
    }
}

/// A monotonic clock in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at 0 now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Millis {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
