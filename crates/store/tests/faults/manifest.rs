//! The manifest: damaged, lost, or of another version.

use std::fs;

use stanchion_store::core::batch::BatchHeader;
use stanchion_store::log::LogError;

use crate::scene::{Scene, files, flip, image, put, refused};

#[track_caller]
fn problem(error: LogError) -> String {
    match error {
        LogError::Manifest { path, problem } => {
            assert!(path.ends_with("MANIFEST"), "{}", path.display());
            problem
        }
        other => panic!("{other:?}"),
    }
}

async fn filled() -> Scene {
    let scene = Scene::new();
    let store = scene.open();
    put(&store, "a", "1").await;
    store.close().await;
    scene
}

#[tokio::test]
async fn damaged() {
    let scene = filled().await;
    let length = fs::metadata(scene.path("MANIFEST")).expect("it is there").len();
    for offset in [0, length / 2, length - 2] {
        let copy = image(scene.dir.path());
        flip(&copy.path().join("MANIFEST"), offset);
        problem(refused(copy.path()));
    }
    let copy = image(scene.dir.path());
    fs::write(copy.path().join("MANIFEST"), b"").expect("it can be written");
    problem(refused(copy.path()));
}

#[tokio::test]
async fn of_a_newer_version() {
    let scene = filled().await;
    let text = fs::read_to_string(scene.path("MANIFEST")).expect("it is text");
    let json = text.lines().next().expect("its first line").replace("\"format\":1", "\"format\":2");
    let crc = BatchHeader::of(json.as_bytes(), 0, 0).payload_crc;
    fs::write(scene.path("MANIFEST"), format!("{json}\n{crc:08x}\n")).expect("it can be written");
    let problem = problem(refused(scene.dir.path()));
    assert!(problem.contains("version 2") && problem.contains("version 1"), "{problem}");
}

#[tokio::test]
async fn lost() {
    let scene = filled().await;
    fs::remove_file(scene.path("MANIFEST")).expect("it is there");
    let before = files(scene.dir.path(), "");
    let problem = problem(refused(scene.dir.path()));
    assert!(problem.contains("missing"), "{problem}");
    assert_eq!(files(scene.dir.path(), ""), before);
}

#[tokio::test]
async fn lost_after_a_rewrite() {
    let scene = Scene::new();
    let store = scene.open();
    put(&store, "a", "1").await;
    store.defragment().await.expect("it can be rewritten");
    store.close().await;
    drop(store);
    fs::remove_file(scene.path("MANIFEST")).expect("it is there");
    let before = files(scene.dir.path(), "");
    let problem = problem(refused(scene.dir.path()));
    assert!(problem.contains("missing"), "{problem}");
    assert_eq!(files(scene.dir.path(), ""), before, "a refused store is left as it was");
}
