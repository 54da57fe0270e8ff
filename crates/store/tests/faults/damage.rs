//! Bytes that are not what was written: found, and named by file and place.

use std::fs;
use std::path::Path;

use stanchion_store::core::{KeyRange, RangeQuery, StoreError};
use stanchion_store::disk::fault::Faults;
use stanchion_store::log::LogError;
use stanchion_store::{OpenError, Options, Store};

use crate::scene::{Scene, find, flip, image, keys, open, put, refused, try_get};

const TAIL: &str = "tail-00000001.log";
const BASE: &str = "base-00000001-00000001.log";
const VALUES: [&str; 3] = ["the first value", "the second value", "the third value"];

async fn fill(store: &Store) {
    for (key, value) in ["a", "b", "c"].into_iter().zip(VALUES) {
        put(store, key, value).await;
    }
}

#[track_caller]
fn names(error: &StoreError, file: &str) {
    let StoreError::CorruptRecord(text) = error else { panic!("{error:?}") };
    assert!(text.contains(file) && text.contains("offset "), "{text}");
}

#[tokio::test]
async fn a_read_error_names_the_place() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    scene.disk.set(Faults { read: true, ..Faults::default() });
    names(&try_get(&store, "a").await.expect_err("it cannot be read"), TAIL);
    let error = store.range(RangeQuery::new(KeyRange::all())).await.expect_err("it cannot be read");
    names(&error, TAIL);
    scene.disk.set(Faults::default());
    assert_eq!(try_get(&store, "a").await.expect("it can be read").expect("it is there").value, VALUES[0]);
}

#[tokio::test]
async fn a_flipped_bit_in_a_sealed_segment() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    store.defragment().await.expect("it can be rewritten");
    let offset = find(&scene.path(BASE), VALUES[1].as_bytes());
    flip(&scene.path(BASE), offset);
    names(&try_get(&store, "b").await.expect_err("it is damaged"), BASE);
    let all = store.range(RangeQuery::new(KeyRange::all())).await;
    names(&all.expect_err("one of them is damaged"), BASE);
    assert!(try_get(&store, "c").await.expect("others are whole").is_some());
    assert!(store.status().failure.is_none(), "writes go on");
    let error = store.defragment().await.expect_err("damage is not copied");
    assert!(matches!(error, StoreError::CorruptRecord(_)), "{error:?}");
    store.close().await;
    drop(store);
    damaged(&scene.path(BASE), &refused(scene.dir.path()), offset);
}

/// Checks that damage is named by its file and the batch that it is in.
#[track_caller]
fn damaged(file: &Path, error: &LogError, at: u64) {
    let LogError::Damaged { path, offset, .. } = error else { panic!("{error:?}") };
    assert_eq!(path, file);
    assert!(*offset <= at && at - offset < 200, "{error} for damage at {at}");
}

#[tokio::test]
async fn damage_before_a_later_batch() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    let crashed = image(scene.dir.path());
    let tail = crashed.path().join(TAIL);
    let offset = find(&tail, VALUES[1].as_bytes());
    flip(&tail, offset);
    let before = fs::read(&tail).expect("it can be read");
    let error = refused(crashed.path());
    assert!(error.to_string().contains("later batch"), "{error}");
    damaged(&tail, &error, offset);
    assert!(fs::read(&tail).expect("it can be read") == before, "a refused store is left as it was");
}

#[tokio::test]
async fn a_torn_end_is_cut() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    let flipped = image(scene.dir.path());
    let tail = flipped.path().join(TAIL);
    let at = find(&tail, VALUES[2].as_bytes());
    flip(&tail, at);
    let cut = image(scene.dir.path());
    let file = fs::File::options().write(true).open(cut.path().join(TAIL)).expect("it can be opened");
    file.set_len(at + 3).expect("it can be cut");
    for crashed in [flipped, cut] {
        let reopened = open(crashed.path());
        let (path, offset, _) = reopened.recovered().torn.clone().expect("it is reported");
        assert_eq!(path, crashed.path().join(TAIL));
        assert!(offset < at);
        assert_eq!(keys(&reopened).await, ["a", "b"]);
        put(&reopened, "d", "after").await;
        reopened.close().await;
        drop(reopened);
        let again = open(crashed.path());
        assert_eq!(again.recovered().torn, None, "once");
        assert_eq!(keys(&again).await, ["a", "b", "d"]);
    }
}

#[tokio::test]
async fn the_last_write_before_an_orderly_end_is_no_torn_end() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    store.close().await;
    drop(store);
    let offset = find(&scene.path(TAIL), VALUES[2].as_bytes());
    flip(&scene.path(TAIL), offset);
    damaged(&scene.path(TAIL), &refused(scene.dir.path()), offset);
}

#[tokio::test]
async fn every_byte_counts() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    store.close().await;
    drop(store);
    let length = fs::metadata(scene.path(TAIL)).expect("it is there").len();
    for offset in 0..length {
        let copy = image(scene.dir.path());
        flip(&copy.path().join(TAIL), offset);
        match Store::open(Options::new(copy.path())) {
            Err(OpenError::Log(LogError::Damaged { .. } | LogError::Header { .. })) => {}
            // The mark of the orderly end is itself the last write, and no data.
            Ok(store) => {
                assert!(store.recovered().torn.is_some(), "byte {offset} of {length}");
                assert_eq!(keys(&store).await, ["a", "b", "c"], "byte {offset}");
            }
            Err(error) => panic!("byte {offset}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_missing_segment() {
    let scene = Scene::new();
    let store = scene.open();
    fill(&store).await;
    store.defragment().await.expect("it can be rewritten");
    put(&store, "d", "1").await;
    store.close().await;
    drop(store);
    for name in [BASE, "tail-00000002.log"] {
        let copy = image(scene.dir.path());
        fs::remove_file(copy.path().join(name)).expect("it is there");
        let error = refused(copy.path());
        assert!(matches!(&error, LogError::MissingSegment { path } if path.ends_with(name)), "{error:?}");
    }
}

#[tokio::test]
async fn a_store_has_one_user() {
    let scene = Scene::new();
    let store = scene.open();
    put(&store, "a", "1").await;
    let error = refused(scene.dir.path());
    assert!(matches!(&error, LogError::InUse { path } if path.ends_with("LOCK")), "{error:?}");
    put(&store, "a", "2").await;
    store.close().await;
    drop(store);
    assert_eq!(try_get(&scene.open(), "a").await.expect("it can be read").expect("it is there").value, "2");
}
