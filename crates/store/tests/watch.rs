//! Watches whose clients do not listen, and many watches at once.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use stanchion_store::core::{KeyRange, Op, Put, Revision, Txn};
use stanchion_store::watch::{Notice, WatchSpec, WatchStream};
use stanchion_store::{Options, Store};
use tempfile::TempDir;

/// Changes of one transaction.
const CHANGES: usize = 100;
/// Transactions: far more events than a mailbox takes, by number and by bytes.
const TXNS: usize = 200;
const VALUE: usize = 1024;
/// How long anything may take that has to happen.
const DEADLINE: Duration = Duration::from_secs(20);

fn open() -> (Store, TempDir) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    (Store::open(Options::new(dir.path())).expect("an empty directory"), dir)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it takes too long")
}

fn put(key: String) -> Put {
    Put { key: key.into(), value: Bytes::from(vec![b'v'; VALUE]), ..Put::default() }
}

/// Writes much more than a mailbox takes; returns the first and the last revision.
async fn flood(store: &Store) -> (Revision, Revision) {
    let first = store.revision().next();
    for n in 0..TXNS {
        let success = (0..CHANGES).map(|m| Op::Put(put(format!("flood/{n}/{m}")))).collect();
        within(store.txn(Txn { success, ..Txn::default() })).await.expect("writers do not wait for watches");
    }
    (first, store.revision())
}

async fn notice(stream: &mut WatchStream) -> Notice {
    within(stream.next()).await.expect("the stream works").expect("the stream goes on")
}

/// Reads all events of the flood and checks that none is missing, twice, or out of its place.
async fn read_flood(stream: &mut WatchStream, first: Revision, last: Revision) {
    let mut expected = (first, 0);
    while expected.0 <= last {
        let Notice::Events { events, revision, .. } = notice(stream).await else { panic!("no events") };
        for event in events {
            assert_eq!(event.event.kv.modified, expected.0);
            let n = expected.0.0 - first.0;
            assert_eq!(event.event.kv.key, format!("flood/{n}/{}", expected.1));
            expected.1 += 1;
            if expected.1 == CHANGES {
                expected = (expected.0.next(), 0);
            }
        }
        assert_eq!((revision.next(), 0), expected, "a revision is never told in parts");
    }
}

fn lagging(store: &Store) -> u64 {
    store.metrics().slow_watchers.get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_listen_holds_nobody_up() {
    let (store, _dir) = open();
    let (slow_handle, mut slow) = store.watch();
    slow_handle.create(WatchSpec::new(KeyRange::all(), Revision::NONE)).expect("a watch");
    let (handle, mut listening) = store.watch();
    handle.create(WatchSpec::new(KeyRange::all(), Revision::NONE)).expect("a watch");
    assert!(matches!(notice(&mut listening).await, Notice::Created { .. }));
    let listener = tokio::spawn(async move {
        read_flood(&mut listening, Revision(2), Revision(1 + i64::try_from(TXNS).expect("few"))).await;
    });
    let (first, last) = flood(&store).await;
    within(listener).await.expect("the other watch saw everything");
    assert_eq!(lagging(&store), 1, "the mailbox is full, and takes no more");

    assert!(matches!(notice(&mut slow).await, Notice::Created { .. }));
    read_flood(&mut slow, first, last).await;
    slow_handle.request_progress();
    assert_eq!(notice(&mut slow).await, Notice::Progress { id: None, revision: last });
    assert_eq!(lagging(&store), 0, "it has caught up");
    let then = store.put(put("then".to_owned())).await.expect("a write").revision;
    assert!(matches!(notice(&mut slow).await, Notice::Events { revision, .. } if revision == then));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_catches_up_while_writes_go_on_and_the_log_is_rewritten() {
    let (store, _dir) = open();
    let (handle, mut slow) = store.watch();
    handle.create(WatchSpec::new(KeyRange::all(), Revision::NONE)).expect("a watch");
    let (first, _) = flood(&store).await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in TXNS..TXNS + 50 {
                let success = (0..CHANGES).map(|m| Op::Put(put(format!("flood/{n}/{m}")))).collect();
                store.txn(Txn { success, ..Txn::default() }).await.expect("a transaction");
                if n % 20 == 0 {
                    store.defragment().await.expect("it can be rewritten");
                }
            }
            store.revision()
        }
    });
    assert!(matches!(notice(&mut slow).await, Notice::Created { .. }));
    let last = Revision(first.0 + i64::try_from(TXNS + 50).expect("few") - 1);
    read_flood(&mut slow, first, last).await;
    assert_eq!(within(writer).await.expect("it did not panic"), last);
    store.close().await;
}

#[tokio::test]
async fn overtaken_by_a_compaction() {
    let (store, _dir) = open();
    let (handle, mut slow) = store.watch();
    let id = handle.create(WatchSpec::new(KeyRange::all(), Revision::NONE)).expect("a watch");
    let (_, last) = flood(&store).await;
    assert_eq!(lagging(&store), 1);
    store.compact(last, true).await.expect("a compaction");
    let mut seen = Revision::FIRST;
    let ended = loop {
        match notice(&mut slow).await {
            Notice::Created { .. } => {}
            Notice::Events { revision, .. } => {
                assert!(revision > seen);
                seen = revision;
            }
            other => break other,
        }
    };
    assert!(seen < last, "not everything was in the mailbox");
    assert_eq!(ended, Notice::Compacted { id, revision: last, compacted: last });
    assert_eq!(store.metrics().watchers.get(), 0);

    // The stream goes on, and so does its client from the revision it was told.
    handle.create(WatchSpec::new(KeyRange::all(), last)).expect("a watch");
    assert!(matches!(notice(&mut slow).await, Notice::Created { .. }));
    assert!(matches!(notice(&mut slow).await, Notice::Events { revision, .. } if revision == last));
    store.close().await;
}

#[tokio::test]
async fn many_watches_on_one_stream() {
    const WATCHES: i64 = 1000;
    let (store, _dir) = open();
    let (handle, mut stream) = store.watch();
    for id in 1..=WATCHES {
        let range = KeyRange::One(format!("flood/{id}").into());
        assert_eq!(handle.create(WatchSpec { id, ..WatchSpec::new(range, Revision::NONE) }), Some(id));
    }
    assert_eq!(handle.create(WatchSpec { id: 7, ..WatchSpec::new(KeyRange::all(), Revision::NONE) }), None);
    for id in 1..=WATCHES {
        assert!(matches!(notice(&mut stream).await, Notice::Created { id: made, .. } if made == id));
    }
    assert!(matches!(notice(&mut stream).await, Notice::Refused { .. }));
    assert_eq!(store.metrics().watchers.get(), 1000);
    for id in 1..=WATCHES {
        let revision = store.put(put(format!("flood/{id}"))).await.expect("a write").revision;
        let Notice::Events { id: told, revision: at, events } = notice(&mut stream).await else {
            panic!("no events")
        };
        assert_eq!((told, at, events.len()), (id, revision, 1));
    }
    for id in (1..=WATCHES).step_by(2) {
        assert!(handle.cancel(id));
        assert!(!handle.cancel(id), "once");
        assert!(matches!(notice(&mut stream).await, Notice::Canceled { id: ended, .. } if ended == id));
    }
    assert_eq!(store.metrics().watchers.get(), 500);
    store.put(put("flood/1".to_owned())).await.expect("a write");
    store.put(put("flood/2".to_owned())).await.expect("a write");
    assert!(matches!(notice(&mut stream).await, Notice::Events { id: 2, .. }), "1 is no more");
    drop((handle, stream));
    let metrics = store.metrics();
    assert_eq!((metrics.watchers.get(), metrics.watch_streams.get()), (0, 0));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_given_up_loses_nothing() {
    let (store, _dir) = open();
    let (first, last) = flood(&store).await;
    let (handle, mut stream) = store.watch();
    handle.create(WatchSpec::new(KeyRange::all(), first)).expect("a watch");
    let (mut events, mut given_up) = (0, 0);
    let all = CHANGES * usize::try_from(last.0 - first.0 + 1).expect("few");
    while events < all {
        // Polled once and dropped, again and again: history is read on another thread meanwhile.
        let polled = tokio::select! {
            biased;
            notice = stream.next() => Some(notice),
            () = tokio::task::yield_now() => None,
        };
        if let Some(notice) = polled {
            if let Some(Notice::Events { events: more, .. }) = notice.expect("the stream works") {
                events += more.len();
            }
        } else {
            given_up += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(given_up < 20_000, "{events} of {all} events came");
        }
    }
    assert!(given_up > 0, "no wait was given up");
}
