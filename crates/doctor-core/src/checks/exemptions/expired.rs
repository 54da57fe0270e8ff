//! Exemptions that have ended.

use crate::check::{Check, Group};
use crate::exemption::Target;
use crate::exemption::until::Until;
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) const CHECK: Check = Check {
    id: "exemptions/expired",
    group: Group::Exemptions,
    severity: Severity::Info,
    title: "an exemption has ended",
    meaning: "Somebody said until when a finding is all right, and that is over: it is reported again. Either what was \
              promised is still to be done, or somebody has to say anew why it may stay.",
    basis: &["https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/"],
    needs: &[Need::Exemptions],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for exemption in facts.exemptions.over() {
        let subject = match &exemption.target {
            Target::Object(subject) => subject.clone(),
            Target::Namespace(name) => Subject::new("Namespace", name),
            Target::Matching(_) => Subject::new("exemption", &exemption.by),
        };
        let until = exemption.until.as_ref().map_or("", Until::text);
        let summary = format!("its exemption from {} ended with {until}", exemption.checks.name());
        let advice =
            "mend what is found, then remove the exemption; or give it a new end, and the reason for that";
        let evidence = vec![Evidence::new("reason", &exemption.reason, &exemption.by)];
        findings.add(Severity::Info, subject, summary, advice, evidence);
    }
}
