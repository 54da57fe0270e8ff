//! What is found only once it has been so for long: a clock that is ahead stands for the time.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::ground::Ground;
use crate::report::{all_told, doctor, doctor_in};
use crate::support::command::run;
use crate::support::within;

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(200);
const BROKEN: &str = include_str!("later/broken.yaml");
const HEALTHY: &str = include_str!("later/healthy.yaml");
/// More than a day, after which a run without a deadline is too long.
const HOURS: u32 = 25;
const CHECKS: &str = "workloads,jobs";

/// What is wrong whenever one looks.
const AT_ONCE: [&str; 4] = [
    "info jobs/no-deadline Namespace broken",
    "warning jobs/cronjob CronJob broken/fails",
    "warning jobs/cronjob CronJob broken/overlaps",
    "warning jobs/cronjob CronJob broken/told",
];
/// What is wrong if it is still so then.
const LATER: [&str; 7] = [
    "critical workloads/unavailable StatefulSet broken/down",
    "warning jobs/cronjob CronJob broken/missed",
    "warning jobs/no-deadline CronJob broken/overlaps",
    "warning workloads/stalled DaemonSet broken/unseen",
    "warning workloads/stalled StatefulSet broken/halfway",
    "warning workloads/unavailable Deployment broken/deaf",
    "warning workloads/unavailable StatefulSet broken/halfway",
];

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Returns the evidence of the finding of a check about a subject that begins so.
fn evidence<'a>(report: &'a Value, check: &str, name: &str, summary: &str) -> &'a Value {
    let mut findings = report["findings"].as_array().expect("a list").iter();
    let own = findings.find(|one| {
        one["check"] == check
            && one["subject"]["name"] == name
            && one["summary"].as_str().is_some_and(|text| text.starts_with(summary))
    });
    &own.unwrap_or_else(|| panic!("{check} does not say {summary:?} of {name}: {report:#}"))["evidence"]
}

/// Writes a time so far ahead.
async fn ahead(how_far: &str) -> String {
    let mut date = tokio::process::Command::new("date");
    let text = run(date.args(["--utc", "--date", how_far, "+%Y-%m-%dT%H:%M:%SZ"])).await.done();
    text.trim().to_owned()
}

/// Begins runs as a controller of CronJobs would, which the ground lacks.
async fn begin_runs(ground: &Ground) {
    for (namespace, cron, job) in [
        ("broken", "overlaps", "overlaps-1"),
        ("broken", "overlaps", "overlaps-2"),
        ("broken", "fails", "fails-1"),
        ("healthy", "held", "held-1"),
        ("healthy", "nightly", "nightly-1"),
    ] {
        ground.kubectl(&format!("create job -n {namespace} --from=cronjob/{cron} {job}")).await.done();
    }
    let status = format!(r#"{{"status": {{"lastScheduleTime": "{}"}}}}"#, ahead("24 hours 55 minutes").await);
    for (namespace, cron) in
        [("broken", "overlaps"), ("broken", "fails"), ("broken", "told"), ("healthy", "nightly")]
    {
        let words = format!(
            "patch cronjob {cron} -n {namespace} --subresource=status --type=merge --patch-file=/dev/stdin"
        );
        ground.kubectl_with(&status, &words).await.done();
    }
    let event = include_str!("later/missed-event.yaml").replace("NOW", &ahead("now").await);
    ground.kubectl_with(&event, "create -f -").await.done();
}

/// Waits until everything is as it stays.
async fn settled(ground: &Ground) {
    for (namespace, jobs) in [("broken", "overlaps-1 overlaps-2"), ("healthy", "held-1")] {
        for job in jobs.split(' ') {
            ground.wait_field(&format!("job/{job} -n {namespace}"), ".status.active", "1").await;
        }
    }
    ground.kubectl("wait -n broken --for=condition=Failed job/fails-1 --timeout=60s").await.done();
    ground.kubectl("wait -n healthy --for=condition=Complete job/nightly-1 --timeout=60s").await.done();
    ground.wait_field("statefulset/halfway -n broken", ".status.updatedReplicas", "1").await;
    for (namespace, label, pods) in
        [("broken", "app=deaf", 2), ("broken", "app=down", 2), ("broken", "app=halfway", 2)]
    {
        let running = vec!["Running"; pods].join(" ");
        let object = format!("pods -n {namespace} -l {label}");
        ground.wait_field(&object, ".items[*].status.phase", &running).await;
    }
    ground.wait_field("statefulset/halfway -n broken", ".status.readyReplicas", "1").await;
    for workload in ["deployment/serves", "statefulset/db"] {
        ground.kubectl(&format!("rollout status -n healthy {workload} --timeout=60s")).await.done();
    }
}

#[tokio::test]
async fn what_lasts_is_found_later_and_what_has_just_begun_is_not() {
    within(LIMIT, async {
        let ground = Ground::start(&["--simulate-nodes", "4", "--node-name", "here", "--no-databases"]).await;
        ground.kubectl("cordon here").await.done();
        ground.apply(HEALTHY).await;
        ground.apply(&BROKEN.replace("READY", "0s")).await;
        ground.kubectl("rollout status -n broken statefulset/halfway --timeout=60s").await.done();
        ground.apply(&BROKEN.replace("READY", "never")).await;
        begin_runs(&ground).await;
        settled(&ground).await;

        let kubeconfig = ground.kubeconfig();
        let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", CHECKS];
        let (_, report) = doctor(&words).await;
        assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
        assert_eq!(all_told(&report), set(&AT_ONCE), "{report:#}");
        let said = evidence(&report, "jobs/cronjob", "told", "runs of it were missed");
        assert_eq!(said[0]["what"], "MissSchedule", "its controller said so: {said:#}");

        let (_, report) = doctor_in(HOURS, &words).await;
        assert_eq!(report["notRun"], Value::Array(Vec::new()), "{report:#}");
        let mut expected = set(&AT_ONCE);
        expected.extend(set(&LATER));
        // What was told a day ago is past.
        expected.remove("warning jobs/cronjob CronJob broken/told");
        assert_eq!(all_told(&report), expected, "{report:#}");
        for (check, name, summary, time) in [
            ("workloads/unavailable", "down", "all of its instances run and none is ready", "25 h"),
            ("workloads/stalled", "halfway", "its update waits", "25 h"),
            ("workloads/stalled", "unseen", "no controller has looked at it", "25 h ago"),
            ("jobs/no-deadline", "overlaps", "it has run for more than a day", "25 h"),
        ] {
            assert_eq!(evidence(&report, check, name, summary)[0]["value"], time, "{report:#}");
        }
        let missed = evidence(&report, "jobs/cronjob", "missed", "runs of it were missed");
        assert_eq!(missed[1]["value"], "never", "{missed:#}");
    })
    .await;
}
