//! Rewriting the log: interrupted at every step, refused at every step.

use std::sync::Arc;

use stanchion_store::Store;
use stanchion_store::core::{DeleteRange, KeyRange, LeaseId, Put, RangeQuery, Revision, StoreError};

use crate::scene::{everything, files, open, open_over, put};
use crate::steps::{Step, StepDisk};

/// What a store holds, as far as anybody can see it.
#[derive(Debug, PartialEq)]
struct Content {
    history: Vec<Vec<stanchion_store::core::KeyValue>>,
    compacted: Revision,
    leases: Vec<(LeaseId, i64)>,
}

async fn content(store: &Store) -> Content {
    let (compacted, newest) = (store.status().compacted, store.revision());
    let mut history = Vec::new();
    for revision in compacted.0.max(1)..=newest.0 {
        let query = RangeQuery { revision: Revision(revision), ..RangeQuery::new(KeyRange::all()) };
        history.push(store.range(query).await.expect("history can be read").kvs);
    }
    let granted = |id| store.lease_time_to_live(id, false).expect("it lives").granted;
    let leases = store.leases().into_iter().map(|id| (id, granted(id))).collect();
    Content { history, compacted, leases }
}

async fn fill(store: &Store) {
    let (lease, _) = store.lease_grant(LeaseId(9), 9000).await.expect("a lease");
    for n in 0..10 {
        put(store, &format!("key{n}"), vec![b'x'; 2000]).await;
        put(store, "often", format!("{n}")).await;
    }
    let leased = Put { key: "leased".into(), lease, ..Put::default() };
    store.put(leased).await.expect("a write");
    let delete = DeleteRange { range: KeyRange::One("key3".into()), prev_kv: false };
    let deleted = store.delete_range(delete).await.expect("a deletion").revision;
    put(store, "key4", "later").await;
    store.compact(deleted, true).await.expect("a compaction");
    put(store, "after", "the compaction").await;
}

#[tokio::test]
async fn interrupted_anywhere() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = StepDisk::new(dir.path());
    let store = open_over(dir.path(), Arc::new(disk.clone())).expect("an empty directory");
    fill(&store).await;
    let before = content(&store).await;
    disk.record();
    let outcome = store.defragment().await.expect("it can be rewritten");
    let copies = disk.recorded();
    assert!(outcome.after < outcome.before);
    assert_eq!(content(&store).await, before);
    assert!(copies.len() > 6, "a rewrite has steps");
    let mut leftovers = 0;
    for (step, copy) in copies.iter().enumerate() {
        let reopened = open(copy.path());
        assert_eq!(content(&reopened).await, before, "step {step}");
        leftovers += reopened.recovered().leftovers.len();
        for leftover in &reopened.recovered().leftovers {
            assert!(!leftover.exists(), "step {step}: {}", leftover.display());
        }
        put(&reopened, "goes", "on").await;
        reopened.defragment().await.unwrap_or_else(|error| panic!("step {step}: {error}"));
        let content_then = content(&reopened).await;
        reopened.close().await;
        drop(reopened);
        assert_eq!(content(&open(copy.path())).await, content_then, "step {step}");
    }
    assert!(leftovers > 0, "some steps leave files behind");
}

/// Refuses one step of a rewrite, and checks that the store goes on, can be rewritten later, and reopens.
async fn refused(step: Step, prefix: &'static str) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = StepDisk::new(dir.path());
    let store = open_over(dir.path(), Arc::new(disk.clone())).expect("an empty directory");
    fill(&store).await;
    let before = content(&store).await;
    disk.refuse(Some((step, prefix)));
    let error = store.defragment().await.expect_err("the step is refused");
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    disk.refuse(None);
    assert_eq!(content(&store).await, before);
    put(&store, "goes", "on").await;
    let all = everything(&store).await;
    store.defragment().await.unwrap_or_else(|error| panic!("a later rewrite fails: {error}"));
    assert_eq!(everything(&store).await, all);
    assert_eq!(files(dir.path(), "base-").len(), 1, "nothing is left behind");
    store.close().await;
    drop(store);
    assert_eq!(everything(&open(dir.path())).await, all);
}

#[tokio::test]
async fn no_room_to_begin() {
    refused(Step::Create, "tail-").await;
}

#[tokio::test]
async fn no_room_for_a_copy() {
    refused(Step::Create, "base-").await;
}

#[tokio::test]
async fn no_room_in_a_copy() {
    refused(Step::Reserve, "base-").await;
}

#[tokio::test]
async fn no_room_while_copying() {
    refused(Step::Write, "base-").await;
}

#[tokio::test]
async fn no_room_for_the_manifest() {
    refused(Step::Create, "MANIFEST").await;
}

#[tokio::test]
async fn the_manifest_cannot_be_put_in_place() {
    refused(Step::Rename, "MANIFEST").await;
}

#[tokio::test]
async fn old_files_cannot_be_removed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = StepDisk::new(dir.path());
    let store = open_over(dir.path(), Arc::new(disk.clone())).expect("an empty directory");
    fill(&store).await;
    let before = content(&store).await;
    disk.refuse(Some((Step::Remove, "tail-")));
    // Whether that is an error or not, the copy is in force.
    drop(store.defragment().await);
    disk.refuse(None);
    assert_eq!(content(&store).await, before);
    put(&store, "goes", "on").await;
    store.defragment().await.expect("a later rewrite");
    let then = content(&store).await;
    store.close().await;
    drop(store);
    assert_eq!(content(&open(dir.path())).await, then);
}
