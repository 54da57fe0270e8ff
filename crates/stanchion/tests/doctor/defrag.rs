//! `stanchion etcd defrag`, while a client keeps writing.

use std::time::Duration;

use serde_json::Value;

use crate::members::Members;
use crate::support::command::{Outcome, ctl, run, stanchion};
use crate::support::{wait_for, within};
use crate::writer::Writer;

const LIMIT: Duration = Duration::from_secs(100);

async fn defrag(endpoint: &str, words: &[&str]) -> Outcome {
    let mut command = stanchion();
    command.args(["--output", "json", "etcd", "defrag", "--etcd-endpoints", endpoint]).args(words);
    run(&mut command).await
}

fn parse(outcome: Outcome) -> Value {
    serde_json::from_str(&outcome.done()).expect("JSON")
}

/// Writes 12 MB, deletes them and has history compacted, so that nearly all of every file is free.
async fn fragment(endpoint: &str) {
    let value = "x".repeat(120_000);
    for number in 0..100 {
        ctl(endpoint, &format!("put /registry/events/shop/event-{number} {value}")).await.done();
    }
    ctl(endpoint, "del --prefix /registry/events/").await.done();
    let status: Value =
        serde_json::from_str(&ctl(endpoint, "endpoint status --write-out=json").await.done()).expect("JSON");
    let revision = &status[0]["Status"]["header"]["revision"];
    ctl(endpoint, &format!("compaction --physical {revision}")).await.done();
    // Members compact by themselves, and tell of it with a write to their database.
    wait_for("what is free is told of", async || {
        ctl(endpoint, "put k v").await.done();
        let words = ["--output", "json", "etcd", "status", "--etcd-endpoints", endpoint];
        let status: Value = serde_json::from_str(&run(stanchion().args(words)).await.done()).expect("JSON");
        let mut members = status["members"].as_array().expect("members").iter();
        members.all(|member| member["freeShare"].as_f64() > Some(0.9)).then_some(())
    })
    .await;
}

/// Returns name, role and size of all members.
async fn look(members: &Members) -> Vec<(String, String, u64)> {
    let words = ["--output", "json", "etcd", "status", "--etcd-endpoints", members.endpoint(0)];
    let status: Value = serde_json::from_str(&run(stanchion().args(words)).await.done()).expect("JSON");
    let of = |line: &Value, name: &str| line[name].as_str().expect("a text").to_owned();
    let lines = status["members"].as_array().expect("members").iter();
    lines.map(|line| (of(line, "name"), of(line, "role"), line["size"].as_u64().expect("a size"))).collect()
}

#[tokio::test]
async fn members_are_defragmented_one_by_one_while_a_client_writes() {
    within(LIMIT, async {
        let members = Members::start(3, &[]).await;
        fragment(members.endpoint(0)).await;
        let before = look(&members).await;
        assert!(before.iter().all(|(_, _, size)| *size > 10_000_000), "{before:?}");
        let (leader, ..) = before.iter().find(|(_, role, _)| role == "leader").expect("one leads").clone();

        let shown = parse(defrag(members.endpoint(0), &["--when", "freeShare > 0.5 && size > 1MiB"]).await);
        let steps: Vec<_> =
            shown["steps"].as_array().expect("steps").iter().map(|step| &step["step"]).collect();
        assert_eq!(steps, ["defragment", "defragment", "moveLeader", "defragment", "probe"], "{shown:#}");
        assert_eq!(shown["steps"][3]["name"], leader.as_str(), "{shown:#}");
        assert_eq!((&shown["done"], look(&members).await), (&serde_json::json!([]), before.clone()));

        let writer = Writer::start(&members.endpoints());
        let done = parse(defrag(members.endpoint(0), &["--yes", "--measure-pause"]).await);
        let seen = writer.seen().await;
        println!(
            "a client that kept writing waited {:?} at most: {seen:?}; {}",
            seen.longest, done["writes"]
        );
        assert!(seen.taken > 0 && done["writes"]["taken"].as_u64() > Some(0), "{seen:?} {done:#}");
        let after = look(&members).await;
        assert!(after.iter().all(|(_, _, size)| *size < 1_000_000), "{after:?}");
        let (now, ..) = after.iter().find(|(_, role, _)| role == "leader").expect("one leads");
        assert_ne!(now, &leader, "another leads now");
        let left = ctl(members.endpoint(0), "get --prefix stanchion.dev/").await.done();
        assert_eq!(left, "", "its keys are gone");

        let again = defrag(members.endpoint(0), &["--yes", "--when", "freeShare > 0.9 && size > 1MiB"]).await;
        assert!(again.stderr.contains("there is nothing to do"), "{again:?}");
        assert_eq!(parse(again)["leftAlone"].as_array().map(Vec::len), Some(3));
    })
    .await;
}

#[tokio::test]
async fn only_who_is_named_is_touched() {
    within(LIMIT, async {
        let members = Members::start(3, &[]).await;
        fragment(members.endpoint(0)).await;
        let (follower, ..) =
            look(&members).await.into_iter().find(|(_, role, _)| role == "follower").expect("one follows");
        parse(defrag(members.endpoint(0), &["--yes", "--member", &follower]).await);
        for (name, _, size) in look(&members).await {
            assert_eq!(size < 1_000_000, name == follower, "{name} has {size}");
        }
        let unknown = defrag(members.endpoint(0), &["--member", "m7"]).await.failed(3);
        assert!(unknown.contains("there is no member \"m7\""), "{unknown}");
        let wrong = defrag(members.endpoint(0), &["--when", "freeShare > 50%"]).await.failed(2);
        assert!(wrong.contains("at character 15"), "{wrong}");
        members.signal(2, "STOP").await;
        let refused = defrag(members.endpoint(0), &["--yes"]).await.failed(3);
        assert!(refused.contains("nothing was done") && refused.contains("no answer"), "{refused}");
        members.signal(2, "CONT").await;
    })
    .await;
}
