//! Whether there is a backup.

use std::time::Duration;

use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::{Bytes, Seconds};

/// One a day is what most keep.
const WARNING: Duration = Duration::from_hours(26);
/// As long as snapshots are kept by default: then the last one is about to go.
const CRITICAL: Duration = Duration::from_hours(7 * 24);

pub(crate) const CHECK: Check = Check {
    id: "etcd/snapshot",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "there is no fresh snapshot",
    meaning: "Whatever is lost or corrupted in etcd can only be restored from a snapshot. All that was written since the newest \
              is lost then.",
    basis: &["https://etcd.io/docs/v3.6/op-guide/recovery/"],
    needs: &[Need::EtcdSnapshots],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let source = match facts.readings.get(&Need::EtcdSnapshots) {
        Some(crate::need::Reading::Read { source } | crate::need::Reading::Partly { source, .. }) => {
            source.as_str()
        }
        Some(crate::need::Reading::Failed { .. } | crate::need::Reading::Absent { .. }) | None => return,
    };
    let advice = "take one: `stanchion etcd snapshot --dir …` also verifies it and removes those of more than a week; \
                  `stanchion etcd manifest snapshot` prints a job that does so every day";
    let Some(snapshot) = &facts.etcd.snapshot else {
        let evidence = vec![Evidence::new("whole snapshots", 0, source)];
        findings.add(
            Severity::Critical,
            Subject::etcd(),
            "there is no snapshot of it that is whole",
            advice,
            evidence,
        );
        return;
    };
    let age = Duration::from_secs(u64::try_from(facts.now.saturating_sub(snapshot.at)).unwrap_or(0));
    let severity = match age {
        age if age >= CRITICAL => Severity::Critical,
        age if age >= WARNING => Severity::Warning,
        _ => return,
    };
    let evidence = vec![
        Evidence::new("age", Seconds(age), &snapshot.path),
        Evidence::new("size", Bytes(snapshot.size), &snapshot.path),
    ];
    findings.add(
        severity,
        Subject::etcd(),
        format!("its newest snapshot is {} old", Seconds(age)),
        advice,
        evidence,
    );
}
