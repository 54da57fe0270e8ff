//! The XML of `JUnit`, for what shows the results of tests.
//!
//! A group of checks is a suite. A check that found nothing is a test that passed; each finding is a test of its own, which fails
//! if it is as grave as the command was told to fail on. What is exempt or was not asked for is skipped, what could not be read
//! is an error.

use std::collections::BTreeMap;

use chrono::DateTime;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use stanchion_doctor_core::{Exempted, Finding, NotRun, find};
use thiserror::Error;

use crate::document::Document;
use crate::words::{about, line, printable};

/// The suite of what is of no group.
const READING: &str = "reading";

/// Why a report could not be written.
#[derive(Debug, Error)]
#[error("cannot write the report as XML")]
pub struct JunitError(#[from] SerializeError);

/// Writes a report as the XML of `JUnit`.
pub fn junit(document: &Document<'_>) -> Result<String, JunitError> {
    let report = document.report;
    let mut suites: BTreeMap<&str, Vec<TestCase>> = BTreeMap::new();
    let mut add = |check: &'static str, case| suites.entry(group(check)).or_default().push(case);
    for id in &report.run {
        let is_found = report.findings.iter().any(|finding| finding.check == *id);
        if !is_found && !report.exempted.iter().any(|exempted| exempted.check == *id) {
            add(id, case(id, id, TestCaseStatus::success()));
        }
    }
    for finding in &report.findings {
        add(finding.check, found(document, finding));
    }
    for exempted in &report.exempted {
        add(exempted.check, taken_back(exempted));
    }
    for check in &report.not_run {
        add(check.check, not_run(check));
    }
    for gap in &report.gaps {
        let name = format!("{}: {}", gap.need.name(), gap.why);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("could not be read");
        suites.entry(READING).or_default().push(case(READING, &name, status));
    }
    let mut all = Report::new("stanchion doctor");
    all.set_time(document.took);
    if let Some(at) = DateTime::from_timestamp(document.at, 0) {
        all.set_timestamp(at);
    }
    for (name, cases) in suites {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cases);
        all.add_test_suite(suite);
    }
    Ok(all.to_string()?)
}

/// Returns the suite of a check: the first part of its id.
fn group(check: &'static str) -> &'static str {
    check.split('/').next().unwrap_or(check)
}

fn case(check: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(printable(name), status);
    case.set_classname(check);
    case
}

fn found(document: &Document<'_>, finding: &Finding) -> TestCase {
    let name = format!("{}: {}", finding.check, about(finding));
    let text = explained(finding);
    if !document.fails(finding) {
        let mut case = case(finding.check, &name, TestCaseStatus::success());
        case.set_system_out(format!("{}: {text}", finding.severity));
        return case;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(finding.severity.name()).set_message(printable(&finding.summary)).set_description(text);
    case(finding.check, &name, status)
}

fn explained(finding: &Finding) -> String {
    let mut text = format!("{}\n\ndo: {}\n\n", printable(&finding.summary), printable(&finding.advice));
    for evidence in &finding.evidence {
        let said = format!("{}: {}  ({})", evidence.what, evidence.value, evidence.source);
        text += &printable(&said);
        text.push('\n');
    }
    if let Some(check) = find(finding.check) {
        line(&mut text, format_args!("\n{}", check.meaning));
    }
    text
}

fn taken_back(exempted: &Exempted) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_type("exempt").set_message(printable(&format!("{} (by {})", exempted.reason, exempted.by)));
    case(exempted.check, &format!("{}: {}", exempted.check, exempted.subject), status)
}

fn not_run(check: &NotRun) -> TestCase {
    let mut status = if check.unasked {
        TestCaseStatus::skipped()
    } else {
        TestCaseStatus::non_success(NonSuccessKind::Error)
    };
    status.set_type("not run").set_message(printable(&format!("{}: {}", check.need.name(), check.why)));
    case(check.check, check.check, status)
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;
    use crate::sample::{HOSTILE, document, report};

    /// Returns the names of the elements and the values of their attributes, in the order of the text.
    fn elements(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
        let mut reader = Reader::from_str(text);
        let mut found = Vec::new();
        loop {
            match reader.read_event().expect("it is XML") {
                Event::Start(element) | Event::Empty(element) => {
                    let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
                    let attributes = element.attributes().map(|attribute| {
                        let attribute = attribute.expect("an attribute");
                        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                        let value = String::from_utf8_lossy(&attribute.value);
                        (key, quick_xml::escape::unescape(&value).expect("a value").into_owned())
                    });
                    found.push((name, attributes.collect()));
                }
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_found_fails_and_the_rest_is_told_apart() {
        let report = report();
        let text = junit(&document(&report)).expect("it can be written");
        let elements = elements(&text);
        let (name, all) = &elements[0];
        assert_eq!(name, "testsuites");
        // A failure by critical and warning; what is only worth knowing passes.
        assert_eq!(
            (all["tests"].as_str(), all["failures"].as_str(), all["errors"].as_str()),
            ("7", "2", "2")
        );
        let skipped = elements.iter().filter(|(name, _)| name == "skipped").count();
        assert_eq!(skipped, 2, "what is exempt, and what was not asked for: {text}");
        let suites: Vec<_> = elements
            .iter()
            .filter(|(name, _)| name == "testsuite")
            .map(|(_, suite)| suite["name"].as_str())
            .collect();
        assert_eq!(suites, ["certs", "etcd", "reading"]);
        let quorum =
            elements.iter().find(|(_, of)| of.get("classname").is_some_and(|class| class == "etcd/quorum"));
        assert!(quorum.is_some_and(|(_, of)| of["name"] == "etcd/quorum: etcd cluster"), "{text}");
    }

    #[test]
    fn names_stay_text() {
        let report = report();
        let text = junit(&document(&report)).expect("it can be written");
        let failures: Vec<_> = elements(&text).into_iter().filter(|(name, _)| name == "failure").collect();
        assert_eq!(failures[0].1["message"], printable(HOSTILE));
        assert!(!text.contains("<script>") && !text.contains('\x1b'), "{text}");
    }
}
