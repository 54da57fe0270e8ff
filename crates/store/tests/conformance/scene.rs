//! What a case works with.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use stanchion_store::core::{
    DeleteRange, EventKind, KeyRange, KeyValue, LeaseId, Put, RangeQuery, RangeResult, Revision, StoreError,
};
use stanchion_store::watch::{Notice, WatchEvent, WatchSpec};
use stanchion_store::{KeyValueStore, Watch};

/// How long anything may take that has to happen.
const DEADLINE: Duration = Duration::from_secs(20);

/// A store, and keys that no other case uses.
pub(crate) struct Scene<'a> {
    pub(crate) store: &'a dyn KeyValueStore,
    prefix: &'static str,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(store: &'a dyn KeyValueStore, prefix: &'static str) -> Self {
        Self { store, prefix }
    }

    pub(crate) fn key(&self, name: &str) -> Bytes {
        format!("{}/{name}", self.prefix).into()
    }

    pub(crate) fn one(&self, name: &str) -> KeyRange {
        KeyRange::One(self.key(name))
    }

    pub(crate) fn between(&self, from: &str, to: &str) -> KeyRange {
        KeyRange::Between(self.key(from), self.key(to))
    }

    /// Every key of the case.
    pub(crate) fn all(&self) -> KeyRange {
        KeyRange::prefix(self.key(""))
    }

    pub(crate) fn query(&self) -> RangeQuery {
        RangeQuery::new(self.all())
    }

    pub(crate) fn put_of(&self, name: &str, value: impl Into<Bytes>) -> Put {
        Put { key: self.key(name), value: value.into(), ..Put::default() }
    }

    pub(crate) async fn put(&self, name: &str, value: &'static str) -> Revision {
        self.store.put(self.put_of(name, value)).await.expect("the key can be written").revision
    }

    pub(crate) async fn put_leased(&self, name: &str, lease: LeaseId) -> Revision {
        let put = Put { lease, ..self.put_of(name, "leased") };
        self.store.put(put).await.expect("the key can be written").revision
    }

    pub(crate) async fn delete(&self, range: KeyRange) -> Revision {
        let delete = DeleteRange { range, prev_kv: false };
        self.store.delete_range(delete).await.expect("the keys can be deleted").revision
    }

    pub(crate) async fn range(&self, query: RangeQuery) -> RangeResult {
        self.store.range(query).await.expect("the range can be read")
    }

    pub(crate) async fn get(&self, name: &str) -> Option<KeyValue> {
        self.range(RangeQuery::new(self.one(name))).await.kvs.pop()
    }

    /// The newest revision.
    pub(crate) async fn revision(&self) -> Revision {
        self.range(RangeQuery { count_only: true, ..self.query() }).await.revision
    }

    /// The names of the keys that a query returns, without the prefix.
    pub(crate) async fn names(&self, query: RangeQuery) -> Vec<String> {
        let kvs = self.range(query).await.kvs;
        kvs.iter().map(|kv| self.name(&kv.key)).collect()
    }

    pub(crate) fn name(&self, key: &Bytes) -> String {
        let key = std::str::from_utf8(key).expect("keys of cases are text");
        key.strip_prefix(self.prefix).and_then(|key| key.strip_prefix('/')).unwrap_or(key).to_owned()
    }

    /// Begins a watch and waits until it exists.
    pub(crate) async fn watch(&self, spec: WatchSpec) -> Watcher {
        let mut watcher = Watcher(within(self.store.watch(spec)).await.expect("a watch can begin"));
        match watcher.notice().await {
            Notice::Created { .. } => watcher,
            other => panic!("no watch was made: {other:?}"),
        }
    }

    pub(crate) fn spec(&self, start: Revision) -> WatchSpec {
        WatchSpec::new(self.all(), start)
    }
}

/// A watch that has to tell something.
pub(crate) struct Watcher(pub(crate) Box<dyn Watch>);

impl Watcher {
    pub(crate) async fn notice(&mut self) -> Notice {
        within(self.0.next()).await.expect("the watch works").expect("the watch goes on")
    }

    /// Waits for events; they may have been told in more than one notice.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<WatchEvent> {
        let mut all: Vec<WatchEvent> = Vec::new();
        while all.len() < count {
            match self.notice().await {
                Notice::Events { revision, events, .. } => {
                    let last = events.last().expect("a notice of events has some").event.kv.modified;
                    assert_eq!(revision, last);
                    assert!(all.last().is_none_or(|before| before.event.kv.modified < last));
                    all.extend(events);
                }
                Notice::Progress { .. } => {}
                other => panic!("no events: {other:?}"),
            }
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }
}

/// An event in short: what happened to which key at which revision.
pub(crate) fn short(scene: &Scene<'_>, event: &WatchEvent) -> (EventKind, String, i64) {
    (event.event.kind, scene.name(&event.event.kv.key), event.event.kv.modified.0)
}

pub(crate) fn shorts(scene: &Scene<'_>, events: &[WatchEvent]) -> Vec<(EventKind, String, i64)> {
    events.iter().map(|event| short(scene, event)).collect()
}

/// Checks a refusal. A remote store does not say which revision is compacted, so the texts are compared.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>, expected: &StoreError) {
    let error = outcome.expect_err("it has to be refused");
    assert_eq!((error.code(), error.to_string()), (expected.code(), expected.to_string()));
    assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(expected), "{error:?}");
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it takes too long")
}

/// Waits until `probe` returns something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(mut probe: impl FnMut() -> F) -> T {
    within(async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}
