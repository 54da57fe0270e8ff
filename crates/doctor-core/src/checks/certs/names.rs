//! Whether certificates hold the names that servers are reached by.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "certs/names",
    group: Group::Certs,
    severity: Severity::Critical,
    title: "a certificate lacks the name that its server is reached by",
    meaning: "Clients compare the name or address that they connect to with those in the certificate, and refuse if it is not \
              among them. That is so after a server got another address or name.",
    basis: &["https://kubernetes.io/docs/setup/best-practices/certificates/#all-certificates"],
    needs: &[Need::Certificates],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for certificate in &facts.certificates {
        let Some(name) = &certificate.lacks_name else { continue };
        let evidence = vec![
            Evidence::new("for", &certificate.subject, &certificate.source),
            Evidence::new("reached by", name, &certificate.source),
        ];
        let summary = format!("its certificate is not good for {name}");
        let advice = "make it anew with this name among its subject alternative names";
        findings.add(Severity::Critical, subject(certificate), summary, advice, evidence);
    }
}
