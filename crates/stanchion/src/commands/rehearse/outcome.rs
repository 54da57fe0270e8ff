//! What came of a rehearsal.

use anyhow::anyhow;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use stanchion_api::FailoverStatus;
use stanchion_rehearse::{Summary, timeline};

use super::aim::Mode;
use crate::commands::db;
use crate::error::Failure;
use crate::exit::Exit;

/// What came of a rehearsal.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rehearsed {
    pub(super) namespace: String,
    pub(super) cluster: String,
    pub(super) mode: Mode,
    pub(super) old_primary: String,
    pub(super) new_primary: Option<String>,
    /// Whether writes succeeded again in time.
    pub(super) recovered: bool,
    /// Whether the old primary took part again in time.
    pub(super) old_primary_is_back: bool,
    /// The manager's story.
    pub(super) failover: Option<FailoverStatus>,
    /// What the client saw.
    pub(super) client: Summary,
}

/// Lays it out for people.
pub(super) fn tell(rehearsed: &Rehearsed) -> String {
    let story = match &rehearsed.failover {
        Some(story) => db::tell(story, Timestamp::now(), "  "),
        None => "no change of primary\n".to_owned(),
    };
    let gap = match rehearsed.client.gap.ended_by {
        Some(_) => format!("writable again after {:.3} s", rehearsed.client.gap.length().as_secs_f64()),
        None => "not writable again".to_owned(),
    };
    let verdict =
        if rehearsed.client.verdict.is_clean() { "nothing lost, nothing twice" } else { "ROWS ARE WRONG" };
    format!(
        "What the manager did: {story}\nWhat the client saw, in seconds from the harm:\n{}\n{gap}; {verdict}; {} is {}\n",
        timeline::render(&rehearsed.client),
        rehearsed.old_primary,
        if rehearsed.old_primary_is_back { "back" } else { "NOT back" },
    )
}

impl Rehearsed {
    /// Fails if the cluster did not keep what it promises.
    pub(super) fn judge(&self) -> Result<(), Failure> {
        let verdict = &self.client.verdict;
        let unhealthy = |what: String| Err(Failure::new(Exit::Unhealthy, anyhow!(what)));
        if !verdict.is_clean() {
            let (lost, twice, other) = (&verdict.lost, &verdict.twice, &verdict.never_sent);
            let what = format!(
                "{lost} acknowledged rows are lost, {twice} are there twice, {other} were never sent"
            );
            return unhealthy(format!("{what}; the rows of run {} were left as they are", self.client.run));
        }
        if !self.recovered {
            return unhealthy("writes did not succeed again in time".to_owned());
        }
        if !self.old_primary_is_back {
            return unhealthy(format!("{} did not come back in time", self.old_primary));
        }
        Ok(())
    }
}
