//! Keeps the status of quotas: new ones are counted, changed ones counted anew, all of them now and then.
//!
//! Between counts their use is exact by itself, because it is written together with the objects; counting is for
//! quotas that were just made or changed, and mends what another writer may have left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::admission::recount;
use crate::api::Api;
use crate::cache::{Cache, Seen, follow};

/// Quotas that wait to be counted at the most; past that they wait for the next round.
const QUEUE: usize = 1024;
/// How often all quotas are counted.
const ROUND: Duration = Duration::from_mins(1);

/// Follows quotas; returns those that are to be counted, as `namespace/name`.
pub(crate) fn start(cache: &Cache) -> mpsc::Receiver<String> {
    let (sender, changes) = mpsc::channel(QUEUE);
    follow(&cache.shard("resourcequotas"), move |seen| {
        if let Seen::Put(entry) = seen {
            let object = entry.object();
            let settled = object.pointer("/status/hard") == object.pointer("/spec/hard");
            if !settled && sender.try_send(entry.key.to_string()).is_err() {
                tracing::warn!(quota = %entry.key, "too many quotas to count at once; this one waits for the next round");
            }
        }
    });
    changes
}

/// Counts quotas until the server stops.
pub(crate) async fn run(api: Arc<Api>, mut changes: mpsc::Receiver<String>) {
    let mut round = tokio::time::interval(ROUND);
    loop {
        let keys: BTreeSet<String> = tokio::select! {
            key = changes.recv() => match key {
                Some(key) => [key].into(),
                None => return,
            },
            _ = round.tick() => {
                api.cache.shard("resourcequotas").list("", "").iter().map(|entry| entry.key.to_string()).collect()
            }
            () = api.stopping.cancelled() => return,
        };
        for key in keys {
            let Some((namespace, name)) = key.split_once('/') else { continue };
            if let Err(error) = recount(&api, namespace, name).await {
                tracing::warn!(quota = %key, %error, "a quota cannot be counted; it will be in the next round");
            }
        }
    }
}
