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
    meaning: "The authority at hand has the name of its issuer and did not sign it, as one of both was made anew, or a webhook's \
              caBundle holds none that made it. Whoever trusts the one refuses the other: such a webhook is not called, and with \
              `failurePolicy: Fail` nothing that it is asked about can be written.",
    basis: &[
        "https://kubernetes.io/docs/setup/best-practices/certificates/",
        "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook",
    ],
    needs: &[Need::Certificates],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for certificate in &facts.certificates {
        let (by, says, summary, advice) = match &certificate.chain {
            Chain::Unknown | Chain::Signed { .. } => continue,
            Chain::Foreign { by } => (
                by,
                ("authority of this name", "it did not sign it"),
                format!("the authority in {by} has the name of its issuer and did not sign it"),
                "find out which of both is older, and make what it signed anew with the other",
            ),
            Chain::Untrusted { by } => (
                by,
                ("whom the API server trusts there", "none of them made it"),
                format!("{by} has no authority that made it"),
                "see who makes both (an operator such as cert-manager, or a person): put the authority into the caBundle that made \
                 it, or have the server show what the one there made",
            ),
        };
        let evidence = vec![
            Evidence::new("made by", &certificate.issuer, &certificate.source),
            Evidence::new(says.0, says.1, by),
        ];
        findings.add(Severity::Critical, subject(certificate), summary, advice, evidence);
    }
}
