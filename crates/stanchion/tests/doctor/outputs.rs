//! The forms of reports, what is exempt, and what is compared with earlier reports: on a real etcd of one member.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::members::Members;
use crate::report::{doctor, found};
use crate::support::command::{Outcome, run, stanchion};
use crate::support::server::folder;
use crate::support::within;

const LIMIT: Duration = Duration::from_secs(100);

/// Runs the doctor on what one member is: worth knowing, and found every time.
async fn quorum(members: &Members, words: &[&str]) -> Outcome {
    let mut command = stanchion();
    command.args(["doctor", "--etcd-endpoints", members.endpoint(0), "--only", "etcd/quorum,exemptions"]);
    run(command.args(words)).await
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file is written");
    path.to_str().expect("a path").to_owned()
}

#[tokio::test]
async fn every_form_has_the_finding() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        for (form, parts) in [
            ("table", ["INFO\n", "etcd/quorum"]),
            ("json", ["\"check\": \"etcd/quorum\"", "\"fingerprint\": \""]),
            ("yaml", ["findings: [", "etcd/quorum"]),
            ("sarif", ["\"version\": \"2.1.0\"", "\"ruleId\": \"etcd/quorum\""]),
            ("junit", ["<testsuites name=\"stanchion doctor\"", "classname=\"etcd/quorum\""]),
            ("markdown", ["## Info", "### etcd/quorum"]),
            ("html", ["<!DOCTYPE html>", "<code>etcd/quorum</code>"]),
            (
                "prometheus",
                [
                    "# TYPE stanchion_doctor_findings gauge",
                    "stanchion_doctor_findings{check=\"etcd/quorum\",severity=\"info\"} 1",
                ],
            ),
        ] {
            let said = quorum(&members, &["--output", form]).await.done();
            for part in parts {
                assert!(said.contains(part), "{part:?} is not in {form}:\n{said}");
            }
        }
        let refused = run(stanchion().args(["version", "--output", "sarif"])).await.failed(2);
        assert!(refused.contains("`stanchion doctor`"), "{refused}");
        let refused = run(stanchion().args(["doctor", "checks", "--output", "html"])).await.failed(2);
        assert!(refused.contains("table, json or yaml"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_report_in_a_file_and_the_table_beside_it() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let folder = folder();
        let file = write(folder.path(), "report", "what was there before");
        let outcome =
            quorum(&members, &["--output", "sarif", "--output-file", &file, "--fail-on", "info"]).await;
        assert!(outcome.code == Some(1) && outcome.stdout.starts_with("INFO\n"), "{outcome:?}");
        let log: Value = serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
        assert_eq!(log["runs"][0]["results"][0]["level"], "note");
        let missing = folder.path().join("nowhere/report");
        let words = ["--output", "html", "--output-file", missing.to_str().expect("a path")];
        assert!(quorum(&members, &words).await.failed(5).contains("cannot write"));
    })
    .await;
}

#[tokio::test]
async fn what_is_exempt_is_counted_until_that_ends() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let folder = folder();
        let file = write(
            folder.path(),
            "exemptions.yaml",
            "- check: etcd/quorum\n  kind: etcd\n  reason: a machine for tests\n  expires: 2999-12-31\n",
        );
        let words = ["--exemptions", &file, "--fail-on", "info", "--output", "json"];
        let report: Value = serde_json::from_str(&quorum(&members, &words).await.done()).expect("JSON");
        assert_eq!(report["findings"], json!([]));
        let exempted = &report["exempted"][0];
        assert_eq!(
            (&exempted["check"], &exempted["count"]),
            (&json!("etcd/quorum"), &json!(1)),
            "{report:#}"
        );
        assert_eq!(exempted["by"], format!("{file}, entry 1"));

        write(
            folder.path(),
            "exemptions.yaml",
            "- check: etcd\n  name: clus*\n  reason: a machine for tests\n  expires: 2026-01-31\n",
        );
        let (_, report) = doctor(&["--etcd-endpoints", members.endpoint(0), "--exemptions", &file]).await;
        let info = found(&report, "info");
        assert_eq!(info, ["etcd/quorum", "exemptions/expired"], "{report:#}");

        let wrong = write(folder.path(), "wrong.yaml", "- check: etcd/quorum\n");
        let refused = quorum(&members, &["--exemptions", &wrong]).await.failed(2);
        assert!(refused.contains("entry 1") && refused.contains("reason"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn only_what_is_new_since_a_baseline() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let folder = folder();
        let file = folder.path().join("baseline.json");
        let file = file.to_str().expect("a path");
        let strict = ["--fail-on", "info", "--output", "json"];
        let written = quorum(&members, &[&strict[..], &["--write-baseline", file]].concat()).await;
        assert_eq!(written.code, Some(1), "{written:?}");
        let again = quorum(&members, &[&strict[..], &["--since-baseline", file]].concat()).await;
        let report: Value = serde_json::from_str(&again.done()).expect("JSON");
        assert_eq!((&report["findings"], &report["since"]["known"]), (&json!([]), &json!(1)), "{report:#}");

        // What the baseline knows besides: one that a look would find, and one that nobody looks for.
        let mut baseline: Value = serde_json::from_str(&fs::read_to_string(file).expect("a file")).expect("JSON");
        let of = |check: &str| {
            let (fingerprint, summary) = ("0".repeat(32), "it was there");
            json!({"fingerprint": fingerprint, "check": check, "severity": "warning", "subject": "x", "summary": summary})
        };
        baseline["findings"] = json!([of("etcd/quorum"), of("certs/expiry")]);
        fs::write(file, baseline.to_string()).expect("a file is written");
        let changed = quorum(&members, &["--since-baseline", file, "--skip", "exemptions"]).await.done();
        for part in ["INFO\n", "  gone: etcd/quorum  x: it was there", "  not looked at: certs/expiry  x: it was there", "1 info new"] {
            assert!(changed.contains(part), "{part:?} is not in:\n{changed}");
        }
        fs::write(file, "{}").expect("a file is written");
        assert!(quorum(&members, &["--since-baseline", file]).await.failed(2).contains("cannot read the baseline"));
    })
    .await;
}

#[tokio::test]
async fn what_is_skipped_is_not_run() {
    within(LIMIT, async {
        let members = Members::start(1, &[]).await;
        let (_, report) =
            doctor(&["--etcd-endpoints", members.endpoint(0), "--skip", "etcd/version,certs"]).await;
        let run = report["run"].to_string();
        assert!(
            run.contains("etcd/quorum") && !run.contains("etcd/version") && !run.contains("certs/"),
            "{run}"
        );
        assert!(!report["notRun"].to_string().contains("certs/"), "{report:#}");
        let nothing = quorum(&members, &["--skip", "etcd,exemptions"]).await.failed(2);
        assert!(nothing.contains("--skip leaves no check"), "{nothing}");
    })
    .await;
}
