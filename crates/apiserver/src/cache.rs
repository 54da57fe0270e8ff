//! The watch cache: every object of the cluster in memory, and the changes of late.
//!
//! ```text
//!   store --one watch over everything--> feed --> shard of a resource: objects + ring of changes
//!                                                      |                    |
//!                                                    lists          watches, each at its own pace
//! ```
//!
//! One task, the feed, writes; everybody else reads. A watch is a position in the ring of its resource and
//! nothing more: it costs no queue, and one that falls behind the ring is told that its history is gone. Because
//! one watch of the store covers everything, the cache as a whole is at one revision, which lists wait for.

mod entry;
mod feed;
mod follow;
mod shard;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use stanchion_kinds::table::ROWS;
use stanchion_machinery::status::{Reason, Status};
use tokio::sync::{Notify, watch};

pub(crate) use entry::{Entry, What};
pub(crate) use feed::Feed;
pub(crate) use follow::{Seen, follow};
pub(crate) use shard::{Change, Expired, Shard};

use crate::storage::Storage;

/// How long a read waits for a revision that the cache has not seen.
const CATCH_UP: Duration = Duration::from_secs(3);

/// How long a read waits before it asks the store to tell its progress.
const ASK_AFTER: Duration = Duration::from_millis(20);

/// All shards.
#[derive(Debug)]
pub(crate) struct Cache {
    storage: Storage,
    shards: RwLock<HashMap<Arc<str>, Arc<Shard>>>,
    applied: watch::Sender<i64>,
    /// The same for shards to read.
    complete: Arc<AtomicI64>,
    ask: Notify,
    broken: AtomicBool,
    /// Whether the store's progress can be relied on when it is asked for.
    ordered: AtomicBool,
}

impl Cache {
    pub(crate) fn new(storage: Storage) -> Arc<Self> {
        let complete = Arc::new(AtomicI64::new(0));
        let mut shards: HashMap<Arc<str>, Arc<Shard>> = HashMap::new();
        for row in ROWS.iter().filter(|row| !row.prefix.is_empty()) {
            // Rows of one prefix have the same fields at the same places; the first has the most.
            let made = || Arc::new(Shard::new(row.prefix, row.fields, &complete));
            shards.entry(Arc::from(row.prefix)).or_insert_with(made);
        }
        Arc::new(Self {
            storage,
            shards: RwLock::new(shards),
            applied: watch::Sender::new(0),
            complete,
            ask: Notify::new(),
            broken: AtomicBool::new(false),
            ordered: AtomicBool::new(true),
        })
    }

    /// Returns the shard of a resource, made if it is new.
    pub(crate) fn shard(&self, prefix: &str) -> Arc<Shard> {
        if let Some(shard) = self.shards.read().get(prefix) {
            return Arc::clone(shard);
        }
        let mut shards = self.shards.write();
        let made = || {
            let shard = Shard::new(prefix, &[], &self.complete);
            shard.start_at(*self.applied.borrow());
            Arc::new(shard)
        };
        Arc::clone(shards.entry(Arc::from(prefix)).or_insert_with(made))
    }

    fn all(&self) -> Vec<Arc<Shard>> {
        self.shards.read().values().cloned().collect()
    }

    /// Returns how many objects each resource has, for metrics.
    pub(crate) fn sizes(&self) -> Vec<(Arc<str>, usize)> {
        let shards = self.shards.read();
        shards.iter().map(|(prefix, shard)| (Arc::clone(prefix), shard.len())).collect()
    }

    /// Returns the revision up to which everything is known.
    pub(crate) fn revision(&self) -> i64 {
        *self.applied.borrow()
    }

    /// Waits until the cache holds everything that any answered write has written; returns its revision.
    pub(crate) async fn fresh(&self) -> Result<i64, Status> {
        let newest = self.storage.revision().await?;
        self.wait_for(newest).await
    }

    /// Waits until the cache has come to a revision; returns the one it is at.
    pub(crate) async fn wait_for(&self, revision: i64) -> Result<i64, Status> {
        if self.revision() >= revision {
            return Ok(self.revision());
        }
        let mut applied = self.applied.subscribe();
        if let Ok(Ok(at)) = tokio::time::timeout(ASK_AFTER, applied.wait_for(|at| *at >= revision)).await {
            return Ok(*at);
        }
        self.ask.notify_one();
        match tokio::time::timeout(CATCH_UP, applied.wait_for(|at| *at >= revision)).await {
            Ok(Ok(at)) => Ok(*at),
            Ok(Err(_)) | Err(_) => Err(self.too_new(revision)),
        }
    }

    /// Returns whether the store is being followed.
    pub(crate) fn is_current(&self) -> bool {
        !self.broken.load(Ordering::Relaxed)
    }

    /// Returns whether the store tells its progress only after all events before it.
    pub(crate) fn orders_progress(&self) -> bool {
        self.ordered.load(Ordering::Relaxed)
    }

    fn too_new(&self, revision: i64) -> Status {
        let text = format!("Timeout: Too large resource version: {revision}, current: {}", self.revision());
        Status::new(Reason::Timeout, text)
            .with_cause("ResourceVersionTooLarge", "Too large resource version", "")
            .retry_after(1)
    }
}

/// Splits a key below the root into the prefix of its resource and the rest.
pub(crate) fn split(key: &str) -> Option<(&str, &str)> {
    let (first, rest) = key.split_once('/')?;
    if first != "services" && ROWS.iter().any(|row| row.prefix == first) {
        return Some((first, rest));
    }
    let (second, name) = rest.split_once('/')?;
    (!name.is_empty()).then(|| (&key[..first.len() + 1 + second.len()], name))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn keys_name_their_resource() {
        assert_eq!(split("pods/default/web"), Some(("pods", "default/web")));
        assert_eq!(split("minions/n1"), Some(("minions", "n1")));
        assert_eq!(split("services/specs/default/web"), Some(("services/specs", "default/web")));
        assert_eq!(split("example.com/widgets/a/b"), Some(("example.com/widgets", "a/b")));
        assert_eq!(
            split("apiextensions.k8s.io/customresourcedefinitions/x"),
            Some(("apiextensions.k8s.io/customresourcedefinitions", "x"))
        );
        assert_eq!(split("health"), None);
    }
}
