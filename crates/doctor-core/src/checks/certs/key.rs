//! Whether keys are those of their certificates.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "certs/key",
    group: Group::Certs,
    severity: Severity::Critical,
    title: "a private key is not that of its certificate",
    meaning: "The file of the key beside it holds another one: a renewal was done by half. Whoever reads both does not start, or \
              goes on with the old ones until it is restarted.",
    basis: &["https://kubernetes.io/docs/setup/best-practices/certificates/"],
    needs: &[Need::Certificates],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for certificate in facts.certificates.iter().filter(|certificate| certificate.key_fits == Some(false)) {
        let evidence = vec![
            Evidence::new("for", &certificate.subject, &certificate.source),
            Evidence::new("key", "another one's", &certificate.source),
        ];
        let advice = "put the key back that it was made with, or renew both";
        let summary = "the private key beside it is not its own";
        findings.add(Severity::Critical, subject(certificate), summary, advice, evidence);
    }
}
