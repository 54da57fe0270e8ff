//! Containers that cannot be started.

use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::pod::{ContainerState, Pod};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// A registry that is slow, and a ConfigMap that is made after its Pod, are there by then.
const WARNING: i64 = 60;
/// By now nobody brings what is missing.
const CRITICAL: i64 = 10 * 60;

/// Why the kubelet does not start a container, and what to do.
const REASONS: [(&str, &str); 9] = [
    (
        "CreateContainerConfigError",
        "make the ConfigMap or the Secret that it names, or name one that is there",
    ),
    ("CreateContainerError", "the Event says what the container runtime said"),
    ("ErrImageNeverPull", "bring the image to the node, or let it be pulled"),
    ("ErrImagePull", PULL),
    ("ImageInspectError", "the image on the node is damaged: remove it there, and have it pulled again"),
    ("ImagePullBackOff", PULL),
    ("InvalidImageName", "mend the name of the image"),
    ("RegistryUnavailable", PULL),
    ("RunContainerError", "the Event says what the container runtime said; often the command is not there"),
];
const PULL: &str = "compare the name and the tag of the image with what the registry has, and see that the node may pull it \
                    (imagePullSecrets) and reaches it";

pub(crate) const CHECK: Check = Check {
    id: "pods/not-starting",
    group: Group::Pods,
    severity: Severity::Critical,
    title: "a container cannot be started",
    meaning: "Its image cannot be pulled, or something that it is to be given is not there, so the kubelet tries again and again. A \
              rollout stands still at such a Pod, and a node that is replaced does not get its Pods back.",
    basis: &["https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff"],
    needs: &[Need::KubePods, Need::KubeWorkloads, Need::KubeJobs],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for group in facts.kube.pods.groups() {
        for pod in facts.kube.pods.members(group).filter(|pod| pod.is_live()) {
            for container in &pod.containers {
                judge(facts, pod, container, &group.cause, findings);
            }
        }
    }
}

fn judge(
    facts: &Facts,
    pod: &Pod,
    container: &ContainerState,
    cause: &crate::subject::Subject,
    findings: &mut Findings,
) {
    let Some((reason, message)) = container.waiting.as_deref() else { return };
    let Some((_, advice)) = REASONS.iter().find(|(known, _)| known == reason) else { return };
    let Some(age) = since(facts.now, pod.scheduled.or(pod.created)).filter(|age| *age >= WARNING) else {
        return;
    };
    let severity = if age >= CRITICAL { Severity::Critical } else { Severity::Warning };
    // One of both follows on the other every few minutes.
    let reason = if reason == "ImagePullBackOff" { "ErrImagePull" } else { reason };
    let place = source::of(facts, &pod.subject());
    let evidence = vec![
        Evidence::new(reason, message, &place),
        Evidence::new("it has had a node for", shown(age), &place),
    ];
    let summary = format!("its container {} cannot be started: {reason}", container.name);
    findings.add_of(severity, cause, pod.subject(), summary, *advice, evidence);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::checks::given::{ago, finds, found};
    use crate::severity::Severity;

    fn pod(reason: &str, age: i64) -> Value {
        json!({"kind": "Pod", "metadata": {"name": "p", "namespace": "a", "creationTimestamp": ago(age)},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "none:1"}]},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "c", "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": "not found"}}}]}})
    }

    #[test]
    fn what_is_missing_is_said_once_it_is_not_just_late() {
        let finding = finds("pods/not-starting", Severity::Warning, &[pod("ImagePullBackOff", 70)]);
        assert_eq!(finding.summary, "its container c cannot be started: ErrImagePull");
        let finding =
            finds("pods/not-starting", Severity::Critical, &[pod("CreateContainerConfigError", 700)]);
        assert!(finding.advice.contains("ConfigMap"), "{finding:#?}");
        assert_eq!(found(&[pod("ErrImagePull", 30)]), []);
        assert_eq!(found(&[pod("ContainerCreating", 700)]), []);
        assert_eq!(found(&[pod("PodInitializing", 700)]), []);
    }
}
