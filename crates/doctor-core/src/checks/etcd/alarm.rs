//! Alarms.

use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::etcd::AlarmKind;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) const CHECK: Check = Check {
    id: "etcd/alarm",
    group: Group::Etcd,
    severity: Severity::Critical,
    title: "an alarm is raised",
    meaning: "With the alarm NOSPACE etcd refuses every write, and so does all that keeps its state in it. With CORRUPT its \
              members hold different data, and whoever reads may read either.",
    basis: &[
        "https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota",
        "https://etcd.io/docs/v3.6/op-guide/data_corruption/",
    ],
    needs: &[Need::EtcdStatus, Need::EtcdAlarms],
    fix: Some(
        "finds what fills it, snapshots, compacts, defragments member by member, disarms NOSPACE, and proves a write",
    ),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut alarms = facts.etcd.alarms.clone();
    alarms.sort_by_key(|alarm| (alarm.kind, alarm.member));
    for alarm in alarms {
        let (name, summary, advice) = match alarm.kind {
            AlarmKind::NoSpace => (
                "NOSPACE",
                "the alarm NOSPACE is raised: the cluster refuses to write",
                "run `stanchion doctor fix etcd/alarm`: it shows its plan first",
            ),
            AlarmKind::Corrupt => (
                "CORRUPT",
                "the alarm CORRUPT is raised: members hold different data",
                "do not compact, defragment or disarm; compare the members with `etcdutl hashkv`, take out the one that \
                 differs, wipe it and add it again",
            ),
            AlarmKind::Unknown(_) => (
                "unknown",
                "an alarm is raised that is not known here",
                "look at it with `etcdctl alarm list`, and at the log of the member",
            ),
        };
        let label = facts.etcd.label_of(alarm.member);
        let cause = Subject::etcd();
        let evidence = vec![Evidence::new(format!("alarm of {label}"), name, "the alarms of etcd")];
        let member = Subject::new("etcd member", label);
        findings.add_of(Severity::Critical, &cause, member, summary, advice, evidence);
    }
}
