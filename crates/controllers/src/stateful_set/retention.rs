//! Whether claims go with their Pod or with the set: they are owned by what they are to go with.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::owner;

/// Returns the owners a claim is to have; none if it has them.
///
/// With `whenDeleted: Delete` the set owns it, with `whenScaled: Delete` a Pod that is `condemned` does.
pub(super) fn owners(
    set: &StatefulSet,
    pod: &Pod,
    condemned: bool,
    claim: &PersistentVolumeClaim,
) -> Option<Vec<OwnerReference>> {
    let policy = set.spec.as_ref().and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
    let deletes = |when: Option<&String>| when.is_some_and(|what| what == "Delete");
    let when_deleted = deletes(policy.and_then(|policy| policy.when_deleted.as_ref()));
    let when_scaled = deletes(policy.and_then(|policy| policy.when_scaled.as_ref()));
    let pod_owns = when_scaled && condemned;
    let set_owns = when_deleted && !pod_owns;
    let known = claim.metadata.owner_references.clone().unwrap_or_default();
    let (by_set, by_pod) = (owner::reference(set), owner::reference(pod));
    // A Pod of the name that was there before is as good as none.
    let ours =
        |owner: &OwnerReference| owner.uid == by_set.uid || owner.kind == "Pod" && owner.name == by_pod.name;
    let mut wanted: Vec<OwnerReference> = known.iter().filter(|owner| !ours(owner)).cloned().collect();
    for (owns, reference) in [(set_owns, by_set), (pod_owns, by_pod)] {
        if owns {
            let kept = known.iter().find(|owner| owner.uid == reference.uid).cloned();
            wanted.push(kept.unwrap_or(reference));
        }
    }
    (wanted != known).then_some(wanted)
}

/// Returns whether a claim is about to go with an earlier Pod of this name, so that a new Pod must wait.
pub(super) fn is_stale(claim: &PersistentVolumeClaim, pod_name: &str) -> bool {
    let owners = claim.metadata.owner_references.iter().flatten();
    let by_pod = owners.into_iter().any(|owner| owner.kind == "Pod" && owner.name == pod_name);
    by_pod || claim.metadata.deletion_timestamp.is_some()
}
