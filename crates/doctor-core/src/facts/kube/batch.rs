//! Jobs and CronJobs.

use serde::Deserialize;

use super::meta::{Condition, Meta, moment};
use super::workload::PodTemplate;

/// A Job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to do.
    pub spec: JobSpec,
    /// How far it is.
    pub status: JobStatus,
}

/// What a Job is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    /// How long after its end it is kept.
    pub ttl_seconds_after_finished: Option<i64>,
    /// How long it may take.
    pub active_deadline_seconds: Option<i64>,
    /// How often it is tried again; 6 if nothing is said.
    pub backoff_limit: Option<i64>,
    /// Whether it is held back.
    pub suspend: bool,
    /// What its Pods are made from.
    pub template: PodTemplate,
}

/// How far a Job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// How many of its Pods run.
    pub active: i64,
    /// When it began.
    #[serde(deserialize_with = "moment")]
    pub start_time: Option<i64>,
    /// When it was done.
    #[serde(deserialize_with = "moment")]
    pub completion_time: Option<i64>,
    /// `Complete`, `Failed`, …
    pub conditions: Vec<Condition>,
}

/// A CronJob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CronJob {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is to do, and when.
    pub spec: CronJobSpec,
    /// What it did.
    pub status: CronJobStatus,
}

/// What a CronJob is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    /// When.
    pub schedule: String,
    /// `Allow`, `Forbid` or `Replace`.
    pub concurrency_policy: String,
    /// Until how long after its time a run may begin.
    pub starting_deadline_seconds: Option<i64>,
    /// How many runs that went well are kept; 3 if nothing is said.
    pub successful_jobs_history_limit: Option<i64>,
    /// How many that did not; 1 if nothing is said.
    pub failed_jobs_history_limit: Option<i64>,
    /// Whether it is held back.
    pub suspend: bool,
    /// What its Jobs are made from.
    pub job_template: JobTemplate,
}

/// What the Jobs of a CronJob are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct JobTemplate {
    /// The specification.
    pub spec: JobSpec,
}

/// What a CronJob did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobStatus {
    /// When it last began a Job.
    #[serde(deserialize_with = "moment")]
    pub last_schedule_time: Option<i64>,
    /// When one last went well.
    #[serde(deserialize_with = "moment")]
    pub last_successful_time: Option<i64>,
}

impl Job {
    /// Returns when it ended, well or badly.
    pub fn ended(&self) -> Option<i64> {
        let is_end = |condition: &&Condition| {
            matches!(&*condition.kind, "Complete" | "Failed") && condition.status == "True"
        };
        let condition = self.status.conditions.iter().find(is_end);
        self.status.completion_time.or_else(|| condition.and_then(|condition| condition.since))
    }
}
