//! What the doctor says of etcd.

use std::time::Duration;

use serde_json::Value;

use crate::members::Members;
use crate::report::{doctor, found};
use crate::support::command::{Outcome, ctl, run, stanchion};
use crate::support::{wait_for, within};
use crate::writer::Writer;

const LIMIT: Duration = Duration::from_secs(100);
const QUOTA: &str = "--quota-backend-bytes=16777216";

/// Writes a few keys over and over until the alarm is raised: what fills it is history.
async fn fill(endpoint: &str) {
    // A word of a command line may be 128 KiB long.
    let value = "x".repeat(120_000);
    for number in 0..300 {
        let command = format!("put /registry/events/shop/event-{} {value}", number % 8);
        if ctl(endpoint, &command).await.code != Some(0) {
            return;
        }
    }
    panic!("36 MB fit into a quota of 16 MiB");
}

#[tokio::test]
async fn three_members_with_nothing_wrong() {
    within(LIMIT, async {
        let members = Members::start(3, &[]).await;
        // One is enough to find the others.
        let (outcome, report) = doctor(&["--etcd-endpoints", members.endpoint(0)]).await;
        // Debian's etcd is of a minor version that gets no corrections: nothing else is said.
        assert_eq!(found(&report, "critical"), Vec::<String>::new(), "{report:#}");
        let warnings = found(&report, "warning");
        assert!(warnings.iter().all(|check| check == "etcd/version"), "{report:#}");
        assert_eq!(found(&report, "info"), Vec::<String>::new(), "{report:#}");
        assert_eq!(report["gaps"], serde_json::json!([]), "{report:#}");
        assert_eq!(outcome.code, Some(i32::from(!warnings.is_empty())), "{outcome:?}");
        let (outcome, report) =
            doctor(&["--etcd-endpoints", members.endpoint(0), "--only", "etcd/alarm,etcd/member"]).await;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(report["run"], serde_json::json!(["etcd/alarm", "etcd/member"]));
    })
    .await;
}

#[tokio::test]
async fn a_full_etcd() {
    within(LIMIT, async {
        let members = Members::start(1, &[QUOTA]).await;
        fill(members.endpoint(0)).await;
        let (outcome, report) = doctor(&["--etcd-endpoints", members.endpoint(0)]).await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert_eq!(found(&report, "critical"), ["etcd/alarm", "etcd/space"], "{report:#}");
        assert_eq!(found(&report, "info"), ["etcd/quorum"], "one member: {report:#}");
        let space =
            report["findings"].as_array().and_then(|all| all.iter().find(|one| one["check"] == "etcd/space"));
        let evidence = space.expect("it is there")["evidence"].to_string();
        assert!(evidence.contains("16.0 MiB") && evidence.contains("as its metrics say"), "{evidence}");
        let table =
            run(stanchion().args(["doctor", "--explain", "--etcd-endpoints", members.endpoint(0)])).await;
        for part in [
            "CRITICAL\n",
            "etcd/alarm",
            "refuses to write",
            "INFO\n",
            "see https://etcd.io/",
            "not asked for",
        ] {
            assert!(table.stdout.contains(part), "{part:?} is not in:\n{}", table.stdout);
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_that_its_leader_lost() {
    within(LIMIT, async {
        let members = Members::start(3, &[]).await;
        let status = |at: usize| ctl(members.endpoint(at), "endpoint status --write-out=json");
        let leads = |outcome: Outcome| {
            let status: Value = serde_json::from_str(&outcome.done()).expect("JSON");
            let status = &status[0]["Status"];
            status["leader"] == status["header"]["member_id"]
        };
        let mut lost = 0;
        while leads(status(lost).await) {
            lost += 1;
        }
        members.signal(lost, "STOP").await;
        let rest = members.endpoint((lost + 1) % 3).to_owned();
        let name = format!("m{lost}");
        // The leader notices once its messages are not taken any more.
        let report = wait_for("the leader lost a member", async || {
            let (_, report) = doctor(&["--etcd-endpoints", &rest, "--only", "etcd/member"]).await;
            found(&report, "critical").contains(&"etcd/member".to_owned()).then_some(report)
        })
        .await;
        let finding = &report["findings"][0];
        assert_eq!(finding["subject"]["name"], name.as_str(), "{report:#}");
        let gaps = report["gaps"].to_string();
        assert!(gaps.contains("no answer for"), "who does not answer is told: {report:#}");
        members.signal(lost, "CONT").await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_no_finding() {
    within(LIMIT, async {
        let (outcome, report) = doctor(&["--etcd-endpoints", "http://127.0.0.1:1"]).await;
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
        let reasons = report["notRun"].to_string();
        assert!(
            reasons.contains("http://127.0.0.1:1: ") && reasons.contains("Connection refused"),
            "{reasons}"
        );
        let missing = run(stanchion().arg("doctor")).await.failed(2);
        assert!(missing.contains("--etcd-endpoints"), "{missing}");
        let words = ["doctor", "--etcd-endpoints", "http://127.0.0.1:1", "--only", "etcd/x"];
        let unknown = run(stanchion().args(words)).await.failed(2);
        assert!(unknown.contains("there is no check \"etcd/x\""), "{unknown}");
        let bare = run(stanchion().args(["doctor", "--etcd-endpoints", "127.0.0.1:2379"])).await.failed(2);
        assert!(bare.contains("is no URL"), "{bare}");
    })
    .await;
}

#[tokio::test]
async fn snapshots_are_looked_for_and_verified() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let folder = crate::support::server::folder();
        let directory = folder.path().to_str().expect("a path").to_owned();
        let looked = async || {
            let words = [
                "--etcd-endpoints",
                members.endpoint(0),
                "--etcd-snapshot-dir",
                &directory,
                "--only",
                "etcd/snapshot",
            ];
            doctor(&words).await.1
        };
        assert_eq!(found(&looked().await, "critical"), ["etcd/snapshot"]);
        let path = format!("{directory}/etcd.snap");
        ctl(members.endpoint(0), &format!("snapshot save {path}")).await.done();
        let report = looked().await;
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
        let mut bytes = std::fs::read(&path).expect("it was saved");
        bytes[5_000] ^= 1;
        std::fs::write(&path, bytes).expect("it can be damaged");
        assert_eq!(found(&looked().await, "critical"), ["etcd/snapshot"], "it is damaged");
    })
    .await;
}

#[tokio::test]
async fn a_full_etcd_is_repaired() {
    within(LIMIT, async {
        let members = Members::start(3, &[QUOTA]).await;
        fill(members.endpoint(0)).await;
        let folder = crate::support::server::folder();
        let snapshot = folder.path().join("before.snap");
        let fix = async |more: &[&str]| {
            let mut command = stanchion();
            command.args(["doctor", "fix", "etcd/alarm", "--etcd-endpoints", members.endpoint(1)]);
            run(command.arg("--snapshot-to").arg(&snapshot).args(more)).await
        };
        let shown = fix(&[]).await;
        let plan = shown.clone().done();
        for part in
            ["1. save a snapshot", "2. compact", "3. defragment m", " lead instead of m", "8. write a key"]
        {
            assert!(plan.contains(part), "{part:?} is not in:\n{plan}");
        }
        assert!(shown.stderr.contains("nothing was done"), "{shown:?}");
        ctl(members.endpoint(0), "put k v").await.failed(1);
        assert!(!snapshot.exists());

        let writer = Writer::start(&members.endpoints());
        let done = fix(&["--yes"]).await;
        let seen = writer.seen().await;
        println!(
            "writes were taken again after {:?}, and then paused {:?} at most",
            seen.first, seen.longest
        );
        assert!(seen.failed > 0 && seen.taken > 0, "{seen:?}");
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stderr.contains("nothing of it is left"), "{done:?}");
        assert!(done.stderr.contains("no write was taken before the alarm was taken back"), "{done:?}");
        for at in 0..3 {
            ctl(members.endpoint(at), &format!("put k v{at}")).await.done();
            assert_eq!(
                ctl(members.endpoint(at), "get --print-value-only /registry/events/shop/event-0")
                    .await
                    .done()
                    .len(),
                120_001
            );
        }
        assert_eq!(ctl(members.endpoint(0), "alarm list").await.done(), "");
        assert_eq!(
            ctl(members.endpoint(0), "get --prefix stanchion.dev/").await.done(),
            "",
            "its key is gone"
        );
        assert!(
            ctl(members.endpoint(0), &format!("snapshot status {}", snapshot.display())).await.code
                == Some(0)
        );
        assert!(fix(&["--yes"]).await.done().is_empty(), "there is nothing to repair");
    })
    .await;
}

/// Writes 12 MB, which nobody needs any more, into a quota of 14 MiB.
async fn nearly_fill(endpoint: &str) {
    let value = "x".repeat(120_000);
    for number in 0..100 {
        ctl(endpoint, &format!("put /registry/events/shop/event-{} {value}", number % 8)).await.done();
    }
    let status = ctl(endpoint, "endpoint status --write-out=json").await.done();
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let revision = &status[0]["Status"]["header"]["revision"];
    ctl(endpoint, &format!("compaction --physical {revision}")).await.done();
}

#[tokio::test]
async fn a_repair_says_for_how_long_nobody_could_write() {
    within(LIMIT, async {
        let members = Members::start(3, &["--quota-backend-bytes=14680064"]).await;
        nearly_fill(members.endpoint(0)).await;
        let folder = crate::support::server::folder();
        let snapshot = folder.path().join("before.snap");
        let fix = async |more: &[&str]| {
            let mut command = stanchion();
            command.args(["doctor", "fix", "etcd/space", "--etcd-endpoints", members.endpoint(0)]);
            run(command.arg("--snapshot-to").arg(&snapshot).args(more)).await
        };
        // Members compact by themselves, and tell of it with a write to their database.
        let plan = wait_for("it is not told that there is something to give back", async || {
            ctl(members.endpoint(0), "put k v").await.done();
            let shown = fix(&[]).await;
            (shown.code == Some(0)).then_some(shown.stdout)
        })
        .await;
        assert!(plan.contains("meanwhile a key of its own is written"), "{plan}");
        let done = fix(&["--yes"]).await;
        assert_eq!(done.code, Some(0), "{done:?}");
        let said = done.stderr.lines().find(|line| line.contains("longest time without a write"));
        let said = said.unwrap_or_else(|| panic!("nothing is said of writes: {done:?}"));
        assert!(!said.contains("none was") && !said.contains("(0 taken"), "{said}");
        let saved = std::fs::read(&snapshot).expect("it is saved");
        let key = b"stanchion.dev/doctor/pause";
        assert!(!saved.windows(key.len()).any(|part| part == key), "the key is not in the snapshot");
        let left = ctl(members.endpoint(0), "get --prefix stanchion.dev/").await.done();
        assert_eq!(left, "", "its keys are gone");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_repaired_while_a_member_is_away() {
    within(LIMIT, async {
        let members = Members::start(3, &[QUOTA]).await;
        fill(members.endpoint(0)).await;
        members.signal(2, "STOP").await;
        let words = ["doctor", "fix", "--yes", "--etcd-endpoints", members.endpoint(0)];
        let refused = run(stanchion().args(words)).await.failed(3);
        assert!(refused.contains("nothing was done") && refused.contains("no answer"), "{refused}");
        assert!(ctl(members.endpoint(0), "alarm list").await.done().contains("NOSPACE"));
        members.signal(2, "CONT").await;
    })
    .await;
}

#[tokio::test]
async fn the_checks_are_listed() {
    let all = run(stanchion().args(["doctor", "checks"])).await.done();
    assert!(all.lines().count() > 10 && all.contains("etcd/space"), "{all}");
    let one = run(stanchion().args(["doctor", "checks", "etcd/space"])).await.done();
    for part in ["A member whose file reaches its quota", "gravest  critical", "see      https://etcd.io"] {
        assert!(one.contains(part), "{part:?} is not in:\n{one}");
    }
    let unknown = run(stanchion().args(["doctor", "checks", "nothing"])).await.failed(2);
    assert!(unknown.contains("there is no check"), "{unknown}");
}
