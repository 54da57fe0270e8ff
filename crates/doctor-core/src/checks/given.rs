//! Facts for tests, from objects as the API writes them.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::checks::ALL;
use crate::facts::Facts;
use crate::facts::kube::kubelet::Configz;
use crate::facts::kube::node::Lease;
use crate::facts::kube::workload::{Workload, WorkloadKind};
use crate::need::{Need, Reading};
use crate::severity::Severity;
use crate::{Finding, diagnose};

/// The time at which the objects are looked at.
pub(super) const NOW: i64 = 1_800_000_000;

/// Writes the time so many seconds ago.
pub(crate) fn ago(seconds: i64) -> String {
    stanchion_machinery::time::format_seconds(NOW - seconds)
}

fn read<T: DeserializeOwned>(object: &Value) -> T {
    serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object:#}"))
}

/// Returns facts with these objects, by their kinds. All that the API tells counts as read.
pub(crate) fn facts(objects: &[Value]) -> Facts {
    use Need::*;
    let mut facts = Facts::new(NOW);
    facts.kube.server = "https://c".to_owned();
    let needs = [
        KubeServer,
        KubeNodes,
        KubePods,
        KubeWorkloads,
        KubeJobs,
        KubeBudgets,
        KubePolicies,
        KubeServices,
        KubeVolumes,
        KubeEvents,
        KubeReleases,
        KubeKubelets,
        KubeIngresses,
        KubeLogs,
        KubeDeprecatedApis,
        Prometheus,
    ];
    for need in needs {
        facts.note(need, Reading::Read { source: "here".to_owned() });
    }
    for object in objects {
        add(&mut facts, object);
    }
    facts.kube.join();
    facts
}

fn add(facts: &mut Facts, object: &Value) {
    let kube = &mut facts.kube;
    match object["kind"].as_str().expect("a kind") {
        "Namespace" => kube.namespaces.push(read(&object["metadata"])),
        "Node" => kube.nodes.push(read(object)),
        "Lease" => {
            let lease: Lease = read(object);
            kube.leases.insert(lease.meta.name.clone(), lease);
        }
        "Pod" => kube.pods.add(read(object)),
        "Deployment" => kube.workloads.push(Workload { kind: WorkloadKind::Deployment, ..read(object) }),
        "StatefulSet" => kube.workloads.push(Workload { kind: WorkloadKind::StatefulSet, ..read(object) }),
        "DaemonSet" => kube.workloads.push(Workload { kind: WorkloadKind::DaemonSet, ..read(object) }),
        "ReplicaSet" => kube.replica_sets.push(read(object)),
        "PodDisruptionBudget" => kube.budgets.push(read(object)),
        "PriorityClass" => kube.priority_classes.push(read(object)),
        "ResourceQuota" => kube.quotas.push(read(object)),
        "Job" => kube.jobs.push(read(object)),
        "CronJob" => kube.cron_jobs.push(read(object)),
        "Service" => kube.services.push(read(object)),
        "EndpointSlice" => kube.slices.push(read(object)),
        "PersistentVolumeClaim" => kube.claims.push(read(object)),
        "PersistentVolume" => kube.volumes.push(read(object)),
        "VolumeAttachment" => kube.attachments.push(read(object)),
        "Event" => kube.events.push(read(object)),
        "Release" => kube.releases.push(read(object)),
        "Ingress" => kube.ingresses.push(read(object)),
        "IngressClass" => kube.ingress_classes.push(read(object)),
        "Kubelet" => {
            let mut kubelet = read::<Configz>(object).kubelet;
            read::<String>(&object["node"]).clone_into(&mut kubelet.node);
            kube.kubelets.push(kubelet);
        }
        kind => panic!("{kind} is not read"),
    }
}

/// Returns what checks of the cluster find in these objects.
pub(super) fn found(objects: &[Value]) -> Vec<Finding> {
    found_in(&facts(objects))
}

/// Returns what checks of the cluster find.
pub(super) fn found_in(facts: &Facts) -> Vec<Finding> {
    const OTHERS: [&str; 7] =
        ["workloads/", "budgets/", "jobs/", "pods/", "releases/pile", "etcd/", "exemptions/"];
    let checks = ALL.iter().copied();
    let checks = checks.filter(|check| {
        ["pods/crashing", "pods/not-starting"].contains(&check.id)
            || !OTHERS.iter().any(|other| check.id.starts_with(other))
    });
    diagnose(facts, checks).findings
}

/// Returns the one finding in these objects; panics unless it is of this check and severity.
#[track_caller]
pub(super) fn finds(check: &str, severity: Severity, objects: &[Value]) -> Finding {
    let mut findings = found(objects);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = findings.remove(0);
    assert_eq!((finding.check, finding.severity), (check, severity), "{finding:#?}");
    finding
}

/// Returns what one check finds in these objects.
#[track_caller]
pub(super) fn finds_of(check: &str, objects: &[Value]) -> Vec<Finding> {
    let check = super::find(check).unwrap_or_else(|| panic!("there is no check {check}"));
    diagnose(&facts(objects), [check]).findings
}
