//! Room in etcd.

use std::path::PathBuf;

use anyhow::anyhow;
use stanchion_doctor_core::{EtcdPlan, EtcdStep, Facts, Seconds, plan_etcd};
use stanchion_machinery::time::format_seconds;

use crate::commands::doctor::sources::Sources;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output;

/// The checks whose repair it is.
pub(super) const CHECKS: [&str; 3] = ["etcd/alarm", "etcd/fragmentation", "etcd/space"];

/// What is done to make room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) plan: EtcdPlan,
}

impl Room {
    /// Plans it; or says why nothing is done.
    pub(super) fn plan(facts: &Facts, snapshot: Option<PathBuf>) -> Result<Self, String> {
        let name = || format!("etcd-{}.snap", format_seconds(facts.now).replace(':', "")).into();
        let plan = plan_etcd(facts, &snapshot.unwrap_or_else(name));
        let plan = plan.map_err(|refusals| {
            let why: Vec<_> = refusals.iter().map(ToString::to_string).collect();
            why.join("; ")
        })?;
        Ok(Self { plan })
    }

    /// Does it, and tells of each step.
    pub(super) async fn carry_out(&self, sources: &Sources) -> Result<(), Failure> {
        let plan = &self.plan;
        let (mut at, mut finished) = (0, 0);
        let what = |number: usize| plan.previews[number].what.as_str();
        let etcd = sources.etcd(false)?;
        let repaired = etcd
            .repair(
                plan,
                |number| {
                    at = number;
                    output::note(&format!("{}. {} …", number + 1, what(number)));
                },
                |done| {
                    finished = done.number + 1;
                    output::note(&format!("   {} ({})", done.said, Seconds(done.took)));
                },
            )
            .await;
        repaired.map_err(|error| {
            let is_disarmed = plan.steps[..finished].iter().any(|step| matches!(step, EtcdStep::Disarm { .. }));
            let left = match (plan.is_full, is_disarmed) {
                (true, false) => "the alarm is still raised and writes are refused",
                (true, true) => "the alarm is taken back, but no write has proved it",
                (false, _) => "the cluster takes writes as before",
            };
            let at = at.max(finished.min(plan.steps.len() - 1));
            let error = anyhow!(error).context(format!(
                "stopped at step {} of {} ({}); {finished} are done, {left}",
                at + 1,
                plan.steps.len(),
                what(at)
            ));
            Failure::new(Exit::Failure, error)
                .hint("see to what is wrong, and run the same again with another --snapshot-to: steps that are done do no harm twice")
        })
    }
}
