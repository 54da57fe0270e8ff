//! A watch that goes on over restarts of the server, and everything it saw.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use crate::support::clients::revision;
use crate::support::wait_for;

/// Between two attempts to watch a server that is down.
const AGAIN: Duration = Duration::from_millis(20);

/// A change that was seen.
#[derive(Clone, Debug)]
pub(crate) struct Change<K> {
    /// The revision of the change.
    pub(crate) revision: i64,
    /// The object after it, or as it was before it went.
    pub(crate) object: K,
    /// Whether it went.
    pub(crate) gone: bool,
}

/// The changes of objects, in the order in which the server tells them. A watch that cannot be taken up again where
/// it ended, or goes back, ends the test.
#[derive(Debug)]
pub(crate) struct History<K> {
    changes: Arc<Mutex<Vec<Change<K>>>>,
    task: JoinHandle<()>,
}

impl<K> Drop for History<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K> History<K>
where
    K: ResourceExt + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// Begins after what is there now.
    pub(crate) async fn begin(api: &Api<K>) -> Self {
        let now = api.list(&ListParams::default().limit(1)).await.expect("objects can be listed");
        let at = now.metadata.resource_version.expect("a list has a version");
        let at = at.parse().expect("a version is a number");
        let changes = Arc::default();
        let task = tokio::spawn(follow(api.clone(), at, Arc::clone(&changes)));
        Self { changes, task }
    }

    /// Returns what was seen once the change of `revision` is part of it.
    pub(crate) async fn until(&self, revision: i64) -> Vec<Change<K>> {
        wait_for(&format!("the watch does not come to {revision}"), async || {
            assert!(!self.task.is_finished(), "the watch has failed");
            let changes = self.changes.lock();
            changes.last().is_some_and(|last| last.revision >= revision).then(|| changes.clone())
        })
        .await
    }
}

/// Returns the revisions of the objects that are there after all changes, by name.
pub(crate) fn remaining<K: ResourceExt>(changes: &[Change<K>]) -> BTreeMap<String, i64> {
    let mut there = BTreeMap::new();
    for change in changes {
        if change.gone {
            there.remove(&change.object.name_any());
        } else {
            there.insert(change.object.name_any(), change.revision);
        }
    }
    there
}

/// Returns the revisions of the objects that are there, by name.
pub(crate) async fn listed<K>(api: &Api<K>) -> BTreeMap<String, i64>
where
    K: ResourceExt + Clone + DeserializeOwned + Debug,
{
    let list = api.list(&ListParams::default()).await.expect("objects can be listed");
    list.items.iter().map(|object| (object.name_any(), revision(object))).collect()
}

async fn follow<K>(api: Api<K>, mut at: i64, changes: Arc<Mutex<Vec<Change<K>>>>)
where
    K: ResourceExt + Clone + DeserializeOwned + Debug + Send + 'static,
{
    loop {
        let Ok(stream) = api.watch(&WatchParams::default(), &at.to_string()).await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        pin_mut!(stream);
        while let Some(Ok(event)) = stream.next().await {
            let (object, gone) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
                WatchEvent::Deleted(object) => (object, true),
                WatchEvent::Bookmark(bookmark) => {
                    let told = bookmark.metadata.resource_version.parse().expect("a version is a number");
                    assert!(told >= at, "a bookmark goes back from {at} to {told}");
                    at = told;
                    continue;
                }
                WatchEvent::Error(status) if status.code == 410 => panic!("history is gone: {status:?}"),
                WatchEvent::Error(_) => break,
            };
            let told = revision(&object);
            // One transaction may change several objects.
            assert!(told >= at, "the watch goes back from {at} to {told}");
            at = told;
            changes.lock().push(Change { revision: told, object, gone });
        }
    }
}
