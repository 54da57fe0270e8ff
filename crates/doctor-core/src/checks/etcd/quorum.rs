//! How many may fail.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// More members make every write slower, and etcd's documentation advises against it.
const MANY: usize = 7;

pub(crate) const CHECK: Check = Check {
    id: "etcd/quorum",
    group: Group::Etcd,
    severity: Severity::Warning,
    title: "the number of members is a risk",
    meaning: "A cluster goes on while a majority of its voting members does. One member survives no failure, and an even number \
              survives no more than one less, with one more that can fail.",
    basis: &["https://etcd.io/docs/v3.6/faq/#why-an-odd-number-of-cluster-members"],
    needs: &[Need::EtcdStatus],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let voters = facts.etcd.voters();
    let evidence = || {
        let names: Vec<_> = facts.etcd.members.iter().map(crate::facts::etcd::Member::label).collect();
        vec![
            Evidence::new("voting members", voters, "the member list"),
            Evidence::new("members", names.join(", "), "the member list"),
        ]
    };
    let mut add = |severity, summary: String, advice: &str| {
        findings.add(severity, Subject::etcd(), summary, advice, evidence());
    };
    if voters == 1 {
        let advice = "for more than one machine, run three members on three";
        add(Severity::Info, "it has one member and survives no failure".to_owned(), advice);
    } else if voters.is_multiple_of(2) && voters > 0 {
        let advice = "add a member, or take one out";
        let summary =
            format!("its {voters} voting members survive no more failures than {} would", voters - 1);
        add(Severity::Warning, summary, advice);
    } else if voters > MANY {
        let summary = format!("each write waits for a majority of its {voters} members");
        add(Severity::Warning, summary, "five survive two failures; take some out");
    }
    for learner in facts.etcd.members.iter().filter(|member| member.is_learner) {
        let summary = "it learns and does not vote";
        let advice = "promote it once it has caught up (`etcdctl member promote`); it cannot be defragmented online until then";
        let evidence = vec![Evidence::new("learner", "yes", "the member list")];
        findings.add(Severity::Info, subject(learner), summary, advice, evidence);
    }
}
