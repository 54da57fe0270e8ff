//! A report as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! Everything that is put into the page is escaped by how it is put there (`maud`); the page itself forbids whatever is not in
//! it, should something slip through.

mod chart;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use stanchion_doctor_core::{Finding, Known, Report, find};

use self::chart::{Bar, bars};
use crate::document::Document;
use crate::words::{about, by_severity, counted, counts, moment, printable, silences};

const STYLE: &str = include_str!("html/style.css");
/// Nothing is loaded and nothing is run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Writes a report as a page.
pub fn html(document: &Document<'_>) -> String {
    let report = document.report;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "What the doctor found" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "What the doctor found" }
                (head(document))
                (charts(report))
                @for (severity, findings) in by_severity(report) {
                    section {
                        h2 class=(severity.name()) { (severity.name()) }
                        @for finding in findings { (one(finding)) }
                    }
                }
                (changes(report))
                (taken_back(report))
                (not_looked_at(report))
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn head(document: &Document<'_>) -> Markup {
    let report = document.report;
    let new = if report.since.is_some() { "new findings" } else { "findings" };
    html! {
        p {
            (counted(report.run.len(), "check")) " run at " time { (moment(document.at)) } " in "
            (format!("{:.1} s", document.took.as_secs_f64())) " by stanchion " (document.version) "."
        }
        @if report.findings.is_empty() { p class="fine" { "No " (new) "." } }
        @if report.is_incomplete() {
            p class="warning" { "Not all could be read that was asked for: see " a href="#unread" { "below" } "." }
        }
    }
}

fn charts(report: &Report) -> Markup {
    let mut groups: Vec<&str> = report.run.iter().map(|check| group(check)).collect();
    groups.extend(report.findings.iter().map(|finding| group(finding.check)));
    groups.sort_unstable();
    groups.dedup();
    let by_group: Vec<_> = groups
        .into_iter()
        .map(|name| {
            let findings = report.findings.iter().filter(|finding| group(finding.check) == name);
            let [critical, warning, info] = counts(findings);
            Bar { name, parts: vec![("critical", critical), ("warning", warning), ("info", info)] }
        })
        .collect();
    let unasked = report.not_run.iter().filter(|check| check.unasked).count();
    let failed = report.not_run.len() - unasked;
    let parts = vec![("run", report.run.len()), ("failed", failed), ("unasked", unasked)];
    html! {
        div class="charts" {
            figure {
                figcaption { "Findings by what they are about" }
                (bars("findings by group and severity", &by_group))
            }
            figure {
                figcaption { "Checks: run, not possible, not asked for" }
                (bars("checks by whether they were run", &[Bar { name: "checks", parts }]))
            }
        }
    }
}

fn group(check: &'static str) -> &'static str {
    check.split('/').next().unwrap_or(check)
}

fn one(finding: &Finding) -> Markup {
    html! {
        details {
            summary {
                code { (finding.check) } " " strong { (printable(&about(finding))) } ": " (printable(&finding.summary))
            }
            p { b { "Do: " } (printable(&finding.advice)) }
            @if !finding.evidence.is_empty() {
                table {
                    thead { tr { th { "Read" } th { "Value" } th { "From" } } }
                    tbody {
                        @for evidence in &finding.evidence {
                            tr {
                                td { (printable(&evidence.what)) }
                                td { pre { (lines(&evidence.value)) } }
                                td { (printable(&evidence.source)) }
                            }
                        }
                    }
                }
            }
            @if let Some(check) = find(finding.check) {
                p { (check.meaning) }
                ul { @for basis in check.basis { li { a href=(basis) rel="noreferrer" { (basis) } } } }
            }
            @if finding.fixable {
                p { "Can be repaired: " code { "stanchion doctor fix " (finding.check) } }
            }
        }
    }
}

/// Keeps lines apart, and nothing else that would act.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn changes(report: &Report) -> Markup {
    let Some(since) = &report.since else { return Markup::default() };
    let all = |what: &str, all: &[Known]| {
        html! {
            @for known in all {
                li { (what) ": " code { (known.check) } " " (printable(&known.subject)) ": " (printable(&known.summary)) }
            }
        }
    };
    html! {
        section {
            h2 { "Since " (moment(since.at)) }
            p { (counted(since.known, "finding")) " known then, and not shown." }
            ul { (all("gone", &since.gone)) (all("not looked at", &since.unknown)) }
        }
    }
}

fn taken_back(report: &Report) -> Markup {
    if report.exempted.is_empty() {
        return Markup::default();
    }
    html! {
        section {
            h2 { "Exempt" }
            table {
                thead { tr { th { "Check" } th { "What" } th { "How many" } th { "Why" } th { "Until" } th { "By" } } }
                tbody {
                    @for one in &report.exempted {
                        tr {
                            td { code { (one.check) } }
                            td { (printable(&one.subject.to_string())) }
                            td { (one.count) }
                            td { (printable(&one.reason)) }
                            td { (one.until.as_deref().map(printable).unwrap_or_default()) }
                            td { (printable(&one.by)) }
                        }
                    }
                }
            }
        }
    }
}

fn not_looked_at(report: &Report) -> Markup {
    let (failed, unasked) = (silences(report, false), silences(report, true));
    if failed.is_empty() && unasked.is_empty() && report.gaps.is_empty() {
        return Markup::default();
    }
    html! {
        section id="unread" {
            h2 { "Not looked at" }
            ul {
                @for silence in &failed {
                    li class="warning" {
                        "Could not be read: " (silence.need) ": " (printable(silence.why)) "; not run: "
                        code { (silence.checks.join(", ")) }
                    }
                }
                @for gap in &report.gaps {
                    li class="warning" { "Could not be read: " (gap.need.name()) ": " (printable(&gap.why)) }
                }
                @for silence in &unasked {
                    li { (silence.need) ": " (printable(silence.why)) "; not run: " code { (silence.checks.join(", ")) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;
    use crate::sample::{HOSTILE, document, report};

    /// Returns the names of all elements, after a look whether each is closed.
    fn elements(page: &str) -> Vec<String> {
        let mut reader = Reader::from_str(page);
        // These have no end in HTML.
        reader.config_mut().check_end_names = false;
        let mut found = Vec::new();
        loop {
            match reader.read_event().expect("it is markup") {
                Event::Start(element) | Event::Empty(element) => {
                    found.push(String::from_utf8_lossy(element.name().as_ref()).into_owned());
                }
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn names_make_no_elements() {
        let report = report();
        let page = html(&document(&report));
        let elements = elements(&page);
        assert!(elements.iter().all(|name| name != "script"), "{elements:?}");
        assert!(!page.contains("<script") && !page.contains(HOSTILE) && !page.contains('\x1b'), "{page}");
        assert!(page.contains("&lt;script&gt;"), "they are there as text");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let report = report();
        let page = html(&document(&report));
        assert!(page.contains("default-src 'none'"));
        for loading in [" src=", "url(", "@import", "<link", "<img", "<iframe"] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn all_of_a_report_is_there() {
        let report = report();
        let page = html(&document(&report));
        for part in [
            "3 checks run at <time>2027-01-15T08:00:00Z</time> in 1.5 s",
            "<h2 class=\"critical\">critical</h2>",
            "<pre>first\nsecond</pre>",
            "<svg",
            "With the alarm NOSPACE",
            "gone: <code>etcd/space</code> etcd cluster: full",
            "<td>2027-01-31</td>",
            "Could not be read: certificates: a: refused; not run: <code>certs/key</code>",
        ] {
            assert!(page.contains(part), "{part:?} is not in:\n{page}");
        }
    }
}
