//! A report with something of everything, for tests.

use std::time::Duration;

use stanchion_doctor_core::{
    Evidence, Exempted, Finding, Gap, Known, Need, NotRun, Report, Severity, Since, Subject,
};

use crate::document::Document;

/// A name that would act wherever it is not taken for text.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\x1b[31m]](javascript:x) **b** `c` | ]]> & \" ' @team https://evil.example\u{202e}";

pub(crate) fn finding(check: &'static str, severity: Severity, subject: Subject, summary: &str) -> Finding {
    let evidence =
        vec![Evidence::new("log", "first\nsecond", "the log"), Evidence::new(HOSTILE, HOSTILE, HOSTILE)];
    Finding {
        check,
        severity,
        subject,
        summary: summary.to_owned(),
        advice: "mend it".to_owned(),
        evidence,
        affected: Vec::new(),
        count: 1,
        fixable: false,
    }
}

/// Returns a report with something of everything.
pub(crate) fn report() -> Report {
    let hostile = Subject::namespaced("Pod", "shop", HOSTILE);
    let mut joined = finding("etcd/space", Severity::Warning, Subject::etcd(), "it is full");
    joined.affected = vec![hostile.clone(), Subject::new("etcd member", "m1")];
    joined.count = 40;
    let known = Known {
        fingerprint: "0".repeat(32),
        check: "etcd/space".to_owned(),
        severity: Severity::Warning,
        subject: "etcd cluster".to_owned(),
        summary: "full".to_owned(),
    };
    Report {
        findings: vec![
            finding("etcd/alarm", Severity::Critical, hostile.clone(), HOSTILE),
            joined,
            finding("etcd/quorum", Severity::Info, Subject::etcd(), "it has one member"),
        ],
        run: vec!["etcd/alarm", "etcd/quorum", "etcd/space"],
        not_run: vec![
            not_run("certs/key", Need::Certificates, "a: refused", false),
            not_run("etcd/growth", Need::EtcdGrowth, HOSTILE, true),
        ],
        gaps: vec![Gap { need: Need::EtcdMetrics, why: HOSTILE.to_owned() }],
        exempted: vec![Exempted {
            check: "etcd/alarm",
            severity: Severity::Critical,
            subject: hostile,
            summary: HOSTILE.to_owned(),
            count: 2,
            reason: HOSTILE.to_owned(),
            until: Some("2027-01-31".to_owned()),
            by: "a file".to_owned(),
        }],
        since: Some(Since { at: 7, known: 3, gone: vec![known], unknown: Vec::new() }),
    }
}

fn not_run(check: &'static str, need: Need, why: &str, unasked: bool) -> NotRun {
    NotRun { check, need, why: why.to_owned(), unasked }
}

/// Returns a report with what is said beside it.
pub(crate) fn document(report: &Report) -> Document<'_> {
    Document {
        report,
        at: 1_800_000_000,
        took: Duration::from_millis(1500),
        version: "0.1.0",
        fails_from: Some(Severity::Warning),
    }
}
