//! Where something of the API was read: what `kubectl get --raw` is given to see it again.

use crate::facts::Facts;
use crate::subject::Subject;

/// Returns where the object that a finding is about was read.
pub(super) fn of(facts: &Facts, subject: &Subject) -> String {
    let server = &facts.kube.server;
    match (path(&subject.kind), &subject.namespace) {
        (Some((group, plural)), Some(namespace)) => {
            format!("{server}{group}/namespaces/{namespace}/{plural}/{}", subject.name)
        }
        (Some((group, plural)), None) => format!("{server}{group}/{plural}/{}", subject.name),
        (None, _) => format!("{server} {subject}"),
    }
}

/// Returns the group and the plural of a kind of the API.
fn path(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "CronJob" => ("/apis/batch/v1", "cronjobs"),
        "DaemonSet" => ("/apis/apps/v1", "daemonsets"),
        "Deployment" => ("/apis/apps/v1", "deployments"),
        "Job" => ("/apis/batch/v1", "jobs"),
        "Namespace" => ("/api/v1", "namespaces"),
        "Node" => ("/api/v1", "nodes"),
        "Pod" => ("/api/v1", "pods"),
        "PodDisruptionBudget" => ("/apis/policy/v1", "poddisruptionbudgets"),
        "PriorityClass" => ("/apis/scheduling.k8s.io/v1", "priorityclasses"),
        "StatefulSet" => ("/apis/apps/v1", "statefulsets"),
        _ => return None,
    })
}
