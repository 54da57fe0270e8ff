use crate::checks::ALL;
use crate::facts::Facts;
use crate::facts::certificate::{Certificate, Chain, FoundIn};
use crate::need::{Need, Reading};
use crate::severity::Severity;
use crate::{Finding, diagnose};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn healthy() -> Certificate {
    Certificate {
        source: "/etc/kubernetes/pki/apiserver.crt".to_owned(),
        subject: "CN=kube-apiserver".to_owned(),
        issuer: "CN=kubernetes".to_owned(),
        not_before: NOW - 100 * DAY,
        not_after: NOW + 265 * DAY,
        chain: Chain::Signed { by: "/etc/kubernetes/pki/ca.crt".to_owned() },
        key_fits: Some(true),
        ..Certificate::default()
    }
}

fn found(breaking: impl Fn(&mut Certificate)) -> Vec<Finding> {
    let mut facts = Facts::new(NOW);
    facts.note(Need::Certificates, Reading::Read { source: "here".to_owned() });
    let mut certificate = healthy();
    breaking(&mut certificate);
    facts.certificates = vec![certificate, healthy()];
    diagnose(&facts, ALL.iter().copied()).findings
}

#[track_caller]
fn finds(id: &str, severity: Severity, breaking: impl Fn(&mut Certificate)) -> Finding {
    let mut findings = found(breaking);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = findings.remove(0);
    assert_eq!((finding.check, finding.severity), (id, severity), "{finding:#?}");
    finding
}

#[test]
fn nothing_is_wrong_with_a_young_one() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn they_end() {
    let left = |days: i64| move |certificate: &mut Certificate| certificate.not_after = NOW + days * DAY;
    assert_eq!(found(left(28)), []);
    finds("certs/expiry", Severity::Info, left(27));
    finds("certs/expiry", Severity::Warning, left(13));
    let finding = finds("certs/expiry", Severity::Critical, left(6));
    assert_eq!(finding.summary, "it ends in 6 days");
    let finding = finds("certs/expiry", Severity::Critical, left(-3));
    assert_eq!(finding.summary, "it ended 3 days ago");
    let authority = finds("certs/expiry", Severity::Critical, |certificate| {
        certificate.is_authority = true;
        left(1)(certificate);
    });
    assert!(authority.advice.contains("trusted everywhere"), "{authority:#?}");
    finds("certs/expiry", Severity::Critical, |certificate| certificate.not_before = NOW + DAY);
}

#[test]
fn they_do_not_fit() {
    let foreign = Chain::Foreign { by: "/etc/kubernetes/pki/ca.crt".to_owned() };
    finds("certs/chain", Severity::Critical, |certificate| certificate.chain = foreign.clone());
    assert_eq!(found(|certificate| certificate.chain = Chain::Unknown), [], "no authority is at hand");
    let finding = finds("certs/chain", Severity::Critical, |certificate| {
        certificate.source = "web.shop.svc:443".to_owned();
        certificate.found_in = FoundIn::Handshake;
        certificate.chain =
            Chain::Untrusted { by: "the caBundle of ValidatingWebhookConfiguration w".to_owned() };
    });
    assert_eq!(finding.subject.to_string(), "server web.shop.svc:443");
    assert_eq!(
        finding.summary,
        "the caBundle of ValidatingWebhookConfiguration w has no authority that made it"
    );
    finds("certs/key", Severity::Critical, |certificate| certificate.key_fits = Some(false));
    assert_eq!(found(|certificate| certificate.key_fits = None), [], "no key is at hand");
    let finding = finds("certs/names", Severity::Critical, |certificate| {
        certificate.found_in = FoundIn::Handshake;
        certificate.lacks_name = Some("10.0.0.1".to_owned());
    });
    assert_eq!(finding.subject.kind, "server");
}
