//! `etcdctl endpoint`, `defrag`, `alarm`, `member`, `move-leader`, `snapshot` and `check`.

use crate::LIMIT;
use crate::support::command::{ctl, etcdctl, run, stanchion};
use crate::support::server::folder;
use crate::support::transcript::{FORMATS, Pair, both};
use crate::support::{long, within};

#[tokio::test]
async fn endpoints() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        pair.done("put a 1").await;
        for format in FORMATS {
            pair.write_out(format);
            pair.done("endpoint health").await;
            pair.done("endpoint health --cluster").await;
            pair.done("defrag").await;
            pair.refused("move-leader 99", "bad leader transferee").await;
        }
        pair.write_out("simple");
        pair.done("alarm list").await;
        pair.done("alarm disarm").await;
        for said in both(&pair, "endpoint status").await {
            let said = said.done();
            let fields: Vec<&str> = said.trim_end_matches('\n').split(", ").collect();
            assert_eq!(fields.len(), 10, "{said}");
            assert_eq!(&fields[4..6], ["true", "false"], "the one member leads and learns not: {said}");
        }
    })
    .await;
}

#[tokio::test]
async fn urls_are_endpoints_too() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        pair.done("put a 1").await;
        for endpoint in pair.endpoints() {
            let url = format!("http://{endpoint}");
            for words in ["endpoint status", "endpoint health", "endpoint hashkv", "get a", "defrag"] {
                ctl(&url, words).await.done();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn members() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        // etcd has a peer's address, which the store has not; the rest is alike.
        let [etcd, ours] = both(&pair, "member list").await.map(|said| {
            let said = said.done();
            let fields: Vec<String> = said.trim().split(", ").map(str::to_owned).collect();
            assert_eq!(fields.len(), 6, "{said}");
            fields
        });
        assert_eq!((&ours[1..3], ours[3].as_str(), &ours[5]), (&etcd[1..3], "", &etcd[5]));
        assert_eq!(ours[4], format!("http://{}", pair.ours.endpoint()));
        let refused = pair.ours.ctl("member add other --peer-urls=http://127.0.0.1:1").await.failed(1);
        assert!(refused.contains("this store has one member"), "{refused}");
        let refused = pair.ours.ctl(&format!("member remove {}", ours[0])).await.failed(1);
        assert!(refused.contains("this store has one member"), "{refused}");
        pair.refused("member remove 99", "member not found").await;
    })
    .await;
}

#[tokio::test]
async fn snapshots_are_saved() {
    within(LIMIT, async {
        let (pair, files) = (Pair::start().await, folder());
        pair.done("put a 1").await;
        let saved = files.path().join("ours.snapshot");
        let mut command = etcdctl(pair.ours.endpoint());
        let said = run(command.args(["snapshot", "save"]).arg(&saved)).await.done();
        assert_eq!(said, format!("Snapshot saved at {}\n", saved.display()));
        let mut command = stanchion();
        let checked = run(command.args(["store", "check", "--output=json", "--snapshot"]).arg(&saved)).await;
        assert!(checked.done().contains("\"revision\": 2"));
        // The file is the store's own kind and not etcd's database, and etcd's tool says so instead of misreading it.
        let mut command = etcdctl(pair.ours.endpoint());
        let refused = run(command.args(["snapshot", "status"]).arg(&saved)).await.failed(1);
        assert!(refused.contains("invalid database"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn the_performance_check_ends() {
    if !long() {
        return;
    }
    within(LIMIT, async {
        let pair = Pair::start().await;
        // A slow disk may fail the check, which is then said.
        let checked = pair.ours.ctl("check perf --load=s --command-timeout=90s").await;
        assert!(checked.stdout.contains("PASS") || checked.stdout.contains("FAIL"), "{checked:?}");
    })
    .await;
}
