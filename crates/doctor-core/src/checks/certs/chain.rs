//! Whether certificates are of the authority that is trusted.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::certificate::Chain;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "certs/chain",
    group: Group::Certs,
    severity: Severity::Critical,
    title: "a certificate is not of the authority that is trusted",
    meaning: "The authority at hand has the name of its issuer and did not sign it: one of both was made anew. Whoever trusts the \
              one refuses the other.",
    basis: &["https://kubernetes.io/docs/setup/best-practices/certificates/"],
    needs: &[Need::Certificates],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for certificate in &facts.certificates {
        let Chain::Foreign { by } = &certificate.chain else { continue };
        let evidence = vec![
            Evidence::new("made by", &certificate.issuer, &certificate.source),
            Evidence::new("authority of this name", "it did not sign it", by),
        ];
        let summary = format!("the authority in {by} has the name of its issuer and did not sign it");
        let advice = "find out which of both is older, and make what it signed anew with the other";
        findings.add(Severity::Critical, subject(certificate), summary, advice, evidence);
    }
}
