//! How etcd grows, and with which timeouts it runs.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::members::Members;
use crate::report::{doctor, found};
use crate::support::command::{ctl, run, stanchion};
use crate::support::server::folder;
use crate::support::within;

const LIMIT: Duration = Duration::from_secs(100);

/// Has the file remember that an hour ago nothing was in use.
fn an_hour_ago(path: &Path) {
    let mut looks: Value = serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("JSON");
    let look = &mut looks["looks"][0];
    look["at"] = json!(look["at"].as_i64().expect("a time") - 3_600);
    look["inUse"].as_object_mut().expect("members").values_mut().for_each(|bytes| *bytes = json!(0));
    std::fs::write(path, looks.to_string()).expect("it is written");
}

#[tokio::test]
async fn an_etcd_that_grows() {
    within(LIMIT, async {
        let members = Members::start(1, &["--quota-backend-bytes=16777216"]).await;
        let folder = folder();
        let path = folder.path().join("looks.json");
        let words = [
            "--etcd-endpoints",
            members.endpoint(0),
            "--etcd-growth-file",
            path.to_str().expect("a path"),
            "--only",
            "etcd/growth",
        ];
        let (outcome, report) = doctor(&words).await;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(report["notRun"].to_string().contains("no look of at least 10 minutes ago"), "{report:#}");
        an_hour_ago(&path);
        let (outcome, report) = doctor(&words).await;
        assert_eq!((outcome.code, &report["findings"]), (Some(0), &json!([])), "{report:#}");
        let value = "x".repeat(120_000);
        for number in 0..50 {
            ctl(members.endpoint(0), &format!("put /registry/events/shop/event-{number} {value}"))
                .await
                .done();
        }
        let (outcome, report) = doctor(&words).await;
        assert_eq!((outcome.code, found(&report, "critical")), (Some(1), vec!["etcd/growth".to_owned()]));
        assert!(report["findings"][0]["evidence"].to_string().contains("more in 60 min"), "{report:#}");

        let short = ["doctor", "--etcd-endpoints", members.endpoint(0), "--etcd-growth", "30"];
        let refused = run(stanchion().args(short)).await.failed(2);
        assert!(refused.contains("600..=86400"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn timeouts_are_read_from_command_lines() {
    within(LIMIT, async {
        let own = |at: usize| vec![format!("--election-timeout={}", if at == 2 { 3_000 } else { 1_000 })];
        let members = Members::start_each(3, &[], None, own).await;
        let words = ["--etcd-endpoints", members.endpoint(0), "--only", "etcd/timing"];
        let (outcome, report) = doctor(&words).await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let finding = &report["findings"][0];
        assert!(
            finding["summary"].as_str().is_some_and(|summary| summary.contains("different")),
            "{report:#}"
        );
        let evidence = finding["evidence"].to_string();
        for part in ["the command line of process", "100 ms, 3.0 s", "election timeout of m2"] {
            assert!(evidence.contains(part), "{part} is not in {evidence}");
        }
    })
    .await;
}

#[tokio::test]
async fn timeouts_are_read_from_a_file() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let folder = folder();
        let path = folder.path().join("etcd.yaml");
        let read = async |text: &str| {
            std::fs::write(&path, text).expect("it is written");
            let file = path.to_str().expect("a path");
            doctor(&["--etcd-endpoints", members.endpoint(0), "--etcd-config", file, "--only", "etcd/timing"])
                .await
        };
        let (outcome, report) = read("name: m0\nheartbeat-interval: 100\n").await;
        assert_eq!((outcome.code, &report["run"]), (Some(0), &json!(["etcd/timing"])), "{report:#}");
        let (outcome, report) = read("name: another\n").await;
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert!(report["gaps"].to_string().contains("no member has that name"), "{report:#}");
        let (outcome, report) = read("kind: Service\n").await;
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert!(report["gaps"].to_string().contains("neither etcd's nor that of a Pod"), "{report:#}");
    })
    .await;
}
