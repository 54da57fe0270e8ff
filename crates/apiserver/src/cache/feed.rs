//! The task that keeps the cache at the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use stanchion_machinery::status::Status;
use stanchion_store::Watch;
use stanchion_store::core::{EventKind, KeyRange, Revision, StoreError};
use stanchion_store::watch::{Notice, WatchEvent, WatchSpec};
use tokio::task::JoinHandle;

use super::{Cache, Shard, split};
use crate::storage::ROOT;

/// Objects read at once while loading.
const PAGE: u64 = 1000;

/// Revisions of history taken in at the start, so that clients resume over a restart.
const HISTORY: i64 = 10_000;

/// How often old changes are let go.
const TRIM_EVERY: Duration = Duration::from_secs(10);

/// How long to wait before the store is asked again after a failure.
const RETRY: Duration = Duration::from_millis(250);

/// The running feed; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Feed(JoinHandle<()>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Feed {
    /// Loads everything, and goes on from there. Returns when the cache is as new as the store was at the call.
    pub(crate) async fn start(cache: &Arc<Cache>) -> Result<Self, Status> {
        let newest = cache.storage.revision().await?;
        let from = load(cache, newest).await.map_err(|error| crate::storage::failure(&error))?;
        let watch = open(cache, from).await.map_err(|error| crate::storage::failure(&error))?;
        advance(cache, from);
        let task = tokio::spawn(run(Arc::clone(cache), watch));
        let feed = Self(task);
        cache.wait_for(newest).await?;
        Ok(feed)
    }
}

/// Loads everything at a revision that is somewhat in the past, or now if that is compacted away.
async fn load(cache: &Cache, newest: i64) -> Result<i64, StoreError> {
    let past = (newest - HISTORY).max(1);
    if newest > 1 {
        match list(cache, past).await {
            Ok(found) => {
                place(cache, &found, past);
                return Ok(past);
            }
            Err(StoreError::Compacted(at)) => {
                let at = if at > Revision::NONE { at } else { compacted(cache).await? };
                if at > Revision::NONE && at.0 < newest {
                    let found = list(cache, at.0).await?;
                    place(cache, &found, at.0);
                    return Ok(at.0);
                }
            }
            Err(error) => return Err(error),
        }
    }
    let found = list(cache, newest).await?;
    place(cache, &found, newest);
    Ok(newest)
}

/// Finds the revision before which history is given up, which etcd tells only to watches; none if it does not.
async fn compacted(cache: &Cache) -> Result<Revision, StoreError> {
    let mut watch = open(cache, 0).await?;
    loop {
        match watch.next().await? {
            Some(Notice::Created { .. }) => {}
            Some(Notice::Compacted { compacted, .. }) => return Ok(compacted),
            Some(
                Notice::Events { .. }
                | Notice::Progress { .. }
                | Notice::Refused { .. }
                | Notice::Canceled { .. },
            )
            | None => return Ok(Revision::NONE),
        }
    }
}

type Found = HashMap<String, HashMap<String, (i64, Bytes)>>;

/// Lists everything at a revision, by prefix and key.
async fn list(cache: &Cache, revision: i64) -> Result<Found, StoreError> {
    let mut found = Found::new();
    let mut from = String::new();
    loop {
        let (page, more) = cache.storage.list_at("", &from, revision, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        from = format!("{last}\0");
        for (key, stored) in page {
            if let Some((prefix, rest)) = split(&key) {
                let objects = found.entry(prefix.to_owned()).or_default();
                objects.insert(rest.to_owned(), (stored.revision, stored.bytes));
            }
        }
        if !more {
            return Ok(found);
        }
    }
}

fn place(cache: &Cache, found: &Found, revision: i64) {
    for (prefix, objects) in found {
        let shard = cache.shard(prefix);
        for (key, (at, bytes)) in objects {
            shard.load(key, *at, bytes);
        }
    }
    for shard in cache.all() {
        shard.start_at(revision);
    }
}

async fn open(cache: &Cache, after: i64) -> Result<Box<dyn Watch>, StoreError> {
    let range = KeyRange::prefix(Bytes::from_static(ROOT.as_bytes()));
    let mut spec = WatchSpec::new(range, Revision(after + 1));
    spec.progress_notify = true;
    let store = cache.storage.store();
    cache.ordered.store(store.orders_progress().await?, Ordering::Relaxed);
    store.watch(spec).await
}

async fn run(cache: Arc<Cache>, mut watch: Box<dyn Watch>) {
    let mut trim = tokio::time::interval(TRIM_EVERY);
    loop {
        let notice = tokio::select! {
            notice = watch.next() => notice,
            () = cache.ask.notified() => {
                if let Err(error) = ask(&cache, watch.as_mut()).await {
                    tracing::warn!(%error, "cannot ask the store for its progress");
                }
                continue;
            }
            _ = trim.tick() => {
                cache.all().iter().for_each(|shard| shard.trim());
                continue;
            }
        };
        match notice {
            Ok(Some(Notice::Events { events, .. })) => apply(&cache, &events),
            Ok(Some(Notice::Progress { revision, .. })) => advance(&cache, revision.0),
            Ok(Some(Notice::Created { .. })) => {}
            Ok(None | Some(Notice::Refused { .. } | Notice::Canceled { .. } | Notice::Compacted { .. }))
            | Err(_) => {
                tracing::warn!(?notice, revision = cache.revision(), "the watch of the store has ended");
                let compacted = matches!(notice, Ok(Some(Notice::Compacted { .. })));
                cache.broken.store(true, Ordering::Relaxed);
                watch = resume(&cache, compacted).await;
                cache.broken.store(false, Ordering::Relaxed);
            }
        }
    }
}

/// Makes the store tell how far it is, after everything before that.
async fn ask(cache: &Cache, watch: &mut dyn Watch) -> Result<(), StoreError> {
    if cache.orders_progress() {
        return watch.request_progress().await;
    }
    // Where an answer may come before events that it is newer than, an event of our own says it.
    cache.storage.mark().await
}

fn apply(cache: &Cache, events: &[WatchEvent]) {
    let mut touched: Vec<Arc<Shard>> = Vec::new();
    for WatchEvent { event, .. } in events {
        let key = String::from_utf8_lossy(&event.kv.key[ROOT.len()..]);
        let Some((prefix, rest)) = split(&key) else { continue };
        let value = (event.kind == EventKind::Put).then_some(event.kv.value.as_ref());
        let shard = cache.shard(prefix);
        shard.apply(rest, event.kv.modified.0, value);
        if !touched.iter().any(|other| Arc::ptr_eq(other, &shard)) {
            touched.push(shard);
        }
    }
    let Some(last) = events.last().map(|event| event.event.kv.modified.0) else { return };
    advance(cache, last);
    for shard in touched {
        shard.tell(last);
    }
}

fn advance(cache: &Cache, revision: i64) {
    cache.complete.fetch_max(revision, Ordering::AcqRel);
    cache.applied.send_if_modified(|at| {
        let newer = revision > *at;
        *at = (*at).max(revision);
        newer
    });
}

/// Watches again from where the cache is; if the history since then is `compacted`, lists anew first and applies the
/// difference.
async fn resume(cache: &Arc<Cache>, mut compacted: bool) -> Box<dyn Watch> {
    loop {
        match try_resume(cache, &mut compacted).await {
            Ok(watch) => return watch,
            Err(error) => {
                tracing::warn!(%error, "the store cannot be watched; trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn try_resume(cache: &Arc<Cache>, compacted: &mut bool) -> Result<Box<dyn Watch>, StoreError> {
    if *compacted {
        relist(cache).await?;
        *compacted = false;
    }
    let mut watch = open(cache, cache.revision()).await?;
    match watch.next().await? {
        Some(Notice::Created { .. }) => Ok(watch),
        Some(Notice::Events { events, .. }) => {
            apply(cache, &events);
            Ok(watch)
        }
        Some(Notice::Compacted { compacted: at, .. }) => {
            *compacted = true;
            Err(StoreError::Compacted(at))
        }
        Some(Notice::Refused { error, .. }) => Err(error),
        Some(Notice::Canceled { .. } | Notice::Progress { .. }) | None => Err(StoreError::Stopped),
    }
}

/// Brings the cache to the newest revision by the difference between what it has and what is there.
async fn relist(cache: &Arc<Cache>) -> Result<(), StoreError> {
    let newest = cache.storage.revision().await.map_err(|_| StoreError::Timeout)?;
    let mut found = list(cache, newest).await?;
    // Also those that came while nobody looked.
    for prefix in found.keys() {
        drop(cache.shard(prefix));
    }
    for shard in cache.all() {
        shard.replace(&found.remove(shard.prefix()).unwrap_or_default(), newest);
    }
    advance(cache, newest);
    for shard in cache.all() {
        shard.tell(newest);
    }
    Ok(())
}
