//! `stanchion store snapshot`, `restore` and `check`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::LIMIT;
use crate::support::command::{Outcome, run, stanchion};
use crate::support::server::{Server, folder};
use crate::support::within;

const ALL: &str = "get '' --prefix -w json";

#[tokio::test]
async fn a_restored_store_is_the_same() {
    within(LIMIT, async {
        let folder = folder();
        let file = folder.path().join("snapshot");
        let server = history(&folder.path().join("old")).await;
        let saved = server.store(&format!("snapshot {} --output=json", file.display())).await.done();
        assert_eq!(json(&saved)["revision"], 6, "{saved}");
        let (pairs, past) = (pairs(&server).await, server.ctl("get a --rev=3").await.done());
        server.ctl("put a later").await.done();

        let new = folder.path().join("new");
        let restored = json(&restore(&file, &new, &[]).await.done());
        assert_eq!((&restored["revision"], &restored["keys"]), (&6.into(), &2.into()), "{restored}");
        let restored = Server::start(&new, &[]).await;
        assert_eq!(self::pairs(&restored).await, pairs);
        assert_eq!(restored.ctl("get a --rev=3").await.done(), past);
        restored.ctl("put a next").await.done();
        assert!(restored.ctl("get a -w json").await.done().contains("\"mod_revision\":7"));

        let refused = restore(&file, &folder.path().join("old"), &[]).await;
        assert_eq!(refused.code, Some(2), "a directory that is not empty was taken: {refused:?}");
    })
    .await;
}

#[tokio::test]
async fn revisions_can_be_raised() {
    within(LIMIT, async {
        let folder = folder();
        let file = folder.path().join("snapshot");
        let server = history(&folder.path().join("old")).await;
        server.store(&format!("snapshot {}", file.display())).await.done();
        let new = folder.path().join("new");
        let flags = ["--bump-revision=1000", "--mark-compacted"];
        let restored = json(&restore(&file, &new, &flags).await.done());
        assert_eq!(restored["revision"], 1006, "{restored}");
        let restored = Server::start(&new, &[]).await;
        assert_eq!(restored.ctl("get '' --prefix").await.done(), server.ctl("get '' --prefix").await.done());
        let watch = restored.ctl("watch a --rev=4").await;
        assert!(
            watch.stderr.contains("has been compacted"),
            "a client that lived on must begin anew: {watch:?}"
        );
        let watch = restored.ctl("watch a --rev=500").await;
        assert!(watch.stderr.contains("has been compacted"), "{watch:?}");
        restored.ctl("put a next").await.done();
        assert!(restored.ctl("get a -w json").await.done().contains("\"mod_revision\":1007"));
        let refused = restore(&file, &folder.path().join("no"), &["--mark-compacted"]).await.failed(2);
        assert!(refused.contains("--bump-revision"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn damage_is_found() {
    within(LIMIT, async {
        let folder = folder();
        let file = folder.path().join("snapshot");
        let server = history(&folder.path().join("old")).await;
        server.store(&format!("snapshot {}", file.display())).await.done();
        let whole = fs::read(&file).expect("the snapshot can be read");
        let bad = folder.path().join("bad");
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in
            [&flipped[..], &whole[..whole.len() - 1], &whole[..whole.len() / 2], b"", b"no snapshot"]
        {
            fs::write(&bad, damaged).expect("a file can be written");
            let new = folder.path().join("new");
            let refused = restore(&bad, &new, &[]).await;
            assert_eq!(refused.code, Some(3), "{} bytes: {refused:?}", damaged.len());
            assert!(!new.exists() || fs::read_dir(&new).is_ok_and(|mut entries| entries.next().is_none()));
            let mut check = stanchion();
            let refused = run(check.args(["store", "check", "--snapshot"]).arg(&bad)).await;
            assert_eq!(refused.code, Some(3), "{} bytes: {refused:?}", damaged.len());
        }
        let missing = restore(&folder.path().join("none"), &folder.path().join("new"), &[]).await;
        assert_eq!(missing.code, Some(5), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn a_damaged_store_is_found() {
    within(LIMIT, async {
        let folder = folder();
        let data_dir = folder.path().join("data");
        history(&data_dir).await.terminate().await;
        check(&data_dir).await.done();
        let mut damaged = 0;
        for entry in fs::read_dir(&data_dir).expect("a folder can be read").flatten() {
            let Ok(whole) = fs::read(entry.path()) else { continue };
            if whole.len() < 200 || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let mut flipped = whole.clone();
            flipped[whole.len() / 3] ^= 1;
            fs::write(entry.path(), &flipped).expect("a file can be written");
            let found = check(&data_dir).await;
            assert_eq!(found.code, Some(3), "{:?}: {found:?}", entry.path());
            let refused = Server::refused("http://127.0.0.1:0", &data_dir, &[]).await;
            assert_eq!(refused.code, Some(3), "{:?}: {refused:?}", entry.path());
            fs::write(entry.path(), &whole).expect("a file can be written");
            damaged += 1;
        }
        assert!(damaged > 0, "the data has a place in {}", data_dir.display());
        check(&data_dir).await.done();
        let missing = check(&folder.path().join("none")).await;
        assert_eq!(missing.code, Some(2), "{missing:?}");
    })
    .await;
}

/// Two keys at revision 6, with a past and a lease.
async fn history(data_dir: &Path) -> Server {
    let server = Server::start(data_dir, &[]).await;
    let granted = server.ctl("lease grant 1000").await.done();
    let id = granted.split(' ').nth(1).expect("etcdctl tells the id");
    for words in ["put a 1", "put a 2", "put b 1", "del b", &format!("put b 2 --lease={id}")] {
        server.ctl(words).await.done();
    }
    server
}

/// Returns all pairs, without what the answering server says of itself.
async fn pairs(server: &Server) -> Value {
    let said = json(&server.ctl(ALL).await.done());
    assert_eq!(said["header"]["revision"], 6, "{said}");
    said["kvs"].clone()
}

async fn restore(file: &Path, data_dir: &Path, flags: &[&str]) -> Outcome {
    let mut command = stanchion();
    command.args(["store", "restore", "--output=json"]).arg(file).arg("--data-dir").arg(data_dir).args(flags);
    run(&mut command).await
}

async fn check(data_dir: &Path) -> Outcome {
    let mut command = stanchion();
    run(command.args(["store", "check", "--data-dir"]).arg(data_dir)).await
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}
