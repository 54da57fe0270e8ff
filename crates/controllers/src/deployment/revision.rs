//! Which `ReplicaSet` is that of the template of now, and the numbers by which people go back to earlier ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde_json::Value;

use super::rollout::{DESIRED_REPLICAS, MAX_REPLICAS, REVISION, REVISION_HISTORY, Rollout, Set};
use crate::{hash, owner};

/// The label that keeps the Pods of the sets of a Deployment apart.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// How long the list of earlier revisions of one set may grow, in bytes.
const LONGEST_HISTORY: usize = 2000;

/// Annotations of a Deployment that its sets do not get.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];

/// Returns what a template says, without the label that a set adds.
pub(super) fn template(template: &PodTemplateSpec) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove(TEMPLATE_HASH);
    }
    hash::canonical(&template)
}

/// Tells the set of the template of now, the oldest if there are several, from all others.
pub(super) fn split(wanted: &PodTemplateSpec, sets: &[Arc<ReplicaSet>]) -> (Option<Set>, Vec<Set>) {
    let mut sets: Vec<Set> = sets.iter().map(Set::known).collect();
    sets.sort_by(|a, b| a.age().cmp(&b.age()));
    let wanted = template(wanted);
    let is_new = |set: &Set| {
        let spec = set.object.spec.as_ref();
        spec.and_then(|spec| spec.template.as_ref()).is_some_and(|theirs| template(theirs) == wanted)
    };
    let new = sets.iter().position(is_new).map(|place| sets.remove(place));
    (new, sets)
}

impl Rollout<'_> {
    /// Brings the annotations of the set of the template of now up to date, and makes the set if it is missing and
    /// `make` says so.
    pub(super) fn sync_new(&mut self, make: bool) {
        let revision = self.old.iter().map(Set::revision).max().unwrap_or(0) + 1;
        let min_ready_seconds = self.spec.min_ready_seconds;
        let inherited = self.inherited();
        if let Some(set) = &mut self.new {
            set.annotations().extend(inherited);
            renumber(set, revision);
            let spec = set.object.spec.get_or_insert_default();
            if spec.min_ready_seconds.unwrap_or(0) != min_ready_seconds.unwrap_or(0) {
                spec.min_ready_seconds = min_ready_seconds;
            }
            self.revision = set.annotation(REVISION).map(str::to_owned);
            let name = set.name().to_owned();
            self.found_new(&name);
        } else if make {
            let mut set = self.make_new(inherited);
            set.annotations().insert(REVISION.to_owned(), revision.to_string());
            let replicas = self.replicas();
            let surge = self.max_surge();
            let name = set.name().to_owned();
            self.new = Some(set);
            let size = self.new_size();
            if let Some(set) = &mut self.new {
                Self::resize(set, size, replicas, surge);
            }
            self.revision = Some(revision.to_string());
            self.made_new(&name);
        }
    }

    fn inherited(&self) -> BTreeMap<String, String> {
        let annotations = self.deployment.annotations().iter();
        let inherited = annotations.filter(|(key, _)| !OWN.contains(&key.as_str()));
        inherited.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn make_new(&self, annotations: BTreeMap<String, String>) -> Set {
        let collisions = self.deployment.status.as_ref().and_then(|status| status.collision_count);
        let hash = hash::short(&template(&self.spec.template), collisions);
        let mut template = self.spec.template.clone();
        template
            .metadata
            .get_or_insert_default()
            .labels
            .get_or_insert_default()
            .insert(TEMPLATE_HASH.to_owned(), hash.clone());
        let mut selector = self.spec.selector.clone();
        selector.match_labels.get_or_insert_default().insert(TEMPLATE_HASH.to_owned(), hash.clone());
        let object = ReplicaSet {
            metadata: ObjectMeta {
                name: Some(format!("{}-{hash}", self.deployment.name_any())),
                namespace: self.deployment.namespace(),
                labels: template.metadata.as_ref().and_then(|meta| meta.labels.clone()),
                annotations: Some(annotations),
                owner_references: Some(vec![owner::reference(self.deployment)]),
                ..ObjectMeta::default()
            },
            spec: Some(ReplicaSetSpec {
                replicas: Some(0),
                min_ready_seconds: self.spec.min_ready_seconds,
                selector,
                template: Some(template),
            }),
            status: None,
        };
        Set { object, known: None, delete: false }
    }
}

/// Gives a set the newest revision. One that had an earlier one has come back, and keeps that in its history.
fn renumber(set: &mut Set, revision: i64) {
    let Some(earlier) = set.annotation(REVISION).map(str::to_owned) else {
        set.annotations().insert(REVISION.to_owned(), revision.to_string());
        return;
    };
    // What is no number is somebody else's, and left alone.
    if earlier.parse::<i64>().map_or(true, |number| number >= revision) {
        return;
    }
    let history = set.annotation(REVISION_HISTORY).filter(|history| !history.is_empty());
    let mut history: Vec<String> = history.iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
    history.push(earlier);
    while history.len() > 1 && history.join(",").len() > LONGEST_HISTORY {
        history.remove(0);
    }
    set.annotations().insert(REVISION_HISTORY.to_owned(), history.join(","));
    set.annotations().insert(REVISION.to_owned(), revision.to_string());
}

/// Returns whether a set that stands under the name of a new one is that one, made before.
pub(super) fn is_same(deployment: &Deployment, new: &ReplicaSet, other: &ReplicaSet) -> bool {
    let said = |set: &ReplicaSet| set.spec.as_ref()?.template.as_ref().map(template);
    owner::controller(&other.metadata).map(|owner| &owner.uid) == deployment.metadata.uid.as_ref()
        && said(new) == said(other)
}
