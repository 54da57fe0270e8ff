//! The templates that Pods of a `StatefulSet` are made from: each kept as a `ControllerRevision`.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{hash, owner};

/// The label of a revision that tells what it says.
const HASH: &str = "controller.kubernetes.io/hash";

/// What is to be done so that there is a revision of the template of now, and it is the newest.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Update {
    /// It is.
    Is(Arc<ControllerRevision>),
    /// An older one says the same: it becomes the newest.
    Renumber(Arc<ControllerRevision>, i64),
    /// There is none.
    Create(Box<ControllerRevision>),
}

/// Decides what is to be done about the revision of the template of now.
pub(super) fn update(set: &StatefulSet, revisions: &[Arc<ControllerRevision>]) -> Update {
    let next = revisions.iter().map(|revision| revision.revision).max().unwrap_or(0) + 1;
    let new = new(set, next);
    let said = said(&new);
    let mut same: Vec<_> = revisions.iter().filter(|revision| self::said(revision) == said).collect();
    same.sort_by_key(|revision| (revision.revision, revision.name_any()));
    match same.last() {
        Some(newest) if newest.revision + 1 == next => Update::Is(Arc::clone(newest)),
        Some(older) => Update::Renumber(Arc::clone(older), next),
        None => Update::Create(Box::new(new)),
    }
}

fn said(revision: &ControllerRevision) -> Option<Value> {
    revision.data.as_ref().map(|data| hash::canonical(&data.0))
}

/// Makes the revision of the template of now. Its data is a strategic merge patch of the set, which is what clients
/// apply to go back to it.
fn new(set: &StatefulSet, number: i64) -> ControllerRevision {
    let spec = set.spec.clone().unwrap_or_default();
    let mut template = serde_json::to_value(&spec.template).unwrap_or_default();
    template["$patch"] = json!("replace");
    let data = json!({"spec": {"template": template}});
    let collisions = set.status.as_ref().and_then(|status| status.collision_count);
    let hash = hash::short(&hash::canonical(&data), Some(collisions.unwrap_or(0)));
    let mut labels = spec.template.metadata.and_then(|meta| meta.labels).unwrap_or_default();
    labels.insert(HASH.to_owned(), hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", set.name_any())),
            namespace: set.namespace(),
            labels: Some(labels),
            annotations: set.metadata.annotations.clone(),
            owner_references: Some(vec![owner::reference(set)]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data)),
        revision: number,
    }
}

/// Returns whether two revisions say the same.
pub(super) fn is_same(a: &ControllerRevision, b: &ControllerRevision) -> bool {
    said(a) == said(b)
}

/// Returns the template that a revision keeps; that of now if it keeps none.
pub(super) fn template(set: &StatefulSet, revision: &ControllerRevision) -> PodTemplateSpec {
    let kept = revision.data.as_ref().and_then(|data| data.0.get("spec")?.get("template").cloned());
    let kept = kept.and_then(|mut template| {
        template.as_object_mut()?.remove("$patch");
        serde_json::from_value(template).ok()
    });
    kept.unwrap_or_else(|| set.spec.clone().unwrap_or_default().template)
}

/// Returns the oldest revisions beyond the history limit that nothing is made from any more.
pub(super) fn surplus(
    set: &StatefulSet,
    revisions: &[Arc<ControllerRevision>],
    live: &[&str],
) -> Vec<Arc<ControllerRevision>> {
    let limit = set.spec.as_ref().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
    let mut idle: Vec<_> =
        revisions.iter().filter(|revision| !live.contains(&revision.name_any().as_str())).cloned().collect();
    idle.sort_by_key(|revision| revision.revision);
    let surplus = idle.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    idle.truncate(surplus);
    idle
}
