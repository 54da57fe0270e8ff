//! One look at what is to be diagnosed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use stanchion_doctor::{Progress, Standing};
use stanchion_doctor_core::{Check, Exemption, Facts, Marks, Report, Severity, diagnose};
use stanchion_doctor_report::Document;
use tokio::time::interval;

use super::sources::Sources;
use crate::error::Failure;
use crate::output::live;

/// How often a person is told that it goes on.
const TICK: Duration = Duration::from_millis(200);
/// How wide the bar is.
const WIDTH: usize = 20;

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
        self.look_telling(&Progress::default()).await
    }

    async fn look_telling(&self, progress: &Progress) -> Result<Look, Failure> {
        let began = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
        let at = i64::try_from(now.as_secs()).context("the clock stands too far ahead")?;
        let mut facts = Facts::new(at);
        let mut labels = BTreeSet::new();
        self.exemptions.iter().for_each(|exemption| exemption.wanted_labels(&mut labels));
        facts.marks = Marks::wanting(labels);
        Box::pin(self.sources.read(&mut facts, self.checks, progress)).await?;
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
        let progress = Progress::default();
        let look = self.look_telling(&progress);
        tokio::pin!(look);
        let mut ticks = interval(TICK);
        loop {
            tokio::select! {
                look = &mut look => {
                    live::clear();
                    return look;
                }
                _ = ticks.tick() => {
                    live::show(&bar(&progress.standing(), began.elapsed()));
                }
            }
        }
    }
}

/// Shows how far a look is.
fn bar(standing: &Standing, took: Duration) -> String {
    let Standing { done, all, left } = standing;
    let full = if *all == 0 { 0 } else { done * WIDTH / all };
    let (full, rest) = ("█".repeat(full), "░".repeat(WIDTH - full));
    let left = if left.is_empty() { "checking".to_owned() } else { format!("reading {}", left.join(", ")) };
    format!("{full}{rest} {done} of {all}, {} s: {left}", took.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_how_far_it_is() {
        let at = |done, all, left: &[&'static str]| {
            bar(&Standing { done, all, left: left.to_vec() }, Duration::from_millis(2900))
        };
        assert_eq!(at(0, 0, &[]), format!("{} 0 of 0, 2 s: checking", "░".repeat(20)));
        let expected = format!("{}{} 1 of 3, 2 s: reading Pods, Events", "█".repeat(6), "░".repeat(14));
        assert_eq!(at(1, 3, &["Pods", "Events"]), expected);
        assert_eq!(at(3, 3, &[]), format!("{} 3 of 3, 2 s: checking", "█".repeat(20)));
    }
}
