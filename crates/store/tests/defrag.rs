//! Rewriting the log while everything else goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stanchion_store::core::{
    DeleteRange, EventKind, KeyRange, KeyValue, Put, RangeQuery, Revision, StoreError,
};
use stanchion_store::watch::{Notice, WatchSpec};
use stanchion_store::{KeyValueStore, Options, Store, Watch};
use tokio::task::JoinSet;

const WRITERS: usize = 6;
/// All together fewer than a mailbox takes, so that no compaction can overtake the watch.
const WRITES: usize = 600;
/// Keys of one writer; few, so that most of what is written is soon of no use.
const KEYS: usize = 40;
/// Revisions that compactions leave readable.
const KEPT: i64 = 200;

/// The key that is written last.
const LAST: &[u8] = b"last";

/// How long all of it may take.
const DEADLINE: Duration = Duration::from_mins(1);

type Model = BTreeMap<Bytes, Bytes>;

/// Writes and deletes keys of its own; returns what is left of them.
async fn write(store: Store, writer: usize) -> Model {
    let mut model = Model::new();
    for n in 0..WRITES {
        let key = Bytes::from(format!("{writer}/{:03}", n * 7 % KEYS));
        if n % 5 == 4 {
            let delete = DeleteRange { range: KeyRange::One(key.clone()), prev_kv: true };
            let deleted = store.delete_range(delete).await.expect("a deletion");
            let before = deleted.prev_kvs.into_iter().next().map(|kv| kv.value);
            assert_eq!(before, model.remove(&key), "{key:?}");
        } else {
            let value = Bytes::from(format!("{n}").repeat(100));
            let put = Put { key: key.clone(), value: value.clone(), prev_kv: true, ..Put::default() };
            let before = store.put(put).await.expect("a write").prev_kv.map(|kv| kv.value);
            assert_eq!(before, model.insert(key, value));
        }
    }
    model
}

/// Reads until it is told to stop; nothing but compaction may refuse a read.
async fn read(store: Store, stop: Arc<AtomicBool>, reader: i64) -> u64 {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let newest = store.revision();
        let revision = Revision((newest.0 - reader * 30).max(1));
        let range = KeyRange::prefix(format!("{reader}/").into());
        match store.range(RangeQuery { revision, ..RangeQuery::new(range) }).await {
            Ok(result) => assert!(result.kvs.iter().all(|kv| kv.modified <= revision)),
            Err(StoreError::Compacted(_)) => {}
            Err(error) => panic!("a read of {revision} at {newest}: {error}"),
        }
        reads += 1;
        // A read of a few pairs never waits; others want to run, too.
        tokio::task::yield_now().await;
    }
    reads
}

async fn compact(store: Store, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let target = Revision(store.revision().0 - KEPT);
        if target > store.status().compacted {
            store.compact(target, target.0 % 2 == 0).await.expect("a compaction");
        }
        tokio::task::yield_now().await;
    }
}

/// Follows every change until [`LAST`] is written, and returns what they amount to.
async fn follow(mut watch: Box<dyn Watch>) -> Model {
    let mut model = Model::new();
    let mut seen = Revision::NONE;
    while !model.contains_key(LAST) {
        match watch.next().await.expect("the watch works").expect("the watch goes on") {
            Notice::Created { .. } | Notice::Progress { .. } => {}
            Notice::Events { events, revision, .. } => {
                for event in events {
                    let KeyValue { key, value, modified, .. } = event.event.kv.clone();
                    assert!(modified > seen, "in order");
                    seen = modified;
                    let before = match event.event.kind {
                        EventKind::Put => model.insert(key, value),
                        EventKind::Delete => model.remove(&key),
                    };
                    if let Some(told) = event.prev_kv {
                        assert_eq!(Some(told.value), before);
                    }
                }
                assert_eq!(seen, revision);
            }
            other => panic!("{other:?}"),
        }
    }
    model
}

async fn everything(store: &Store) -> Model {
    let result = store.range(RangeQuery::new(KeyRange::all())).await.expect("it can be read");
    result.kvs.into_iter().map(|kv| (kv.key, kv.value)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load() {
    tokio::time::timeout(DEADLINE, write_and_rewrite()).await.expect("it takes too long");
}

async fn write_and_rewrite() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(Options::new(dir.path())).expect("an empty directory");
    let spec = WatchSpec { prev_kv: true, ..WatchSpec::new(KeyRange::all(), Revision::NONE) };
    let watch = KeyValueStore::watch(&store, spec).await.expect("a watch");
    let follower = tokio::spawn(follow(watch));
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(store.clone(), writer));
    }
    let mut readers = JoinSet::new();
    for reader in 0..3 {
        readers.spawn(read(store.clone(), Arc::clone(&stop), reader));
    }
    let compactor = tokio::spawn(compact(store.clone(), Arc::clone(&stop)));
    let defragmenter = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut times = 0;
            while !stop.load(Ordering::Relaxed) {
                store.defragment().await.expect("it can be rewritten");
                times += 1;
            }
            times
        }
    });
    let mut models = writers.join_all().await;
    let last = Put { key: LAST.into(), ..Put::default() };
    let newest = store.put(last).await.expect("a write").revision;
    models.push(Model::from([(LAST.into(), Bytes::new())]));
    stop.store(true, Ordering::Relaxed);
    assert!(readers.join_all().await.into_iter().all(|reads| reads > 0));
    compactor.await.expect("it did not panic");
    assert!(defragmenter.await.expect("it did not panic") > 1);

    let model: Model = models.into_iter().flatten().collect();
    assert_eq!(everything(&store).await, model);
    assert_eq!(follower.await.expect("it did not panic"), model, "what the watch saw amounts to the same");

    store.compact(newest, true).await.expect("a compaction");
    let outcome = store.defragment().await.expect("it can be rewritten");
    let live: usize = model.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(outcome.after < outcome.before, "{outcome:?}");
    assert!(outcome.after < 2 * live as u64 + 4096, "{outcome:?} for {live} bytes");
    assert_eq!(everything(&store).await, model);
    let pairs = store.range(RangeQuery::new(KeyRange::all())).await.expect("it can be read").kvs;
    let status = store.status();
    store.close().await;
    drop(store);

    let store = Store::open(Options::new(dir.path())).expect("it can be opened again");
    assert_eq!(store.range(RangeQuery::new(KeyRange::all())).await.expect("it can be read").kvs, pairs);
    assert_eq!((store.revision(), store.status().compacted), (newest, status.compacted));
    store.close().await;
}

#[tokio::test]
async fn deletions_that_nobody_can_read_do_not_come_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(Options::new(dir.path())).expect("an empty directory");
    let put = |n: usize| Put { key: format!("{n}").into(), value: vec![b'x'; 100].into(), ..Put::default() };
    for n in 0..100 {
        store.put(put(n)).await.expect("a write");
    }
    store.defragment().await.expect("the writes are in the base now");
    let delete = DeleteRange { range: KeyRange::all(), prev_kv: false };
    let deleted = store.delete_range(delete.clone()).await.expect("a deletion").revision;
    store.defragment().await.expect("the deletions, which can be watched, too");
    store.compact(deleted, true).await.expect("a compaction");
    let outcome = store.defragment().await.expect("they can still be watched");
    assert!(outcome.after > 1000, "{outcome:?}");
    store.put(put(0)).await.expect("a write");
    let deleted = store.delete_range(delete).await.expect("a deletion").revision;
    store.compact(deleted, true).await.expect("a compaction");
    let outcome = store.defragment().await.expect("and none of them any more");
    assert!(outcome.after < 1000, "{outcome:?}");
    store.close().await;
    drop(store);
    let store = Store::open(Options::new(dir.path())).expect("it can be opened again");
    assert_eq!(everything(&store).await, Model::new());
    assert_eq!(store.revision(), deleted);
    assert_eq!(store.put(put(1)).await.expect("a write").revision, deleted.next());
}
