use serde_json::{Value, json};

use crate::Severity;
use crate::checks::given::{ago as at, finds_of};

fn ended(name: &str, how: &str, ago: i64) -> Value {
    json!({"kind": "Job", "metadata": {"name": name, "namespace": "a"}, "spec": {},
        "status": {"startTime": at(ago + 60), "conditions": [
            {"type": how, "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": at(ago)}]}})
}

fn running(name: &str, ago: i64) -> Value {
    json!({"kind": "Job", "metadata": {"name": name, "namespace": "a"}, "spec": {},
        "status": {"active": 1, "startTime": at(ago)}})
}

fn made_by(mut job: Value, cron: &str) -> Value {
    job["metadata"]["ownerReferences"] = json!([{"kind": "CronJob", "name": cron, "controller": true}]);
    job
}

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
fn cron(spec: Value) -> Value {
    let mut cron = json!({"kind": "CronJob", "metadata": {"name": "backup", "namespace": "a"}, "spec": {
        "schedule": "0 1 * * *", "concurrencyPolicy": "Allow",
        "jobTemplate": {"spec": {"activeDeadlineSeconds": 3600}}}});
    for (key, value) in spec.as_object().expect("fields") {
        cron["spec"][key] = value.clone();
    }
    cron
}

fn found(check: &str, objects: &[Value]) -> Vec<(Severity, String, usize)> {
    let found = finds_of(check, objects).into_iter();
    found.map(|one| (one.severity, one.subject.to_string(), one.count)).collect()
}

#[test]
fn jobs_that_are_kept_for_ever() {
    let jobs = |count: usize| {
        (0..count).map(|number| ended(&format!("j{number}"), "Complete", 60)).collect::<Vec<_>>()
    };
    assert_eq!(found("jobs/no-ttl", &jobs(10)), []);
    assert_eq!(found("jobs/no-ttl", &jobs(11)), [(Severity::Info, "Namespace a".to_owned(), 11)]);
    assert_eq!(found("jobs/no-ttl", &jobs(101)), [(Severity::Warning, "Namespace a".to_owned(), 101)]);
    let of_cron: Vec<Value> = jobs(101).into_iter().map(|job| made_by(job, "backup")).collect();
    assert_eq!(found("jobs/no-ttl", &of_cron), [], "its CronJob cleans up");
    let bounded = |mut job: Value| {
        job["spec"]["ttlSecondsAfterFinished"] = json!(60);
        job
    };
    assert_eq!(found("jobs/no-ttl", &jobs(101).into_iter().map(bounded).collect::<Vec<_>>()), []);
    let running: Vec<Value> = (0..20).map(|number| running(&format!("r{number}"), 60)).collect();
    assert_eq!(found("jobs/no-ttl", &running), []);
    assert_eq!(found("jobs/no-ttl", &[cron(json!({"successfulJobsHistoryLimit": 100}))]).len(), 1);
    assert_eq!(found("jobs/no-ttl", &[cron(json!({"successfulJobsHistoryLimit": 3}))]), []);
}

#[test]
fn jobs_without_a_deadline() {
    assert_eq!(found("jobs/no-deadline", &[cron(json!({}))]), []);
    let without = cron(json!({"jobTemplate": {"spec": {}}}));
    assert_eq!(found("jobs/no-deadline", &[without]), [(Severity::Info, "Namespace a".to_owned(), 1)]);
    let of_pod =
        cron(json!({"jobTemplate": {"spec": {"template": {"spec": {"activeDeadlineSeconds": 60}}}}}));
    assert_eq!(found("jobs/no-deadline", &[of_pod]), []);
    assert_eq!(found("jobs/no-deadline", &[running("r", 3600)]), []);
    assert_eq!(
        found("jobs/no-deadline", &[running("r", 90_000)]),
        [(Severity::Info, "Job a/r".to_owned(), 1)]
    );
    let of_cron = made_by(running("r", 90_000), "backup");
    assert_eq!(
        found("jobs/no-deadline", &[of_cron]),
        [(Severity::Warning, "CronJob a/backup".to_owned(), 1)]
    );
}

#[test]
fn runs_that_overlap() {
    let two = || [made_by(running("r1", 3600), "backup"), made_by(running("r2", 60), "backup")];
    let with = |cron: Value, jobs: &[Value]| found("jobs/cronjob", &[&[cron], jobs].concat());
    assert_eq!(with(cron(json!({})), &two()), [(Severity::Warning, "CronJob a/backup".to_owned(), 2)]);
    assert_eq!(with(cron(json!({})), &two()[..1]), []);
    assert_eq!(with(cron(json!({"concurrencyPolicy": "Forbid"})), &two()), [], "somebody made one by hand");
}

#[test]
fn runs_that_fail_or_do_not_begin() {
    let failed = || made_by(ended("r1", "Failed", 600), "backup");
    let done = |ago: i64| made_by(ended("r2", "Complete", ago), "backup");
    let summaries = |objects: &[Value]| {
        finds_of("jobs/cronjob", objects).into_iter().map(|one| one.summary).collect::<Vec<_>>()
    };
    assert_eq!(summaries(&[cron(json!({})), failed()]), ["its last run failed"]);
    assert_eq!(summaries(&[cron(json!({})), failed(), done(60)]), [""; 0]);
    assert_eq!(summaries(&[cron(json!({})), failed(), done(9000)]), ["its last run failed"]);
    let mut went_well = cron(json!({}));
    went_well["status"] = json!({"lastSuccessfulTime": at(60)});
    assert_eq!(summaries(&[went_well, failed()]), [""; 0], "the Job of it has been cleaned up");
    assert_eq!(summaries(&[cron(json!({"startingDeadlineSeconds": 5}))]).len(), 1);
    assert_eq!(summaries(&[cron(json!({"startingDeadlineSeconds": 60}))]), [""; 0]);

    let event = |reason: &str, ago: i64| {
        json!({"kind": "Event", "metadata": {"name": "e", "namespace": "a"}, "reason": reason, "message": "m",
            "involvedObject": {"kind": "CronJob", "namespace": "a", "name": "backup"}, "lastTimestamp": at(ago)})
    };
    assert_eq!(summaries(&[cron(json!({})), event("TooManyMissedTimes", 60)]), ["runs of it were missed"]);
    for reason in ["UnparseableSchedule", "UnParseableCronJobSchedule", "InvalidSchedule", "UnknownTimeZone"]
    {
        assert_eq!(summaries(&[cron(json!({})), event(reason, 60)]), ["its schedule cannot be followed"]);
    }
    assert_eq!(summaries(&[cron(json!({})), event("TooManyMissedTimes", 100_000)]), [""; 0]);
    assert_eq!(summaries(&[cron(json!({"suspend": true})), event("MissSchedule", 60)]), [""; 0]);
    assert_eq!(summaries(&[event("MissSchedule", 60)]), [""; 0], "it is gone");
}

#[test]
fn runs_that_were_due() {
    let hours = |hours: i64| at(hours * 3600);
    let missed = |schedule: &str, metadata: Value, status: Value, jobs: &[Value]| {
        let mut cron = cron(json!({"schedule": schedule, "concurrencyPolicy": "Forbid"}));
        for (key, value) in metadata.as_object().expect("fields") {
            cron["metadata"][key] = value.clone();
        }
        cron["status"] = status;
        let found = finds_of("jobs/cronjob", &[&[cron], jobs].concat());
        found.into_iter().map(|one| (one.summary, one.evidence[1].value.clone())).collect::<Vec<_>>()
    };
    let young = || json!({"creationTimestamp": hours(1)});
    let old = || json!({"creationTimestamp": hours(900)});
    let told = |last: &str| vec![("runs of it were missed".to_owned(), last.to_owned())];
    let began = |hours: i64| json!({"lastScheduleTime": at(hours * 3600)});
    assert_eq!(missed("*/5 * * * *", young(), json!({}), &[]), told("never"));
    assert_eq!(
        missed("*/5 * * * *", young(), json!({"lastScheduleTime": at(600)}), &[]),
        [],
        "it may be late"
    );
    assert_eq!(missed("0 1 * * *", young(), json!({}), &[]), []);
    assert_eq!(missed("0 1 * * *", old(), began(23), &[]), []);
    assert_eq!(missed("0 1 * * *", old(), began(26), &[]), told("26 h ago"));
    assert_eq!(missed("0 1 * * *", json!({}), began(26), &[]), [], "it was not read whole");
    assert_eq!(missed("no schedule", old(), began(26), &[]), []);
    let held = made_by(running("r1", 3600), "backup");
    assert_eq!(missed("0 1 * * *", old(), began(26), &[held]), [], "one still runs");
    let changed = |subresource: &str| {
        json!({"creationTimestamp": hours(900), "managedFields": [
            {"manager": "kubectl", "operation": "Update", "time": hours(2), "subresource": subresource},
            {"manager": "helm", "operation": "Update", "time": hours(800)}]})
    };
    assert_eq!(missed("0 1 * * *", changed(""), began(26), &[]), [], "it may have been suspended");
    assert_eq!(missed("0 1 * * *", changed("status"), began(26), &[]), told("26 h ago"));
    let mut suspended = cron(json!({"schedule": "*/5 * * * *", "suspend": true}));
    suspended["metadata"]["creationTimestamp"] = json!(hours(900));
    assert_eq!(found("jobs/cronjob", &[suspended]), []);
}

#[test]
fn releases_with_a_long_history() {
    let release = |number: usize| {
        json!({"kind": "Release", "metadata": {"name": format!("sh.helm.release.v1.web.v{number}"), "namespace": "a",
            "labels": {"owner": "helm", "name": "web", "version": number.to_string(), "status": "superseded"}}})
    };
    let of = |count: usize| found("releases/pile", &(1..=count).map(release).collect::<Vec<_>>());
    assert_eq!(of(10), []);
    assert_eq!(of(11), [(Severity::Info, "Release a/web".to_owned(), 1)]);
    assert_eq!(of(31), [(Severity::Warning, "Release a/web".to_owned(), 1)]);
}
