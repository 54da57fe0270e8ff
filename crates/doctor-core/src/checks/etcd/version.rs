//! Versions with known defects.

use std::collections::BTreeMap;

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::etcd::Version;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// A defect of some versions.
struct Defect {
    /// Those from here on have it.
    from: Version,
    /// Those from here on do not.
    until: Version,
    severity: Severity,
    what: &'static str,
}

/// The oldest minor version that gets corrections: etcd maintains the newest two.
const MAINTAINED: (u64, u64) = (3, 5);

/// Known defects that lose or damage data, or end a member while it is cared for.
const DEFECTS: &[Defect] = &[
    Defect {
        from: Version::new(3, 5, 0),
        until: Version::new(3, 5, 3),
        severity: Severity::Critical,
        what: "a member that crashes under load may come back with other data than the rest, unnoticed",
    },
    Defect {
        from: Version::new(3, 5, 0),
        until: Version::new(3, 5, 6),
        severity: Severity::Critical,
        what: "a member that crashes while it is defragmented may come back with other data than the rest",
    },
    Defect {
        from: Version::new(3, 5, 6),
        until: Version::new(3, 5, 23),
        severity: Severity::Warning,
        what: "a defragmentation while a member takes in a snapshot may damage its data",
    },
    Defect {
        from: Version::new(3, 6, 0),
        until: Version::new(3, 6, 5),
        severity: Severity::Warning,
        what: "a defragmentation while a member takes in a snapshot may damage its data",
    },
];

pub(crate) const CHECK: Check = Check {
    id: "etcd/version",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "the version has known defects",
    meaning: "Some versions of etcd lose or damage data under circumstances that come about by themselves. Later versions of the \
              same minor are free of that and can be put in member by member.",
    basis: &["https://github.com/etcd-io/etcd/tree/main/CHANGELOG"],
    needs: &[Need::EtcdStatus],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut found = BTreeMap::new();
    for (member, status) in facts.etcd.reached() {
        let Ok(version) = status.version.parse::<Version>() else { continue };
        found.entry((version.major, version.minor)).or_insert_with(Vec::new).push(member.label());
        let evidence = || vec![Evidence::new("version", &status.version, &status.endpoint)];
        for defect in DEFECTS.iter().filter(|defect| version >= defect.from && version < defect.until) {
            let advice = format!("upgrade to {} or later, one member after the other", defect.until);
            findings.add(
                defect.severity,
                subject(member),
                format!("in {version} {}", defect.what),
                advice,
                evidence(),
            );
        }
        if (version.major, version.minor) < MAINTAINED {
            let summary = format!("{version} gets no corrections any more");
            let advice = "upgrade minor by minor, one member after the other";
            findings.add(Severity::Warning, subject(member), summary, advice, evidence());
        }
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
