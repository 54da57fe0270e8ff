//! Writing or flushing fails: what is on the disk is unknown, so nothing more is written.

use stanchion_store::core::{KeyRange, Revision, StoreError};
use stanchion_store::disk::fault::Faults;
use stanchion_store::watch::{Notice, WatchSpec};
use stanchion_store::{KeyValueStore, Store};

use crate::scene::{Scene, everything, image, keys, open, put, try_get, try_put};

const SHORT: Faults = Faults { full: false, short_write: Some(30), sync: false, read: false };
const NO_FLUSH: Faults = Faults { full: false, short_write: None, sync: true, read: false };

async fn refuses_writes(store: &Store) {
    let error = try_put(store, "later", "1").await.expect_err("what is on the disk is unknown");
    assert!(matches!(error, StoreError::StorageFailed(_)), "{error:?}");
    let error = store.lease_grant(stanchion_store::core::LeaseId(1), 60).await.expect_err("and so on");
    assert!(matches!(error, StoreError::StorageFailed(_)), "{error:?}");
    let error = store.compact(Revision(2), false).await.expect_err("and so on");
    assert!(matches!(error, StoreError::StorageFailed(_)), "{error:?}");
    let error = store.defragment().await.expect_err("and so on");
    assert!(matches!(error, StoreError::StorageFailed(_)), "{error:?}");
    assert!(matches!(store.status().failure, Some(StoreError::StorageFailed(_))));
}

async fn stays_failed_until_a_restart(faults: Faults) {
    let scene = Scene::new();
    let store = scene.open();
    put(&store, "a", "1").await;
    let newest = put(&store, "b", "1").await;
    let durable = everything(&store).await;
    let mut watch =
        KeyValueStore::watch(&store, WatchSpec::new(KeyRange::all(), Revision::NONE)).await.expect("a watch");
    assert!(matches!(watch.next().await, Ok(Some(Notice::Created { .. }))));

    scene.disk.set(faults);
    let error = try_put(&store, "a", "lost").await.expect_err("it is not durable");
    assert!(
        matches!(&error, StoreError::StorageFailed(text) if text.contains("tail-00000001.log")),
        "{error:?}"
    );
    refuses_writes(&store).await;
    scene.disk.set(Faults::default());
    refuses_writes(&store).await;
    assert_eq!(everything(&store).await, durable, "only what was durable is read");
    assert_eq!(try_get(&store, "a").await.expect("reads go on").expect("it is there").value, "1");
    assert_eq!(store.revision(), newest);
    watch.request_progress().await.expect("it can be asked for");
    assert_eq!(watch.next().await, Ok(Some(Notice::Progress { id: None, revision: newest })), "no event");
    drop(watch);

    // A crash keeps what the write left, all or part of it; what was acknowledged is there in any case.
    let crashed = image(scene.dir.path());
    let reopened = open(crashed.path());
    assert_eq!(keys(&reopened).await, ["a", "b"]);
    assert!(reopened.revision() >= newest);
    reopened.close().await;

    store.close().await;
    drop(store);
    scene.disk.lose_power().expect("the files are there");
    let store = scene.open();
    assert_eq!(everything(&store).await, durable, "everything that was acknowledged, and nothing else");
    assert_eq!(store.revision(), newest);
    assert_eq!(put(&store, "c", "1").await, newest.next());
}

#[tokio::test]
async fn a_short_write() {
    stays_failed_until_a_restart(SHORT).await;
}

#[tokio::test]
async fn a_failed_flush() {
    stays_failed_until_a_restart(NO_FLUSH).await;
}

#[tokio::test]
async fn power_is_lost_under_load() {
    let scene = Scene::new();
    let store = scene.open();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0.. {
                let key = format!("{writer}/{n}");
                match try_put(&store, &key, vec![b'x'; 500]).await {
                    Ok(_) => acknowledged.push(key),
                    Err(_) => break,
                }
            }
            acknowledged
        });
    }
    while store.revision() < Revision(400) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    scene.disk.set(NO_FLUSH);
    let mut acknowledged = tasks.join_all().await.concat();
    acknowledged.sort();
    store.close().await;
    drop(store);
    scene.disk.lose_power().expect("the files are there");
    scene.disk.set(Faults::default());
    let store = scene.open();
    assert_eq!(keys(&store).await, acknowledged);
}
