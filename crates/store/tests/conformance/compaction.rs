//! Giving up history.

use stanchion_store::core::{Op, RangeQuery, Revision, StoreError, Txn};
use stanchion_store::watch::{Notice, WatchSpec};

use crate::scene::{Scene, Watcher, refused, within};

crate::suite! {
    old_revisions_are_gone,
    what_is_left_can_be_read,
    physical,
    watches,
}

/// What a remote store does not tell: the texts are compared.
const GONE: StoreError = StoreError::Compacted(Revision::NONE);

async fn compact(scene: &Scene<'_>, revision: Revision) -> Revision {
    scene.store.compact(revision, false).await.expect("the revision exists")
}

async fn old_revisions_are_gone(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await;
    let second = scene.put("a", "2").await;
    let newest = scene.put("a", "3").await;
    assert_eq!(compact(scene, second).await, newest, "the answer tells the newest revision");
    assert_eq!(scene.revision().await, newest, "a compaction makes no revision");
    let at = |revision| RangeQuery { revision, ..scene.query() };
    refused(scene.store.range(at(first)).await, &GONE);
    assert_eq!(scene.range(at(second)).await.kvs[0].value, "2", "the compacted revision itself can be read");
    assert_eq!(scene.range(at(newest)).await.kvs[0].value, "3");
    let read = Txn { success: vec![Op::Range(at(first))], ..Txn::default() };
    refused(scene.store.txn(read).await, &GONE);
    let write = vec![Op::Put(scene.put_of("b", "1")), Op::Range(at(first))];
    refused(scene.store.txn(Txn { success: write, ..Txn::default() }).await, &GONE);

    refused(scene.store.compact(second, false).await, &GONE);
    refused(scene.store.compact(first, false).await, &GONE);
    refused(scene.store.compact(Revision(newest.0 + 1000), false).await, &StoreError::FutureRevision);
}

async fn what_is_left_can_be_read(scene: &Scene<'_>) {
    scene.put("kept", "1").await;
    scene.put("deleted", "1").await;
    scene.delete(scene.one("deleted")).await;
    scene.put("recreated", "1").await;
    scene.delete(scene.one("recreated")).await;
    let created = scene.put("recreated", "2").await;
    let newest = scene.put("later", "1").await;
    compact(scene, created).await;
    assert_eq!(scene.names(scene.query()).await, ["kept", "later", "recreated"]);
    let at = RangeQuery { revision: created, ..scene.query() };
    assert_eq!(scene.names(at).await, ["kept", "recreated"]);
    let kv = scene.get("recreated").await.expect("it is there");
    assert_eq!((kv.created, kv.version), (created, 1));
    compact(scene, newest).await;
    assert_eq!(scene.names(scene.query()).await, ["kept", "later", "recreated"]);
    assert_eq!(scene.get("kept").await.expect("it is there").version, 1);
}

async fn physical(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await;
    let newest = scene.put("a", "2").await;
    assert_eq!(scene.store.compact(newest, true).await, Ok(newest));
    refused(scene.store.range(RangeQuery { revision: first, ..scene.query() }).await, &GONE);
    assert_eq!(scene.get("a").await.expect("it is there").value, "2");
}

async fn watches(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await;
    let second = scene.put("a", "2").await;
    let third = scene.put("a", "3").await;
    let mut live = scene.watch(scene.spec(Revision::NONE)).await;
    compact(scene, third).await;

    let mut lost = Watcher(within(scene.store.watch(scene.spec(first))).await.expect("a stream"));
    let mut notice = lost.notice().await;
    if let Notice::Created { .. } = notice {
        notice = lost.notice().await;
    }
    let Notice::Compacted { revision, compacted, .. } = notice else { panic!("not compacted: {notice:?}") };
    assert_eq!(compacted, third, "the first revision that can be watched");
    assert!(revision >= third);
    assert_eq!(within(lost.0.next()).await, Ok(None), "nothing comes after it");

    let mut at = scene.watch(WatchSpec { prev_kv: true, ..scene.spec(compacted) }).await;
    let event = at.events(1).await.remove(0);
    assert_eq!((event.event.kv.value.as_ref(), event.prev_kv), (b"3".as_slice(), None), "its past is gone");
    let newest = scene.put("a", "4").await;
    assert_eq!(live.events(1).await[0].event.kv.modified, newest, "watches that are up to date go on");
    let event = at.events(1).await.remove(0);
    assert_eq!(event.prev_kv.expect("it can be read").modified, third);
    assert!(second < third);
}
