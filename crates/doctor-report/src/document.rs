//! A report, and what is said beside it.

use std::time::Duration;

use serde::{Serialize, Serializer};
use stanchion_doctor_core::{Exempted, Finding, Gap, NotRun, Report, Severity, Since};

use crate::words::moment;

/// A report, and what is said beside it. As JSON every finding has its fingerprint.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// What was found.
    pub report: &'a Report,
    /// When it was made, in seconds since the Unix epoch.
    pub at: i64,
    /// How long that took.
    pub took: Duration,
    /// The version of the program that made it.
    pub version: &'a str,
    /// From which severity on a finding is a failure; none if it never is.
    pub fails_from: Option<Severity>,
}

impl Document<'_> {
    /// Returns whether a finding is a failure.
    pub(crate) fn fails(&self, finding: &Finding) -> bool {
        self.fails_from.is_some_and(|least| finding.severity >= least)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    at: i64,
    time: String,
    took_seconds: f64,
    version: &'a str,
    findings: Vec<Marked<'a>>,
    run: &'a [&'static str],
    not_run: &'a [NotRun],
    gaps: &'a [Gap],
    exempted: &'a [Exempted],
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'a Since>,
}

#[derive(Serialize)]
struct Marked<'a> {
    fingerprint: String,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { findings, run, not_run, gaps, exempted, since } = self.report;
        let marked = |finding| Marked { fingerprint: Finding::fingerprint(finding), finding };
        let view = View {
            at: self.at,
            time: moment(self.at),
            took_seconds: self.took.as_secs_f64(),
            version: self.version,
            findings: findings.iter().map(marked).collect(),
            run,
            not_run,
            gaps,
            exempted,
            since: since.as_ref(),
        };
        view.serialize(serializer)
    }
}
