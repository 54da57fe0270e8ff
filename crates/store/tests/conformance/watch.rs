//! Watches.

use stanchion_store::core::{EventKind, KeyRange, KeyValue, Op, Revision, StoreError, Txn, WatchFilter};
use stanchion_store::watch::{Notice, WatchSpec};

use crate::scene::{Scene, Watcher, shorts, within};

crate::suite! {
    from_now_on,
    from_the_past,
    from_the_future,
    single_keys_and_open_ends,
    pairs_before,
    filters,
    one_transaction_is_one_notice,
    long_history_in_order,
    progress_on_demand,
    refused_ranges,
    several_at_once,
}

use EventKind::{Delete, Put};

fn expected(events: &[(EventKind, &str, i64)]) -> Vec<(EventKind, String, i64)> {
    events.iter().map(|(kind, name, revision)| (*kind, (*name).to_owned(), *revision)).collect()
}

async fn from_now_on(scene: &Scene<'_>) {
    scene.put("a", "before").await;
    let mut watcher = scene.watch(scene.spec(Revision::NONE)).await;
    let first = scene.put("a", "1").await;
    scene.store.put(scene.put_of("../elsewhere", "1")).await.expect("a write");
    let third = scene.put("b", "1").await.0;
    scene.delete(scene.one("a")).await;
    let events = watcher.events(3).await;
    assert_eq!(
        shorts(scene, &events[..2]),
        expected(&[(Put, "a", first.0), (Put, "../elsewhere", first.0 + 1)]),
        "a prefix is a prefix of bytes"
    );
    assert_eq!(shorts(scene, &events[2..]), expected(&[(Put, "b", third)]));
    let deleted = watcher.events(1).await;
    assert_eq!(shorts(scene, &deleted), expected(&[(Delete, "a", third + 1)]));
    let kv = &deleted[0].event.kv;
    let bare = KeyValue { key: scene.key("a"), modified: Revision(third + 1), ..KeyValue::default() };
    assert_eq!(kv, &bare, "a deletion has a key and a revision");
    assert_eq!(events[0].event.kv.version, 2);
    assert_eq!(events[0].prev_kv, None, "not asked for");
}

async fn from_the_past(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await.0;
    scene.put("b", "1").await;
    scene.delete(scene.all()).await;
    let mut watcher = scene.watch(scene.spec(Revision(first))).await;
    let history = expected(&[
        (Put, "a", first),
        (Put, "b", first + 1),
        (Delete, "a", first + 2),
        (Delete, "b", first + 2),
    ]);
    assert_eq!(shorts(scene, &watcher.events(4).await), history);
    scene.put("c", "1").await;
    assert_eq!(shorts(scene, &watcher.events(1).await), expected(&[(Put, "c", first + 3)]), "and then on");

    let mut later = scene.watch(scene.spec(Revision(first + 2))).await;
    assert_eq!(shorts(scene, &later.events(3).await)[..2], history[2..], "from that revision on, inclusive");
}

async fn from_the_future(scene: &Scene<'_>) {
    let newest = scene.put("a", "1").await.0;
    let mut watcher = scene.watch(scene.spec(Revision(newest + 3))).await;
    for value in ["2", "3", "4", "5"] {
        scene.put("a", value).await;
    }
    let events = watcher.events(2).await;
    assert_eq!(shorts(scene, &events), expected(&[(Put, "a", newest + 3), (Put, "a", newest + 4)]));
}

async fn single_keys_and_open_ends(scene: &Scene<'_>) {
    let mut one = scene.watch(WatchSpec::new(scene.one("b"), Revision::NONE)).await;
    let mut from = scene.watch(WatchSpec::new(KeyRange::From(scene.key("b")), Revision::NONE)).await;
    let mut every = scene.watch(WatchSpec::new(KeyRange::all(), Revision::NONE)).await;
    let first = scene.put("a", "1").await.0;
    scene.put("b", "1").await;
    scene.put("c", "1").await;
    assert_eq!(shorts(scene, &every.events(3).await).len(), 3);
    let seen = expected(&[(Put, "b", first + 1), (Put, "c", first + 2)]);
    assert_eq!(shorts(scene, &from.events(2).await), seen);
    assert_eq!(shorts(scene, &one.events(1).await), seen[..1]);
}

async fn pairs_before(scene: &Scene<'_>) {
    let spec = |start| WatchSpec { prev_kv: true, ..scene.spec(start) };
    let mut live = scene.watch(spec(Revision::NONE)).await;
    let first = scene.put("a", "1").await;
    let one = scene.get("a").await;
    scene.put("a", "2").await;
    let two = scene.get("a").await;
    scene.delete(scene.all()).await;
    scene.put("a", "3").await;
    let mut past = scene.watch(spec(first)).await;
    for watcher in [&mut live, &mut past] {
        let before: Vec<_> = watcher.events(4).await.into_iter().map(|event| event.prev_kv).collect();
        assert_eq!(before, [None, one.clone(), two.clone(), None]);
    }
}

async fn filters(scene: &Scene<'_>) {
    let spec = |start, no_put, no_delete| WatchSpec {
        filter: WatchFilter { no_put, no_delete },
        ..scene.spec(start)
    };
    let mut deletions = scene.watch(spec(Revision::NONE, true, false)).await;
    let mut writes = scene.watch(spec(Revision::NONE, false, true)).await;
    let first = scene.put("a", "1").await.0;
    scene.delete(scene.all()).await;
    scene.put("a", "2").await;
    scene.delete(scene.all()).await;
    let mut past = scene.watch(spec(Revision(first), true, false)).await;
    let deleted = expected(&[(Delete, "a", first + 1), (Delete, "a", first + 3)]);
    assert_eq!(shorts(scene, &deletions.events(2).await), deleted);
    assert_eq!(shorts(scene, &past.events(2).await), deleted);
    assert_eq!(shorts(scene, &writes.events(2).await), expected(&[(Put, "a", first), (Put, "a", first + 2)]));
}

async fn one_transaction_is_one_notice(scene: &Scene<'_>) {
    let mut live = scene.watch(scene.spec(Revision::NONE)).await;
    let ops = ["c", "a", "b"].map(|name| Op::Put(scene.put_of(name, "1")));
    let done = scene.store.txn(Txn { success: ops.to_vec(), ..Txn::default() }).await.expect("a transaction");
    scene.put("d", "1").await;
    let mut past = scene.watch(scene.spec(done.revision)).await;
    let revision = done.revision.0;
    for watcher in [&mut live, &mut past] {
        let Notice::Events { events, .. } = watcher.notice().await else { panic!("no events") };
        let together = expected(&[(Put, "c", revision), (Put, "a", revision), (Put, "b", revision)]);
        assert_eq!(shorts(scene, &events)[..3], together, "in the order of the operations");
    }
}

async fn long_history_in_order(scene: &Scene<'_>) {
    const WRITES: usize = 1500;
    let first = scene.put("0", "").await.0;
    let mut live = scene.watch(scene.spec(Revision(first))).await;
    let value = bytes::Bytes::from(vec![b'v'; 1000]);
    for batch in 0..WRITES / 100 {
        let ops = (0..100).map(|n| Op::Put(scene.put_of(&format!("{batch}/{n}"), value.clone()))).collect();
        scene.store.txn(Txn { success: ops, ..Txn::default() }).await.expect("a transaction");
    }
    let mut past = scene.watch(scene.spec(Revision(first))).await;
    for watcher in [&mut live, &mut past] {
        let events = watcher.events(WRITES + 1).await;
        let revisions: Vec<_> = events.iter().map(|event| event.event.kv.modified.0 - first).collect();
        let all = std::iter::once(0).chain((0..WRITES).map(|n| i64::try_from(n / 100).expect("small") + 1));
        assert_eq!(revisions, all.collect::<Vec<_>>());
    }
    scene.delete(scene.all()).await;
}

async fn progress_on_demand(scene: &Scene<'_>) {
    let mut watcher = scene.watch(scene.spec(Revision::NONE)).await;
    scene.put("a", "1").await;
    watcher.events(1).await;
    let newest = scene.store.put(scene.put_of("../elsewhere", "1")).await.expect("a write").revision;
    watcher.events(1).await;
    watcher.0.request_progress().await.expect("it can be asked for");
    assert_eq!(watcher.notice().await, Notice::Progress { id: None, revision: newest });
    scene.put("a", "2").await;
    watcher.events(1).await;
}

async fn refused_ranges(scene: &Scene<'_>) {
    let empty = scene.between("b", "a");
    let mut watcher =
        Watcher(within(scene.store.watch(WatchSpec::new(empty, Revision::NONE))).await.expect("a stream"));
    match watcher.notice().await {
        Notice::Refused { error, .. } => assert_eq!(error, StoreError::EmptyWatchRange),
        other => panic!("not refused: {other:?}"),
    }
    assert_eq!(within(watcher.0.next()).await, Ok(None), "nothing comes after it");
}

async fn several_at_once(scene: &Scene<'_>) {
    let mut watchers = Vec::new();
    for id in [0, 7, 8] {
        watchers.push(scene.watch(WatchSpec { id, ..scene.spec(Revision::NONE) }).await);
    }
    let first = scene.put("a", "1").await.0;
    for (watcher, expected_id) in watchers.iter_mut().zip([0, 7, 8]) {
        let Notice::Events { id, events, .. } = watcher.notice().await else { panic!("no events") };
        assert_eq!((id, shorts(scene, &events)), (expected_id, expected(&[(Put, "a", first)])));
    }
    watchers.remove(0);
    scene.put("a", "2").await;
    for watcher in &mut watchers {
        watcher.events(1).await;
    }
}
