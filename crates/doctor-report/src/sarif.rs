//! SARIF 2.1.0, for what shows and keeps the findings of analyses.
//!
//! What is found is no place in a file of source, so locations are logical: `shop/Deployment/web`. What is exempt is a result
//! with a suppression, which is what SARIF has for that; what could not be read is a notification of the invocation.

mod log;

use stanchion_doctor_core::{Check, Exempted, Finding, Severity, Subject, find};

use self::log::{
    Configuration, Driver, Invocation, Level, Location, Log, LogicalLocation, Message, Notification,
    Properties, Reference, Result, Rule, Run, Suppression, Tool,
};
use crate::document::Document;
use crate::words::{about, moment, printable};

/// Under which name fingerprints are kept; the number is that of how they are made.
const FINGERPRINT: &str = "stanchionDoctor/v1";

/// Writes a report as SARIF 2.1.0.
pub fn sarif(document: &Document<'_>) -> String {
    let report = document.report;
    let mut ids: Vec<&'static str> =
        report.run.iter().copied().chain(report.not_run.iter().map(|check| check.check)).collect();
    ids.extend(report.findings.iter().map(|finding| finding.check));
    ids.extend(report.exempted.iter().map(|exempted| exempted.check));
    ids.sort_unstable();
    ids.dedup();
    let rules: Vec<_> = ids.iter().map(|id| find(id).map_or_else(|| Rule::bare(id), rule)).collect();
    let index = |id: &str| ids.binary_search(&id).unwrap_or_default();
    let found = report.findings.iter().map(|finding| result(finding, index(finding.check)));
    let taken_back = report.exempted.iter().map(|exempted| suppressed(exempted, index(exempted.check)));
    let driver = Driver { name: "stanchion doctor", semantic_version: document.version.to_owned(), rules };
    let run = Run {
        tool: Tool { driver },
        invocations: vec![invocation(document, index)],
        column_kind: "unicodeCodePoints",
        results: found.chain(taken_back).collect(),
    };
    let log = Log { schema: log::SCHEMA, version: "2.1.0", runs: vec![run] };
    serde_json::to_string_pretty(&log).expect("all keys are strings, and nothing in it fails")
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Critical => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Info => Level::Note,
    }
}

fn rule(check: &Check) -> Rule {
    Rule {
        id: check.id,
        short_description: Some(Message::new(check.title)),
        full_description: Some(Message::new(check.meaning)),
        help_uri: check.basis.first().copied(),
        help: check.fix.map(|fix| Message::new(format!("`stanchion doctor fix {}` {fix}", check.id))),
        default_configuration: Some(Configuration { level: level(check.severity) }),
    }
}

fn result(finding: &Finding, rule_index: usize) -> Result {
    let text = format!("{}: {}. {}", about(finding), finding.summary, finding.advice);
    let subjects = std::iter::once(&finding.subject).chain(&finding.affected);
    Result {
        rule_id: finding.check,
        rule_index,
        level: level(finding.severity),
        message: Message::new(printable(&text)),
        locations: subjects.map(location).collect(),
        partial_fingerprints: [(FINGERPRINT, finding.fingerprint())].into(),
        suppressions: Vec::new(),
        properties: Properties { count: finding.count, evidence: finding.evidence.clone() },
    }
}

fn suppressed(exempted: &Exempted, rule_index: usize) -> Result {
    let until = exempted.until.as_ref().map_or_else(String::new, |until| format!("; until {until}"));
    let justification = format!("{}{until} (by {})", exempted.reason, exempted.by);
    let suppression = Suppression {
        kind: "external",
        status: "accepted",
        justification: printable(&justification).into_owned(),
    };
    Result {
        rule_id: exempted.check,
        rule_index,
        level: level(exempted.severity),
        message: Message::new(printable(&format!("{}: {}", exempted.subject, exempted.summary))),
        locations: vec![location(&exempted.subject)],
        partial_fingerprints: [(FINGERPRINT, exempted.fingerprint())].into(),
        suppressions: vec![suppression],
        properties: Properties { count: exempted.count, evidence: Vec::new() },
    }
}

fn location(subject: &Subject) -> Location {
    let Subject { kind, namespace, name } = subject;
    let whole = namespace.iter().chain([kind, name]).map(String::as_str).collect::<Vec<_>>().join("/");
    let logical = LogicalLocation {
        name: printable(name).into_owned(),
        fully_qualified_name: printable(&whole).into_owned(),
        kind: "resource",
    };
    Location { logical_locations: vec![logical] }
}

fn invocation(document: &Document<'_>, index: impl Fn(&str) -> usize) -> Invocation {
    let report = document.report;
    let not_run = report.not_run.iter().map(|check| Notification {
        level: if check.unasked { Level::Note } else { Level::Error },
        message: Message::new(printable(&format!("not run: {}: {}", check.need.name(), check.why))),
        associated_rule: Some(Reference { id: check.check, index: index(check.check) }),
    });
    let gaps = report.gaps.iter().map(|gap| Notification {
        level: Level::Warning,
        message: Message::new(printable(&format!("could not read: {}: {}", gap.need.name(), gap.why))),
        associated_rule: None,
    });
    Invocation {
        execution_successful: !report.is_incomplete(),
        end_time_utc: moment(document.at),
        tool_execution_notifications: not_run.chain(gaps).collect(),
    }
}

#[cfg(test)]
mod tests;
