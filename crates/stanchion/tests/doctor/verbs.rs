//! `stanchion etcd status`, `top` and `snapshot`, on the real etcd and on a store of our own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::members::Members;
use crate::report::{doctor, found};
use crate::support::command::{Outcome, ctl, run, stanchion};
use crate::support::server::{Server, folder};
use crate::support::within;

const LIMIT: Duration = Duration::from_secs(100);

/// Runs `stanchion etcd` with words.
async fn etcd(endpoint: &str, words: &[&str]) -> Outcome {
    run(stanchion().args(["--output", "json", "etcd"]).args(words).args(["--etcd-endpoints", endpoint])).await
}

/// As [`etcd`], which has to succeed, and returns what it said.
async fn said(endpoint: &str, words: &[&str]) -> Value {
    serde_json::from_str(&etcd(endpoint, words).await.done()).expect("JSON")
}

/// Writes some keys.
async fn write(endpoint: &str) {
    for number in 0..20 {
        ctl(endpoint, &format!("put /registry/pods/shop/web-{number} {}", "p".repeat(1_000))).await.done();
    }
    ctl(endpoint, &format!("put /registry/secrets/shop/large {}", "s".repeat(100_000))).await.done();
    ctl(endpoint, "put /registry/namespaces/shop x").await.done();
}

#[tokio::test]
async fn the_status_of_three_members() {
    within(LIMIT, async {
        let members = Members::start(3, &["--quota-backend-bytes=1073741824"]).await;
        let status = said(members.endpoint(0), &["status", "--check"]).await;
        let lines = status["members"].as_array().expect("members");
        let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().expect("a name")).collect();
        assert_eq!((names, &status["notRead"]), (vec!["m0", "m1", "m2"], &json!([])));
        let leaders = lines.iter().filter(|line| line["role"] == "leader").count();
        assert_eq!(leaders, 1, "{status:#}");
        for line in lines {
            assert_eq!(line["quota"], 1 << 30, "{line:#}");
            assert!(line["version"].as_str().is_some_and(|version| version.starts_with("3.")), "{line:#}");
            assert!(line["size"].as_u64() >= line["inUse"].as_u64() && line["raftTerm"].as_u64() > Some(0));
            // All run on this machine, so what room their disk has is known.
            assert!(line["diskFree"].as_u64() > Some(0), "{line:#}");
        }
        let table =
            run(stanchion().args(["etcd", "status", "--etcd-endpoints", members.endpoint(1)])).await.done();
        for part in ["NAME", "DISK FREE", "m2", "follower", "1.0 GiB", members.endpoint(2)] {
            assert!(table.contains(part), "{part} is not in:\n{table}");
        }
        members.signal(2, "STOP").await;
        let outcome = etcd(members.endpoint(0), &["status", "--check"]).await;
        assert!(outcome.stdout.contains("\"unknown\""), "{outcome:?}");
        let wrong = outcome.failed(3);
        assert!(wrong.contains("no answer"), "{wrong}");
        members.signal(2, "CONT").await;
        let nobody = etcd("http://127.0.0.1:1", &["status"]).await.failed(4);
        assert!(nobody.contains("no member of http://127.0.0.1:1 answers"), "{nobody}");
    })
    .await;
}

/// Requires that what fills it is told.
async fn tells_what_fills_it(endpoint: &str) {
    write(endpoint).await;
    let top = said(endpoint, &["top", "--limit", "2"]).await;
    assert_eq!((&top["exact"], &top["keys"]), (&json!(true), &json!(22)), "{top:#}");
    let kinds = &top["kinds"];
    assert_eq!(kinds.as_array().map(Vec::len), Some(2), "{top:#}");
    assert_eq!(kinds[0]["prefix"], "/registry/secrets/shop/");
    assert_eq!((&kinds[0]["keys"], &kinds[0]["bytes"]), (&json!(1), &json!(100_028)), "{top:#}");
    assert_eq!((&kinds[1]["prefix"], &kinds[1]["keys"]), (&json!("/registry/pods/shop/"), &json!(20)));
    assert_eq!(top["largest"][0]["key"], "/registry/secrets/shop/large");
    assert_eq!(top["largest"].as_array().map(Vec::len), Some(2));
    let estimate = said(endpoint, &["top", "--estimate"]).await;
    assert_eq!((&estimate["exact"], &estimate["keys"]), (&json!(false), &json!(22)), "{estimate:#}");
    assert_eq!(estimate["largest"], json!([]));
    let table = run(stanchion().args(["etcd", "top", "--etcd-endpoints", endpoint])).await.done();
    assert!(table.contains("22 keys") && table.contains("/registry/secrets/shop/large"), "{table}");
}

#[tokio::test]
async fn what_fills_an_etcd() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        tells_what_fills_it(members.endpoint(0)).await;
    })
    .await;
}

/// Saves a snapshot to a directory, and returns its path.
async fn save(endpoint: &str, directory: &Path, more: &[&str]) -> (String, Value) {
    let words = ["snapshot", "--dir", directory.to_str().expect("a path")];
    let saved = said(endpoint, &[&words, more].concat()).await;
    (saved["file"].as_str().expect("a file").to_owned(), saved)
}

#[tokio::test]
async fn snapshots_are_verified_and_old_ones_removed() {
    within(LIMIT, async {
        let members = Members::start(3, &[]).await;
        write(members.endpoint(0)).await;
        let folder = folder();
        let (file, saved) = save(members.endpoint(0), folder.path(), &[]).await;
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let status = ctl(members.endpoint(0), &format!("snapshot status {file}")).await.done();
        assert!(status.contains(','), "{status}");
        let bytes = std::fs::read(&file).expect("it is there");
        let checksum: Vec<_> = bytes[bytes.len() - 32..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(saved["sha256"], checksum.concat());
        assert_eq!(saved["size"], bytes.len());

        // One of years ago, one of another cluster, and one of somebody else.
        let cluster = file.rsplit_once("etcd-").and_then(|(_, name)| name.split('-').next()).expect("an id");
        let old = folder.path().join(format!("etcd-{cluster}-2020-01-01T000000Z.snap")).display().to_string();
        let others = [folder.path().join("etcd-1-2020-01-01T000000Z.snap"), folder.path().join("mine.snap")];
        std::fs::copy(&file, &old).expect("it is copied");
        for path in &others {
            std::fs::write(path, "x").expect("it is written");
        }
        let (newer, saved) = save_next(members.endpoint(0), folder.path(), &file).await;
        assert_eq!(saved["removed"], json!([old]));
        assert!(others.iter().all(|path| path.exists()) && Path::new(&file).exists());
        assert_ne!(newer, file);

        let to = folder.path().join("one.db");
        let words = ["snapshot", "--to", to.to_str().expect("a path")];
        said(members.endpoint(0), &words).await;
        let again = etcd(members.endpoint(0), &words).await.failed(5);
        assert!(again.contains("is there already"), "{again}");
        let both = etcd(members.endpoint(0), &[&words[..], &["--dir", "/tmp"]].concat()).await;
        assert_eq!(both.code, Some(2), "{both:?}");
    })
    .await;
}

/// Saves a snapshot of a later second than `before`.
async fn save_next(endpoint: &str, directory: &Path, before: &str) -> (String, Value) {
    crate::support::wait_for("a second goes by", async || {
        let words = ["snapshot", "--dir", directory.to_str().expect("a path")];
        let outcome = etcd(endpoint, &words).await;
        if outcome.code == Some(5) {
            assert!(outcome.stderr.contains(before), "{outcome:?}");
            return None;
        }
        let saved: Value = serde_json::from_str(&outcome.done()).expect("JSON");
        Some((saved["file"].as_str().expect("a file").to_owned(), saved))
    })
    .await
}

#[tokio::test]
async fn a_disk_without_room_gets_no_snapshot() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let folder = folder();
        let directory = folder.path().display();
        // In a namespace of its own, so that the mount ends with the command.
        let script = format!(
            "mount -t tmpfs -o size=8k none {directory} && exec {} etcd snapshot --dir {directory} --etcd-endpoints {}",
            env!("CARGO_BIN_EXE_stanchion"),
            members.endpoint(0)
        );
        let mut command = tokio::process::Command::new("unshare");
        let refused = run(command.args(["--map-root-user", "--mount", "sh", "-c", &script])).await.failed(5);
        assert!(refused.contains("left, and the snapshot takes about"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_store_of_our_own_is_looked_after_alike() {
    within(LIMIT, async {
        let data = folder();
        let server = Server::start(data.path(), &[]).await;
        let url = server.url();
        tells_what_fills_it(&url).await;
        let status = said(&url, &["status", "--check"]).await;
        assert_eq!(status["members"][0]["role"], "leader", "{status:#}");
        assert_eq!(status["notRead"], json!([]));

        let backups = folder();
        let (file, _) = save(&url, backups.path(), &[]).await;
        run(stanchion().args(["store", "check", "--snapshot", &file])).await.done();
        let done = said(&url, &["defrag", "--yes", "--when", "size > 0"]).await;
        assert_eq!(done["done"].as_array().map(Vec::len), Some(2), "{done:#}");

        let directory = backups.path().to_str().expect("a path");
        let (_, report) = doctor(&["--etcd-endpoints", &url, "--etcd-snapshot-dir", directory]).await;
        assert_eq!(found(&report, "critical"), Vec::<String>::new(), "{report:#}");
        assert_eq!(found(&report, "warning"), Vec::<String>::new(), "{report:#}");
    })
    .await;
}
