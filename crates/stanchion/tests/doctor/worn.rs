//! What the doctor says of an etcd that nobody looks after, and of one on a slow disk.

use std::time::Duration;

use serde_json::Value;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::{CompactionRequest, DeleteRangeRequest, PutRequest};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::members::Members;
use crate::report::{doctor, found};
use crate::support::{http, wait_for, within};

const LIMIT: Duration = Duration::from_mins(4);
/// What objects are kept under, and its end.
const EVENTS: (&[u8], &[u8]) = (b"/registry/events/shop/", b"/registry/events/shop0");
/// So many writes are under way at once.
const AT_ONCE: u64 = 200;

fn client(endpoint: &str) -> KvClient<Channel> {
    KvClient::new(Channel::from_shared(endpoint.to_owned()).expect("a URL").connect_lazy())
}

fn put(key: impl Into<Vec<u8>>, length: usize) -> PutRequest {
    PutRequest { key: key.into().into(), value: vec![b'x'; length].into(), ..PutRequest::default() }
}

/// Looks at some checks, and returns what they found, of whatever severity.
async fn look(endpoint: &str, checks: &str) -> (Vec<String>, Value) {
    let (_, report) = doctor(&["--etcd-endpoints", endpoint, "--only", checks]).await;
    assert_eq!(report["notRun"], serde_json::json!([]), "{report:#}");
    let all = ["critical", "warning", "info"].iter().flat_map(|severity| found(&report, severity));
    (all.collect(), report)
}

#[tokio::test]
async fn one_that_nobody_looks_after() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let (endpoint, checks) = (members.endpoint(0), "etcd/compaction,etcd/fillers,etcd/fragmentation");
        let mut etcd = client(endpoint);
        for number in 0..20 {
            etcd.put(put(format!("/registry/pods/shop/pod-{number}"), 1_000_000)).await.expect("written");
        }
        assert_eq!(look(endpoint, checks).await.0, Vec::<String>::new());

        for number in 0..210 {
            let key = [EVENTS.0, number.to_string().as_bytes()].concat();
            etcd.put(put(key, 1_000_000)).await.expect("written");
        }
        let (said, report) = look(endpoint, checks).await;
        assert_eq!(said, ["etcd/fillers"], "{report:#}");
        let summary = report["findings"][0]["summary"].as_str().expect("a summary");
        assert!(
            summary.starts_with("91 % of its ") && summary.ends_with("/registry/events/shop/"),
            "{summary}"
        );

        let mut writers = JoinSet::new();
        for writer in 0..AT_ONCE {
            let mut etcd = client(endpoint);
            writers.spawn(async move {
                for _ in 0..100_000 / AT_ONCE {
                    etcd.put(put(format!("/registry/leases/{writer}"), 10)).await.expect("written");
                }
            });
        }
        while let Some(ended) = writers.join_next().await {
            ended.expect("writers do not fail");
        }
        assert_eq!(look(endpoint, checks).await.0, ["etcd/compaction", "etcd/fillers"]);

        let (key, range_end) = (EVENTS.0.to_vec().into(), EVENTS.1.to_vec().into());
        let gone = etcd.delete_range(DeleteRangeRequest { key, range_end, ..DeleteRangeRequest::default() });
        let revision = gone.await.expect("deleted").into_inner().header.expect("a header").revision;
        etcd.compact(CompactionRequest { revision, physical: true }).await.expect("compacted");
        // What is free shows with the next write to the file.
        wait_for("nothing is free", async || {
            etcd.put(put("/registry/leases/0", 10)).await.expect("written");
            let (said, _) = look(endpoint, checks).await;
            (said == ["etcd/fragmentation"]).then_some(())
        })
        .await;
    })
    .await;
}

/// Writes until a member has flushed so often; it is judged from a hundred times on.
async fn write_on(endpoint: &str, times: u64) {
    let mut etcd = client(endpoint);
    let host = endpoint.trim_start_matches("http://");
    let counted = |page: &str, name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let counts =
        ["etcd_disk_wal_fsync_duration_seconds_count", "etcd_disk_backend_commit_duration_seconds_count"];
    loop {
        for _ in 0..20 {
            etcd.put(put("/registry/leases/0", 10)).await.expect("written");
        }
        let page = http::try_get(host, "/metrics").await.expect("metrics").body;
        if counts.iter().all(|name| counted(&page, name) >= times) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_on_a_slow_disk() {
    within(LIMIT, async {
        let checks = "etcd/fsync,etcd/commit";
        let slow = Members::start_slow(Duration::from_millis(40)).await;
        write_on(slow.endpoint(0), 110).await;
        let (said, report) = look(slow.endpoint(0), checks).await;
        assert_eq!(said, ["etcd/commit", "etcd/fsync"], "{report:#}");

        // Memory has nothing to flush to.
        let folder = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
        let flag = format!("--data-dir={}", folder.path().display());
        let quick = Members::start_each(1, &[], None, |_| vec![flag.clone()]).await;
        // Whoever waits for a processor looks slow, too, but not one time in a hundred for ever.
        let mut times = 110;
        loop {
            write_on(quick.endpoint(0), times).await;
            let (said, _) = look(quick.endpoint(0), checks).await;
            if said.is_empty() {
                break;
            }
            println!("{said:?} after {times} times");
            times += 100;
        }
    })
    .await;
}
