//! When certificates end.

use std::time::Duration;

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::certificate::{Certificate, FoundIn};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::units::Seconds;

const DAY: i64 = 86_400;
/// Whoever rotates by itself has done so by now.
const INFO: i64 = 28 * DAY;
/// Somebody has to plan it.
const WARNING: i64 = 14 * DAY;
/// Somebody has to do it.
const CRITICAL: i64 = 7 * DAY;

pub(crate) const CHECK: Check = Check {
    id: "certs/expiry",
    group: Group::Certs,
    severity: Severity::Critical,
    title: "a certificate ends soon, or has ended",
    meaning: "Whoever is shown a certificate that has ended refuses to talk: the API server, its nodes and etcd fall apart one by \
              one. Certificates of kubeadm are valid for a year and renewed only with an upgrade.",
    basis: &["https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"],
    needs: &[Need::Certificates],
    fix: Some("makes what kubeadm makes anew, with the authority's key at hand"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for certificate in &facts.certificates {
        let left = certificate.not_after.saturating_sub(facts.now);
        let severity = match left {
            left if left < CRITICAL => Severity::Critical,
            left if left < WARNING => Severity::Warning,
            left if left < INFO => Severity::Info,
            _ => {
                not_yet_valid(facts, certificate, findings);
                continue;
            }
        };
        let time = |seconds: i64| Seconds(Duration::from_secs(seconds.unsigned_abs()));
        let summary = if left < 0 {
            format!("it ended {} ago", time(left))
        } else {
            format!("it ends in {}", time(left))
        };
        findings.add(
            severity,
            subject(certificate),
            summary,
            advice(certificate),
            evidence(facts, certificate),
        );
    }
}

fn not_yet_valid(facts: &Facts, certificate: &Certificate, findings: &mut Findings) {
    if certificate.not_before > facts.now {
        let ahead = Duration::from_secs(certificate.not_before.abs_diff(facts.now));
        let summary = format!("it is not valid before {} have passed", Seconds(ahead));
        let advice = "compare the clocks of the machines";
        findings.add(Severity::Critical, subject(certificate), summary, advice, evidence(facts, certificate));
    }
}

fn advice(certificate: &Certificate) -> &'static str {
    match (certificate.is_authority, certificate.found_in) {
        (true, _) => {
            "a new authority has to be trusted everywhere before the old one ends: plan it \
             (https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/)"
        }
        (false, FoundIn::File | FoundIn::Kubeconfig) => {
            "renew it with the authority that made it (`kubeadm certs renew`), and restart who holds the old one"
        }
        (false, FoundIn::Object) => {
            "see who made it (an operator such as cert-manager, or a person) and why it was not renewed; \
             then renew it, and restart who reads it only when it starts"
        }
        (false, FoundIn::Handshake) => {
            "see whether the file that the server reads is newer: then restart the server, else renew the file first"
        }
    }
}

fn evidence(facts: &Facts, certificate: &Certificate) -> Vec<Evidence> {
    let source = &certificate.source;
    vec![
        Evidence::new("valid from", relative(facts.now, certificate.not_before), source),
        Evidence::new("valid until", relative(facts.now, certificate.not_after), source),
        Evidence::new("for", &certificate.subject, source),
        Evidence::new("made by", &certificate.issuer, source),
    ]
}

fn relative(now: i64, at: i64) -> String {
    let distance = Seconds(Duration::from_secs(at.abs_diff(now)));
    if at < now { format!("{distance} ago") } else { format!("in {distance}") }
}
