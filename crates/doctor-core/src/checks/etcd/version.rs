//! Versions with known defects.

mod defects;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::etcd::{Member, Status, Version};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use defects::{DEFECTS, Defect};

/// The oldest minor version that still gets corrections: 3.4 ended with 3.4.45.
const MAINTAINED: (u64, u64) = (3, 5);

pub(crate) const CHECK: Check = Check {
    id: "etcd/version",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "the version has known defects",
    meaning: "Some versions of etcd lose or damage data under circumstances that come about by themselves. Later versions of the \
              same minor are free of that and can be put in member by member.",
    basis: &[
        "https://github.com/etcd-io/etcd/tree/main/CHANGELOG",
        "https://etcd.io/docs/v3.6/op-guide/data_corruption/",
        "https://etcd.io/blog/2025/zombie_members_upgrade/",
    ],
    needs: &[Need::EtcdStatus],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut found: BTreeMap<(u64, u64), Vec<String>> = BTreeMap::new();
    for (member, status) in facts.etcd.reached() {
        let Ok(version) = status.version.parse::<Version>() else { continue };
        found.entry((version.major, version.minor)).or_default().push(member.label());
        judge(version, member, status, findings);
    }
    if found.len() > 1 {
        let versions: Vec<_> = found
            .iter()
            .map(|((major, minor), members)| format!("{major}.{minor} on {}", members.join(", ")))
            .collect();
        let evidence = vec![Evidence::new("versions", versions.join("; "), "the members")];
        let advice = "finish the upgrade: until all are of one minor, nothing new is used and a downgrade is still open";
        findings.add(
            Severity::Info,
            Subject::etcd(),
            "its members are of different minor versions",
            advice,
            evidence,
        );
    }
}

/// Says what is known of a member's version. Members of one version are one finding, and so are its defects.
fn judge(version: Version, member: &Member, status: &Status, findings: &mut Findings) {
    let cause = Subject::new("etcd version", version.to_string());
    let source = &status.endpoint;
    let said = || Evidence::new("version", &status.version, source);
    let mut defects: Vec<_> = DEFECTS.iter().filter(|defect| defect.is_of(version)).collect();
    defects.sort_by_key(|defect| Reverse(defect.severity));
    if let Some(gravest) = defects.first() {
        let more = match defects.len() - 1 {
            0 => String::new(),
            1 => ", and one more defect".to_owned(),
            more => format!(", and {more} more defects"),
        };
        let until = defects.iter().map(|defect| defect.until).max().unwrap_or(gravest.until);
        let advice = format!("upgrade to {until} or later, one member after the other");
        let mut evidence = vec![said()];
        let of = |defect: &&Defect| {
            Evidence::new(format!("corrected in {}", defect.until), defect.what, "etcd's changelog")
        };
        evidence.extend(defects.iter().map(of));
        let summary = format!("{}{more}", gravest.what);
        findings.add_of(gravest.severity, &cause, subject(member), summary, advice, evidence);
    }
    if (version.major, version.minor) < MAINTAINED {
        let advice = "upgrade minor by minor, one member after the other";
        let summary = "it gets no corrections any more";
        findings.add_of(Severity::Warning, &cause, subject(member), summary, advice, vec![said()]);
    }
}
