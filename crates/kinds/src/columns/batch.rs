//! The columns of Jobs and of what starts them by the clock.

use serde_json::Value;

use super::read::Read;
use super::workloads::{CONTAINERS, IMAGES, SELECTOR, containers};
use super::{Column, Columns, age, selector};

/// Returns the columns of a kind of this file.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "Job" => &JOB,
        "CronJob" => &CRON_JOB,
        _ => return None,
    })
}

static JOB: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Status", "How far the job has come."),
        Column::text("Completions", "How many of the Pods it needs have succeeded."),
        Column::text("Duration", "How long the job has taken."),
        Column::age(),
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    |job, now| {
        let (names, images) = containers(job.at("spec.template"));
        vec![
            job.text("metadata.name").into(),
            job_status(job).into(),
            completions(job).into(),
            duration(job, now).into(),
            age::of(job, now).into(),
            names,
            images,
            selector::selector(job.at("spec.selector")).into(),
        ]
    },
);

fn job_status(job: &Value) -> &'static str {
    let conditions = job.list("status.conditions");
    let holds = |kind: &str| {
        let first = conditions.iter().find(|condition| condition.text("type") == kind);
        first.is_some_and(|condition| condition.text("status") == "True")
    };
    let deleted = !job.at("metadata.deletionTimestamp").is_null();
    let states = [
        ("Complete", holds("Complete")),
        ("Failed", holds("Failed")),
        ("Terminating", deleted),
        ("Suspended", holds("Suspended")),
        ("FailureTarget", holds("FailureTarget")),
    ];
    states.iter().find(|(_, is)| *is).map_or("Running", |(status, _)| *status)
}

fn completions(job: &Value) -> String {
    let succeeded = job.int("status.succeeded");
    if let Some(wanted) = job.at("spec.completions").as_i64() {
        return format!("{succeeded}/{wanted}");
    }
    match job.int("spec.parallelism") {
        parallelism @ 2.. => format!("{succeeded}/1 of {parallelism}"),
        ..=1 => format!("{succeeded}/1"),
    }
}

fn duration(job: &Value, now: i64) -> String {
    let Some(start) = age::seconds(job.at("status.startTime")) else { return String::new() };
    let end = age::seconds(job.at("status.completionTime")).unwrap_or(now);
    age::human_duration(end.saturating_sub(start))
}

static CRON_JOB: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Schedule", "When it starts jobs."),
        Column::text("Timezone", "The zone its times are in."),
        Column::boolean("Suspend", "Whether it starts no more jobs."),
        Column::integer("Active", "How many of its jobs are running."),
        Column::text("Last Schedule", "The time since it last started a job."),
        Column::age(),
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    |cron, now| {
        let job = cron.at("spec.jobTemplate.spec");
        let (names, images) = containers(job.at("template"));
        let suspend = match cron.at("spec.suspend").as_bool() {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        };
        let last = cron.at("status.lastScheduleTime");
        vec![
            cron.text("metadata.name").into(),
            cron.text("spec.schedule").into(),
            cron.at("spec.timeZone").as_str().unwrap_or("<none>").into(),
            suspend.into(),
            cron.list("status.active").len().into(),
            if last.is_null() { "<none>".into() } else { age::since(last, now).into() },
            age::of(cron, now).into(),
            names,
            images,
            selector::selector(job.at("selector")).into(),
        ]
    },
);
