use std::sync::Arc;

use super::entry::{ExemptionEntry, ExemptionError};
use super::mark::annotation_of;
use super::*;
use crate::{Facts, Finding, Findings, Need, Reading, diagnose, find};

const NOW: i64 = 1_800_000_000;

fn entry(check: &str) -> ExemptionEntry {
    ExemptionEntry { check: check.to_owned(), reason: "it is known".to_owned(), ..ExemptionEntry::default() }
}

fn exemptions(given: Vec<ExemptionEntry>, marks: &Marks) -> (Exemptions, Vec<String>) {
    let given = given.into_iter().map(|entry| entry.exemption("a file").expect("it is right"));
    Exemptions::new(given.collect(), marks, NOW)
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn annotated(subject: &Subject, key: &str, value: &str) -> Marks {
    let mut marks = Marks::default();
    marks.take(subject, &pairs(&[(key, value), ("other/annotation", "x")]), &pairs(&[]));
    marks
}

fn web() -> Subject {
    Subject::namespaced("Deployment", "shop", "web")
}

#[test]
fn an_entry_takes_back_what_matches_in_all() {
    let given = ExemptionEntry {
        kind: Some("Deployment".to_owned()),
        namespace: Some("sh*".to_owned()),
        name: Some("w*".to_owned()),
        ..entry("etcd/space")
    };
    let (exemptions, wrong) = exemptions(vec![given], &Marks::default());
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(exemptions.find("etcd/space", &web()), Some(0));
    assert_eq!(exemptions.find("etcd/alarm", &web()), None);
    for other in [
        Subject::namespaced("StatefulSet", "shop", "web"),
        Subject::namespaced("Deployment", "bank", "web"),
        Subject::namespaced("Deployment", "shop", "api"),
        Subject::new("Deployment", "web"),
    ] {
        assert_eq!(exemptions.find("etcd/space", &other), None, "{other}");
    }
}

#[test]
fn a_group_is_all_its_checks() {
    let (exemptions, _) = exemptions(vec![entry("etcd")], &Marks::default());
    assert_eq!(exemptions.find("etcd/space", &web()), Some(0));
    assert_eq!(exemptions.find("certs/expiry", &web()), None);
}

#[test]
fn an_entry_that_says_too_little_is_refused() {
    assert_eq!(entry("etcd/spac").exemption("f"), Err(ExemptionError::Check("etcd/spac".to_owned())));
    let silent = ExemptionEntry { reason: " ".to_owned(), ..entry("etcd") };
    assert_eq!(silent.exemption("f"), Err(ExemptionError::Reason));
    let unclear = ExemptionEntry { expires: Some("soon".to_owned()), ..entry("etcd") };
    assert_eq!(unclear.exemption("f"), Err(ExemptionError::Expires("soon".to_owned())));
}

#[test]
fn labels_are_of_the_object_itself() {
    let labels = pairs(&[("app", "web")]);
    let labelled = ExemptionEntry { labels, ..entry("etcd") };
    let mut keys = BTreeSet::new();
    labelled.clone().exemption("f").expect("it is right").wanted_labels(&mut keys);
    let mut marks = Marks::wanting(keys);
    marks.take(&web(), &pairs(&[]), &pairs(&[("app", "web"), ("tier", "front")]));
    let (found, wrong) = exemptions(vec![labelled.clone()], &marks);
    assert_eq!((found.find("etcd/space", &web()), wrong.len()), (Some(0), 0));
    assert_eq!(found.find("etcd/space", &Subject::namespaced("Deployment", "shop", "api")), None);
    assert_eq!(found.labels[&web()].len(), 1, "only what is asked for is kept");
    let (_, blind) = exemptions(vec![labelled], &Marks::default());
    assert!(blind[0].contains("labels"), "nothing is accepted and ignored: {blind:?}");
}

#[test]
fn an_annotation_exempts_its_object() {
    let marks = annotated(&web(), &annotation_of("etcd/space"), "a test; it fills up; until 2027-01-31");
    let (exemptions, wrong) = exemptions(Vec::new(), &marks);
    assert_eq!(wrong, Vec::<String>::new());
    let exemption = exemptions.get(exemptions.find("etcd/space", &web()).expect("it is exempt"));
    assert_eq!(exemption.reason, "a test; it fills up");
    assert_eq!(exemption.until.as_ref().map(Until::text), Some("2027-01-31"));
    assert_eq!(exemption.by, "annotation of Deployment shop/web");
    assert_eq!(exemptions.find("etcd/alarm", &web()), None);
}

#[test]
fn an_annotation_of_a_namespace_is_for_all_in_it() {
    let marks = annotated(&Subject::new("Namespace", "shop"), &annotation_of("etcd"), "a test");
    let (exemptions, _) = exemptions(Vec::new(), &marks);
    assert_eq!(exemptions.find("etcd/space", &web()), Some(0));
    assert_eq!(exemptions.find("etcd/space", &Subject::new("Namespace", "shop")), Some(0));
    assert_eq!(exemptions.find("etcd/space", &Subject::new("Node", "shop")), None);
}

#[test]
fn what_cannot_be_understood_is_told() {
    let space = annotation_of("etcd/space");
    for (key, value, why) in [
        (space.as_str(), "", "no reason"),
        (space.as_str(), "; until 2027-01-31", "no reason"),
        (space.as_str(), "a test; until tomorrow", "is not of the form"),
        (space.as_str(), "a test; expires=2027-01-31", "is not of the form"),
        ("doctor.stanchion.dev/exempt.etcd.spac", "a test", "there is no check"),
        ("doctor.stanchion.dev/ignore", "a test", "means something"),
    ] {
        let (exemptions, wrong) = exemptions(Vec::new(), &annotated(&web(), key, value));
        assert!(
            exemptions.all.is_empty() && wrong.len() == 1 && wrong[0].contains(why),
            "{key} {value}: {wrong:?}"
        );
    }
}

#[test]
fn one_that_has_ended_takes_nothing_back_and_is_told() {
    let marks = annotated(&web(), &annotation_of("etcd/space"), "a test; until 2026-12-31");
    let mut facts = Facts::new(NOW);
    facts.marks = marks;
    facts.take_exemptions(Vec::new());
    assert_eq!(facts.exemptions.find("etcd/space", &web()), None);
    let report = diagnose(&facts, find("exemptions/expired"));
    let [Finding { severity: Severity::Info, subject, summary, .. }] = report.findings.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(*subject, web());
    assert!(summary.contains("etcd/space") && summary.contains("2026-12-31"), "{summary}");
}

#[test]
fn what_is_wrong_with_annotations_is_a_gap() {
    let mut facts = Facts::new(NOW);
    facts.marks = annotated(&web(), "doctor.stanchion.dev/exempt.etcd", "");
    facts.take_exemptions(Vec::new());
    assert!(matches!(facts.readings[&Need::Exemptions], Reading::Partly { .. }));
    let report = diagnose(&facts, []);
    assert!(report.is_incomplete() && report.gaps[0].why.contains("there is no reason"), "{report:?}");
}

#[test]
fn one_of_forty_may_be_exempt_or_all_through_their_cause() {
    let pod = |number| Subject::namespaced("Pod", "shop", format!("web-{number}"));
    let found = |marks: &Marks| {
        let (exemptions, _) = exemptions(Vec::new(), marks);
        let mut findings = Findings::new("etcd/space", false, Arc::new(exemptions));
        for number in 0..40 {
            findings.add_of(Severity::Warning, &web(), pod(number), "it is ill", "", Vec::new());
        }
        let (findings, exempted) = findings.into_parts();
        let counts = |exempted: Exempted| (exempted.subject, exempted.count);
        (findings.map(|finding| finding.count).collect::<Vec<_>>(), exempted.map(counts).collect::<Vec<_>>())
    };
    let space = annotation_of("etcd/space");
    assert_eq!(found(&annotated(&pod(7), &space, "a test")), (vec![39], vec![(web(), 1)]));
    assert_eq!(found(&annotated(&web(), &space, "a test")), (vec![], vec![(web(), 40)]));
    assert_eq!(found(&annotated(&pod(99), &space, "a test")), (vec![40], vec![]));
}
