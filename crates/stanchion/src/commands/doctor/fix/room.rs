//! Room in etcd.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::anyhow;
use stanchion_doctor::{Etcd, WritePauses};
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

    /// Returns whether writes are watched meanwhile: a cluster that is full takes none, and trying would raise its alarm again.
    pub(super) fn watches_writes(&self) -> bool {
        let proves = self.plan.steps.iter().any(|step| matches!(step, EtcdStep::Probe { .. }));
        proves && !self.plan.is_full
    }

    /// Does it, and tells of each step, and at the end for how long nobody could write.
    pub(super) async fn carry_out(&self, sources: &Sources, facts: &Facts) -> Result<(), Failure> {
        let plan = &self.plan;
        let (mut at, mut finished) = (0, 0);
        let (start, mut watched) = (Instant::now(), None);
        let what = |number: usize| plan.previews[number].what.as_str();
        let etcd = sources.etcd(false)?;
        let repaired = etcd
            .repair(
                plan,
                |number| {
                    at = number;
                    output::note(&format!("{}. {} …", number + 1, what(number)));
                    // The key that is written is not to be in the snapshot.
                    let is_saved = !matches!(plan.steps[number], EtcdStep::Snapshot { .. });
                    if self.watches_writes() && is_saved && watched.is_none() {
                        watched = watch(&etcd, facts);
                    }
                },
                |done| {
                    finished = done.number + 1;
                    output::note(&format!("   {} ({})", done.said, Seconds(done.took)));
                },
            )
            .await;
        if let Some(watched) = watched {
            output::note(&format!("   {}", watched.stop().await));
        } else if plan.is_full && repaired.is_ok() {
            let lasted = Seconds(start.elapsed());
            output::note(&format!(
                "   no write was taken before the alarm was taken back, which took {lasted}"
            ));
        }
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

fn watch(etcd: &Etcd, facts: &Facts) -> Option<WritePauses> {
    match etcd.watch_writes(facts) {
        Ok(watched) => Some(watched),
        Err(error) => {
            output::note(&format!("   for how long writes wait is not looked at: {error}"));
            None
        }
    }
}
