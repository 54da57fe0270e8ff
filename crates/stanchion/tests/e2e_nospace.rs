//! The quota: what is refused when the store is full, what goes on, and how it gets room again.

#[cfg(test)]
mod support;

use std::time::Duration;

use serde_json::Value;
use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use support::command::{Session, run_with};
use support::server::{Server, folder};
use support::{command, http, wait_for, within};
use tonic::{Code, Status};

const LIMIT: Duration = Duration::from_secs(100);
const QUOTA: u64 = 16 * 1024 * 1024;
/// Large enough to be done soon, small enough for a request.
const VALUE: usize = 512 * 1024;
const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";

#[tokio::test]
async fn a_full_store_is_emptied_by_hand() {
    within(LIMIT, async {
        let folder = folder();
        let quota = QUOTA.to_string();
        let flags = ["--quota-backend-bytes", &quota, "--defrag-free-share", "0"];
        let server = Server::start(&folder.path().join("data"), &flags).await;
        assert_eq!(http::get(server.endpoint(), "/health").await.code, 200);
        let revision = fill(&server).await;

        alarm_is_shown(&server).await;
        writes_are_refused(&server).await;
        reads_and_deletions_go_on(&server, revision).await;

        // Without room, disarming lets nothing in for good.
        server.ctl("alarm disarm").await.done();
        assert_eq!(server.ctl("alarm list").await.done(), "");
        fill(&server).await;
        assert!(server.ctl("put k v").await.failed(1).contains(NO_SPACE));
        alarm_is_shown(&server).await;

        room_is_made(&server).await;
        // The alarm stays until it is disarmed.
        assert!(server.ctl("put k v").await.failed(1).contains(NO_SPACE));
        assert!(server.ctl("alarm disarm").await.done().contains("alarm:NOSPACE"));
        assert_eq!(server.ctl("alarm list").await.done(), "");
        let health = http::get(server.endpoint(), "/health").await;
        assert_eq!((health.code, health.body.contains("\"health\":\"true\"")), (200, true), "{health:?}");
        server.ctl("put k v").await.done();
        assert_eq!(server.ctl("get k").await.done(), "k\nv\n");
        assert!(server.ctl("lease grant 60").await.done().contains("granted"));
    })
    .await;
}

#[tokio::test]
async fn the_alarm_survives_a_restart() {
    within(LIMIT, async {
        let folder = folder();
        let quota = QUOTA.to_string();
        let flags = ["--quota-backend-bytes", quota.as_str(), "--defrag-free-share", "0"];
        let server = Server::start(folder.path(), &flags).await;
        fill(&server).await;
        server.kill().await;
        let server = Server::start(folder.path(), &flags).await;
        alarm_is_shown(&server).await;
        assert!(server.ctl("put k v").await.failed(1).contains(NO_SPACE));
        server.terminate().await;
        // More room by itself does not disarm.
        let server = Server::start(folder.path(), &["--quota-backend-bytes", "-1"]).await;
        alarm_is_shown(&server).await;
        server.ctl("alarm disarm").await.done();
        server.ctl("put k v").await.done();
    })
    .await;
}

#[tokio::test]
async fn space_is_given_back_by_itself() {
    within(LIMIT, async {
        let folder = folder();
        let flags = ["--defrag-free-share", "0.5", "--defrag-min-bytes", "1"];
        let server = Server::start(folder.path(), &flags).await;
        let revision = write(&server, 24).await.expect("there is no quota to meet");
        let full = size(&server).await;
        assert!(full > 24 * VALUE as u64, "nothing is given back of a history that is kept: {full}");
        server.ctl(&format!("compaction {revision}")).await.done();
        let left = wait_for("the store does not shrink", async || {
            let size = size(&server).await;
            (size < full / 2).then_some(size)
        })
        .await;
        assert!(left > 3 * VALUE as u64, "the newest values are kept: {left}");
        let values = server.ctl("get '' --prefix --keys-only").await.done();
        assert_eq!(values.matches("full/").count(), 4, "{values}");
        assert!(server.log().contains("defragmented by schedule"), "{}", server.log());
        assert!(server.metric("etcd_disk_backend_defrag_duration_seconds_count").await >= 1.0);
    })
    .await;
}

/// Writes until the store is full; returns the newest revision.
async fn fill(server: &Server) -> i64 {
    let refused = write(server, 2 * usize::try_from(QUOTA).unwrap_or(0) / VALUE).await;
    let refused = refused.expect_err("the quota is never reached");
    assert_eq!((refused.code(), refused.message()), (Code::ResourceExhausted, NO_SPACE));
    let size = size(server).await;
    assert!(size > QUOTA * 9 / 10 && size <= QUOTA, "full at {size} bytes of {QUOTA}");
    status(server).await["header"]["revision"].as_i64().expect("a status has a revision")
}

/// Puts large values over four keys; returns the newest revision.
async fn write(server: &Server, puts: usize) -> Result<i64, Status> {
    let mut client = KvClient::new(server.channel().await);
    let mut revision = 0;
    for number in 0..puts {
        let key = format!("full/{}", number % 4).into();
        let value = vec![u8::try_from(number % 256).unwrap_or(0); VALUE].into();
        let answer = client.put(pb::PutRequest { key, value, ..pb::PutRequest::default() }).await?;
        revision = answer.into_inner().header.expect("answers have a header").revision;
    }
    Ok(revision)
}

async fn alarm_is_shown(server: &Server) {
    assert!(server.ctl("alarm list").await.done().contains("alarm:NOSPACE"));
    let shown = server.ctl("endpoint status").await.done();
    assert!(shown.contains("alarm:NOSPACE"), "{shown}");
    let health = http::get(server.endpoint(), "/health").await;
    assert_eq!(health.code, 503, "{health:?}");
    assert!(health.body.contains("\"health\":\"false\"") && health.body.contains("NOSPACE"), "{health:?}");
    assert_eq!(http::get(server.endpoint(), "/health?exclude=NOSPACE").await.code, 200);
    for path in ["/livez", "/readyz"] {
        assert_eq!(http::get(server.endpoint(), path).await.code, 200, "a restart would not help: {path}");
    }
    let checked = server.store("status --check").await;
    assert!(checked.failed(3).contains("NOSPACE"));
}

async fn writes_are_refused(server: &Server) {
    for words in ["put k v", "put full/0 ''", "lease grant 60"] {
        assert!(server.ctl(words).await.failed(1).contains(NO_SPACE), "{words}");
    }
    for script in ["\nput k v\n\n\n", "version(\"none\") > \"0\"\n\n\nput k v\n\n"] {
        let mut ctl = command::etcdctl(server.endpoint());
        assert!(run_with(script, ctl.arg("txn")).await.failed(1).contains(NO_SPACE), "{script}");
    }
}

async fn reads_and_deletions_go_on(server: &Server, revision: i64) {
    let keys = server.ctl("get full/ --prefix --keys-only").await.done();
    assert_eq!(keys.matches("full/").count(), 4, "{keys}");
    assert_eq!(server.ctl("get none").await.done(), "");
    assert_eq!(server.ctl("del full/0").await.done(), "1\n");
    let mut ctl = command::etcdctl(server.endpoint());
    let said = run_with("\nget full/1 --keys-only\ndel full/1\n\n\n", ctl.arg("txn")).await.done();
    assert!(said.starts_with("SUCCESS") && said.ends_with("1\n"), "{said:?}");
    let newest = status(server).await["header"]["revision"].as_i64();
    assert_eq!(newest, Some(revision + 2), "the two deletions and nothing else took effect");
    let mut watch = Session::ctl(server.endpoint(), "watch full/0 --rev=1 --prefix -w json");
    watch.says("\"type\":1").await;
}

/// Compacts, which frees, and defragments, which shrinks.
async fn room_is_made(server: &Server) {
    let full = size(server).await;
    let newest = status(server).await["header"]["revision"].as_i64().expect("a status has a revision");
    server.ctl(&format!("compaction --physical {newest}")).await.done();
    let compacted = size(server).await;
    assert!(compacted >= full, "compaction alone gives nothing back");
    let in_use = status(server).await["dbSizeInUse"].as_u64().expect("a status has sizes");
    assert!(in_use < 3 * VALUE as u64, "two values are in use: {in_use}");
    let text = server.store("defrag --output=json").await.done();
    let sizes: Value = serde_json::from_str(&text).expect("JSON was asked for");
    assert_eq!(sizes["before"].as_u64(), Some(compacted), "{sizes}");
    let left = size(server).await;
    assert_eq!(sizes["after"].as_u64(), Some(left), "{sizes}");
    assert!(left >= 2 * VALUE as u64 && left < 3 * VALUE as u64, "two values are left: {left}");
    let metric = server.metric("etcd_mvcc_db_total_size_in_bytes").await;
    assert!((metric - Value::from(left).as_f64().unwrap_or(0.0)).abs() < 0.5, "{metric}");
}

async fn size(server: &Server) -> u64 {
    status(server).await["dbSize"].as_u64().expect("a status has sizes")
}

/// Returns what `etcdctl endpoint status` knows.
async fn status(server: &Server) -> Value {
    let text = server.ctl("endpoint status -w json").await.done();
    let statuses: Value = serde_json::from_str(&text).expect("JSON was asked for");
    statuses[0]["Status"].clone()
}
