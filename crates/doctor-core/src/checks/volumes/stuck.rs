//! Pods that wait for volumes.

use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::checks::volumes::proof::{Proof, prove};
use crate::facts::Facts;
use crate::facts::kube::event::Event;
use crate::facts::kube::pod::{Phase, Pod};
use crate::facts::kube::volume::{Attachment, PersistentVolume};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// A driver may take so long to move a volume.
const INFO: i64 = 60;
/// A detach that goes well is done by then.
const WARNING: i64 = 3 * 60;
/// By now the controller would have taken it off a node that it counts as unhealthy.
const CRITICAL: i64 = 7 * 60;

pub(crate) const CHECK: Check = Check {
    id: "volumes/stuck",
    group: Group::Volumes,
    severity: Severity::Critical,
    title: "a Pod waits for a volume",
    meaning: "A block volume is attached to one node at a time, and stays there until that node lets it go or is known to be gone. \
              Until then a Pod on another node hangs in ContainerCreating.",
    basis: &[
        "https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown",
        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/",
    ],
    needs: &[Need::KubeNodes, Need::KubePods, Need::KubeVolumes, Need::KubeEvents],
    fix: Some(
        "keeps a single Pod to the node that has its volume, or takes the volume off a node that is proved gone",
    ),
    run,
};

/// A volume that a Pod waits for, held by another node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    /// The volume.
    pub(crate) volume: &'a PersistentVolume,
    /// What holds it.
    pub(crate) attachment: &'a Attachment,
}

impl Held<'_> {
    /// Returns the node that holds it.
    pub(crate) fn node(&self) -> &str {
        &self.attachment.spec.node_name
    }

    /// Looks whether the node that holds it is gone.
    pub(crate) fn proof(&self, facts: &Facts) -> Proof {
        prove(facts, self.node())
    }
}

/// Returns the volumes of a Pod that other nodes hold, though only one node may.
pub(crate) fn held<'a>(facts: &'a Facts, pod: &'a Pod) -> Vec<Held<'a>> {
    let mut found = Vec::new();
    for claim in &pod.claims {
        let claims = facts.kube.claims.iter();
        let own = claims
            .filter(|one| one.meta.namespace() == &*pod.namespace)
            .find(|one| *one.meta.name == **claim);
        let Some(volume) = own.and_then(|claim| {
            facts.kube.volumes.iter().find(|volume| volume.meta.name == claim.spec.volume_name)
        }) else {
            continue;
        };
        if volume.spec.access_modes.iter().any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany") {
            continue;
        }
        let of_volume = |one: &&Attachment| {
            one.spec.source.persistent_volume_name.as_deref() == Some(volume.meta.name.as_str())
                && Some(one.spec.node_name.as_str()) != pod.node.as_deref()
        };
        found.extend(
            facts.kube.attachments.iter().filter(of_volume).map(|attachment| Held { volume, attachment }),
        );
    }
    found
}

/// Returns since how many seconds a Pod has had a node and no container, if that is so.
pub(crate) fn waiting(facts: &Facts, pod: &Pod) -> Option<i64> {
    let hangs = pod.is_live() && pod.phase == Phase::Pending && pod.node.is_some();
    let has_begun = pod.containers.iter().any(|one| one.running_since.is_some() || one.ended.is_some());
    if !hangs || has_begun || pod.claims.is_empty() {
        return None;
    }
    since(facts.now, pod.scheduled.or(pod.created)).filter(|age| *age >= INFO)
}

fn run(facts: &Facts, findings: &mut Findings) {
    for group in facts.kube.pods.groups() {
        for pod in facts.kube.pods.members(group) {
            let Some(age) = waiting(facts, pod) else { continue };
            let event = facts.kube.events.iter().find(|event| is_about_volumes(event, pod));
            let held = held(facts, pod);
            if event.is_none() && held.is_empty() {
                continue;
            }
            let severity = match age {
                CRITICAL.. => Severity::Critical,
                WARNING.. => Severity::Warning,
                _ => Severity::Info,
            };
            let subject = pod.subject();
            let mut evidence = vec![Evidence::new("waits for", shown(age), source::of(facts, &subject))];
            evidence.extend(event.map(|event| {
                Evidence::new(
                    &event.reason,
                    &event.message,
                    format!("{}, Event of {subject}", facts.kube.server),
                )
            }));
            let (summary, advice) = explain(facts, held.first(), &mut evidence);
            findings.add_of(severity, &group.cause, subject, summary, advice, evidence);
        }
    }
}

fn is_about_volumes(event: &Event, pod: &Pod) -> bool {
    let about = &event.involved_object;
    matches!(&*event.reason, "FailedAttachVolume" | "FailedMount" | "FailedMapVolume")
        && about.kind == "Pod"
        && about.namespace.as_deref() == Some(&*pod.namespace)
        && *about.name == *pod.name
}

/// Says what a Pod waits for, and what can be done about it.
fn explain(facts: &Facts, held: Option<&Held<'_>>, evidence: &mut Vec<Evidence>) -> (String, String) {
    let Some(held) = held else {
        return (
            "it waits for a volume that cannot be attached or mounted".to_owned(),
            "the Event says what the driver or the kubelet said; look at the driver's Pods on this node"
                .to_owned(),
        );
    };
    let place = source::of(facts, &held.attachment.meta.subject("VolumeAttachment"));
    evidence.push(Evidence::new("volume", &held.volume.meta.name, &place));
    evidence.push(Evidence::new("attached to", held.node(), &place));
    let error = held.attachment.status.detach_error.as_ref();
    evidence.extend(error.map(|error| Evidence::new("cannot be taken off", &error.message, &place)));
    let proof = held.proof(facts);
    let summary = format!("it waits for a volume that the node {} holds", held.node());
    let advice = if proof.is_complete() {
        "that node is gone, by two facts: taint it node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, and the volume is taken \
         off it; if its object is deleted, delete the VolumeAttachment"
            .to_owned()
    } else if proof.contradicts.is_empty() {
        let lacks = proof.lacks.join("; ");
        format!(
            "make sure that the machine is off before the volume is taken off it: it is not proved ({lacks})"
        )
    } else {
        "that node is there: see which Pod on it still uses the volume, end that one, or have this Pod placed on that node".to_owned()
    };
    evidence.extend(proof.says);
    evidence.extend(proof.contradicts);
    (summary, advice)
}
