//! One look at what is to be diagnosed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use stanchion_doctor_core::{Check, Exemption, Facts, Marks, Report, Severity, diagnose};
use stanchion_doctor_report::Document;
use tokio::time::interval;

use super::sources::Sources;
use crate::error::Failure;
use crate::output::live;

/// How often a person is told that it goes on.
const TICK: Duration = Duration::from_millis(500);

/// What to look at, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct What<'a> {
    pub(super) sources: &'a Sources,
    pub(super) checks: &'a [&'static Check],
    pub(super) exemptions: &'a [Exemption],
}

/// What came of a look.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) report: Report,
    /// When it began, in seconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) took: Duration,
}

impl Look {
    /// Returns the report with what is said beside it.
    pub(super) fn document(&self, fails_from: Option<Severity>) -> Document<'_> {
        let version = env!("CARGO_PKG_VERSION");
        Document { report: &self.report, at: self.at, took: self.took, version, fails_from }
    }
}

impl What<'_> {
    /// Reads what the checks need, and runs them.
    pub(super) async fn look(&self) -> Result<Look, Failure> {
        let began = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
        let at = i64::try_from(now.as_secs()).context("the clock stands too far ahead")?;
        let mut facts = Facts::new(at);
        let mut labels = BTreeSet::new();
        self.exemptions.iter().for_each(|exemption| exemption.wanted_labels(&mut labels));
        facts.marks = Marks::wanting(labels);
        Box::pin(self.sources.read(&mut facts, self.checks)).await?;
        facts.take_exemptions(self.exemptions.to_vec());
        let report = diagnose(&facts, self.checks.iter().copied());
        Ok(Look { report, at, took: began.elapsed() })
    }

    /// The same, with a line on the terminal that shows that it goes on.
    pub(super) async fn look_with_progress(&self) -> Result<Look, Failure> {
        if !live::is_possible() {
            return self.look().await;
        }
        let began = Instant::now();
        let mut groups: Vec<_> = self.checks.iter().map(|check| check.group.name()).collect();
        groups.dedup();
        let groups = groups.join(", ");
        let look = self.look();
        tokio::pin!(look);
        let mut ticks = interval(TICK);
        loop {
            tokio::select! {
                look = &mut look => {
                    live::clear();
                    return look;
                }
                _ = ticks.tick() => {
                    live::show(&format!("{} s: looking at {groups}", began.elapsed().as_secs()));
                }
            }
        }
    }
}
