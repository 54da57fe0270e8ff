//! A full disk: writes are refused and nothing else happens.

use bytes::Bytes;
use stanchion_store::core::StoreError;
use stanchion_store::disk::fault::Faults;

use crate::scene::{Scene, everything, put, try_get, try_put};

const FULL: Faults = Faults { full: true, short_write: None, sync: false, read: false };

#[tokio::test]
async fn writes_are_refused_until_there_is_room_again() {
    let scene = Scene::new();
    let store = scene.open();
    let mut newest = put(&store, "before", "1").await;
    scene.disk.set(FULL);
    // The room that was taken in advance is used first.
    let value = Bytes::from(vec![b'x'; 1024 * 1024]);
    let error = loop {
        match try_put(&store, "large", value.clone()).await {
            Ok(revision) => newest = revision,
            Err(error) => break error,
        }
        assert!(newest.0 < 20, "the disk is full, and the store goes on");
    };
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    assert!(error.to_string().contains("tail-00000001.log"), "{error}");
    assert_eq!(store.revision(), newest, "a refused write makes no revision");
    assert_eq!(store.status().failure, None, "nothing is broken");
    assert_eq!(try_get(&store, "before").await.expect("reads go on").expect("it is there").value, "1");

    scene.disk.set(Faults::default());
    assert_eq!(put(&store, "after", value).await, newest.next());
    let all = everything(&store).await;
    store.close().await;
    drop(store);
    let store = scene.open();
    assert_eq!(everything(&store).await, all);
    assert_eq!(store.revision(), newest.next());
}

#[tokio::test]
async fn a_rewrite_fails_cleanly() {
    let scene = Scene::new();
    let store = scene.open();
    for n in 0..50 {
        put(&store, &format!("key{n}"), vec![b'x'; 1000]).await;
        put(&store, "often", vec![b'y'; 1000]).await;
    }
    let all = everything(&store).await;
    scene.disk.set(FULL);
    let error = store.defragment().await.expect_err("there is no room");
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    assert_eq!(everything(&store).await, all);
    let newest = put(&store, "small", "still fits").await;

    scene.disk.set(Faults::default());
    let store = {
        store.close().await;
        drop(store);
        scene.open()
    };
    assert_eq!(store.revision(), newest);
    store.defragment().await.expect("there is room again");
    assert_eq!(everything(&store).await.len(), all.len() + 1);
}
