//! What the status of a `StatefulSet` says.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::identity;
use super::plan::View;
use crate::numbers::{amount, nonzero};
use crate::pods::{self, Phase};

/// Returns whether the status shows fewer Pods than asked for.
pub(super) fn is_short_of_pods(set: &StatefulSet) -> bool {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    set.status.as_ref().is_none_or(|status| status.replicas < wanted)
}

/// Returns the status of a set. When all Pods are of the template of now, that becomes the current revision.
pub(super) fn status(view: &View<'_>) -> StatefulSetStatus {
    let count = |counts: &dyn Fn(&Pod) -> bool| amount(view.pods.iter().filter(|pod| counts(pod)).count());
    let is_ready = |pod: &Pod| pods::phase(pod) == Phase::Running && pods::is_ready(pod);
    let is_of = |pod: &Pod, name: &str| !pods::is_deleting(pod) && identity::revision(pod) == name;
    let (mut current, update) = (view.current.name_any(), view.update.name_any());
    let replicas = count(&|_| true);
    let (ready, updated) = (count(&is_ready), count(&|pod| is_of(pod, &update)));
    let mut of_current = count(&|pod| is_of(pod, &current));
    let rolls =
        view.spec.update_strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete");
    let wanted = view.spec.replicas.unwrap_or(1);
    if rolls && updated == replicas && ready == replicas && replicas == wanted {
        of_current = updated;
        current.clone_from(&update);
    }
    let known = view.set.status.as_ref();
    StatefulSetStatus {
        observed_generation: view.set.metadata.generation,
        replicas,
        ready_replicas: nonzero(ready),
        available_replicas: Some(count(&|pod| view.is_available(pod))),
        current_replicas: nonzero(of_current),
        updated_replicas: nonzero(updated),
        current_revision: Some(current),
        update_revision: Some(update),
        collision_count: Some(known.and_then(|status| status.collision_count).unwrap_or(0)),
        conditions: known.and_then(|status| status.conditions.clone()),
    }
}
