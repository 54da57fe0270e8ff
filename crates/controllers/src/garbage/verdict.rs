//! What becomes of an object that has owners.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::PropagationPolicy;
use serde_json::{Value, json};

use super::graph::{FOREGROUND, ORPHAN};

/// What an owner is, as far as one that belongs to it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    Solid,
    /// It is gone.
    Dangling,
    /// It waits for what belongs to it to go.
    Waiting,
}

/// What is to be done with an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing.
    Keep,
    /// Its references are to become these, because some lead nowhere and others do not.
    Refer(Vec<OwnerReference>),
    /// It is to be deleted.
    Delete(PropagationPolicy),
    /// It is to be deleted after what belongs to it, and must no longer hold up its owners, as they hold up each other.
    Unblock(Vec<OwnerReference>),
}

/// What belongs to the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dependents {
    None,
    Some,
    /// Some of them wait for what belongs to them: this may be a circle.
    Waiting,
}

/// Decides from what the owners are, in the order of the references.
pub(super) fn decide(meta: &ObjectMeta, owners: &[Standing], dependents: Dependents) -> Verdict {
    let references = meta.owner_references.as_deref().unwrap_or_default();
    let standing = |wanted: Standing| owners.contains(&wanted);
    if references.is_empty() {
        return Verdict::Keep;
    }
    if standing(Standing::Solid) {
        let kept = references.iter().zip(owners).filter(|(_, owner)| **owner == Standing::Solid);
        let kept: Vec<OwnerReference> = kept.map(|(reference, _)| reference.clone()).collect();
        return if kept.len() == references.len() { Verdict::Keep } else { Verdict::Refer(kept) };
    }
    let blocks = references.iter().any(|reference| reference.block_owner_deletion == Some(true));
    match dependents {
        Dependents::Waiting if standing(Standing::Waiting) && blocks => {
            let mut references = references.to_vec();
            for reference in &mut references {
                reference.block_owner_deletion = Some(false);
            }
            Verdict::Unblock(references)
        }
        Dependents::Some | Dependents::Waiting if standing(Standing::Waiting) => {
            Verdict::Delete(PropagationPolicy::Foreground)
        }
        Dependents::None | Dependents::Some | Dependents::Waiting => Verdict::Delete(policy(meta)),
    }
}

/// Returns the policy that the finalizers of an object ask for.
fn policy(meta: &ObjectMeta) -> PropagationPolicy {
    let has = |name: &str| meta.finalizers.as_ref().is_some_and(|all| all.iter().any(|it| it == name));
    if has(ORPHAN) {
        PropagationPolicy::Orphan
    } else if has(FOREGROUND) {
        PropagationPolicy::Foreground
    } else {
        PropagationPolicy::Background
    }
}

/// Returns the patch that sets the references of an object, if it is as it was read.
pub(super) fn refer(meta: &ObjectMeta, references: &[OwnerReference]) -> Value {
    let references = if references.is_empty() { Value::Null } else { json!(references) };
    json!({"metadata": {
        "uid": meta.uid, "resourceVersion": meta.resource_version, "ownerReferences": references,
    }})
}

/// Returns the patch that takes a finalizer away from an object, if it is as it was read and has it.
pub(super) fn finish(meta: &ObjectMeta, finalizer: &str) -> Option<Value> {
    let all = meta.finalizers.as_deref().unwrap_or_default();
    let kept: Vec<&String> = all.iter().filter(|it| *it != finalizer).collect();
    if kept.len() == all.len() {
        return None;
    }
    let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
    Some(json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": kept}}))
}

#[cfg(test)]
mod tests;
