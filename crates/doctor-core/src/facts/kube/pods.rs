//! All Pods, and what they share.
//!
//! A Pod as the API writes it takes some kilobytes, and hundreds of thousands of them are looked at. What Pods have in
//! common is kept once: templates, labels, names of nodes and namespaces.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::mem::take;
use std::sync::Arc;

use super::labels::Selector;
use super::meta::{Meta, Owner, condition};
use super::pod::{Pod, PodObject};
use super::template::{Template, Volume};
use crate::subject::Subject;

/// What the doctor is told in annotations begins with this.
const OURS: &str = "doctor.stanchion.dev/";

/// All Pods.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    all: Vec<Pod>,
    groups: Vec<PodGroup>,
    /// Groups of each namespace.
    of_namespace: BTreeMap<Arc<str>, Vec<usize>>,
    shared: Shared,
}

/// Pods of one cause that share template and labels.
#[derive(Clone, Debug)]
pub struct PodGroup {
    /// What made them in the end: a Deployment rather than its ReplicaSet; a Pod that nobody made, itself.
    pub cause: Subject,
    /// Their namespace.
    pub namespace: Arc<str>,
    /// What they are made from.
    pub template: Arc<Template>,
    /// Their labels.
    pub labels: Arc<BTreeMap<String, String>>,
    members: Vec<usize>,
}

/// What is kept once.
#[derive(Clone, Debug, Default)]
struct Shared {
    names: HashSet<Arc<str>>,
    labels: HashSet<Arc<BTreeMap<String, String>>>,
    owners: HashSet<Arc<Owner>>,
    templates: HashSet<Arc<Template>>,
}

impl Pods {
    /// Adds a Pod as the API writes it.
    pub fn add(&mut self, object: PodObject) {
        let PodObject { metadata, mut spec, status } = object;
        let owner = metadata.controller().cloned();
        let Meta { name, namespace, labels, annotations, created, deleted, .. } = metadata;
        let node = take(&mut spec.node_name).map(|node| name_of(&mut self.shared.names, &node));
        let claims: Box<[Box<str>]> = spec.volumes.iter_mut().filter_map(claim).collect();
        spec.volumes.retain(has_kind);
        let ready = condition(&status.conditions, "Ready");
        let scheduled = condition(&status.conditions, "PodScheduled");
        let unscheduled = scheduled.filter(|condition| condition.status == "False" && node.is_none());
        let unscheduled = unscheduled.map(|one| Box::new((one.reason.clone(), one.message.clone())));
        let init = status.init_container_statuses.into_iter().map(|one| one.reduced(true));
        let ordinary = status.container_statuses.into_iter().map(|one| one.reduced(false));
        let pod = Pod {
            name: name.into(),
            namespace: name_of(&mut self.shared.names, &namespace.unwrap_or_default()),
            labels: once(&mut self.shared.labels, labels),
            annotations: annotations.into_iter().filter(|(name, _)| name.starts_with(OURS)).collect(),
            owner: owner.map(|owner| once(&mut self.shared.owners, owner)),
            template: once(&mut self.shared.templates, spec),
            claims,
            node,
            phase: status.phase,
            reason: status.reason.map(Into::into),
            qos: status.qos_class,
            created,
            deleted,
            is_ready: ready.is_some_and(|condition| condition.status == "True"),
            ready_since: ready.and_then(|condition| condition.since),
            scheduled: scheduled.filter(|one| one.status == "True").and_then(|one| one.since),
            unscheduled,
            containers: init.chain(ordinary).collect(),
        };
        self.all.push(pod);
    }

    /// Sorts Pods into groups; `maker` knows who made their owners, by namespace, kind and name.
    pub(super) fn group(&mut self, maker: impl Fn(&str, &str, &str) -> Option<Subject>) {
        type Key<'a> = (Subject, *const Template, *const BTreeMap<String, String>);
        let mut found: BTreeMap<Key<'_>, usize> = BTreeMap::new();
        self.groups.clear();
        self.of_namespace.clear();
        for (index, pod) in self.all.iter().enumerate() {
            let cause = match &pod.owner {
                // A node owns the copies of its static Pods, which have nothing else in common.
                Some(owner) if owner.kind == "Node" => pod.subject(),
                Some(owner) => maker(&pod.namespace, &owner.kind, &owner.name)
                    .unwrap_or_else(|| Subject::namespaced(&owner.kind, &*pod.namespace, &owner.name)),
                None => pod.subject(),
            };
            let key = (cause, Arc::as_ptr(&pod.template), Arc::as_ptr(&pod.labels));
            if let Some(group) = found.get(&key) {
                self.groups[*group].members.push(index);
                continue;
            }
            self.of_namespace.entry(Arc::clone(&pod.namespace)).or_default().push(self.groups.len());
            self.groups.push(PodGroup {
                cause: key.0.clone(),
                namespace: Arc::clone(&pod.namespace),
                template: Arc::clone(&pod.template),
                labels: Arc::clone(&pod.labels),
                members: vec![index],
            });
            found.insert(key, self.groups.len() - 1);
        }
    }

    /// Returns all Pods.
    pub fn all(&self) -> &[Pod] {
        &self.all
    }

    /// Returns Pods in groups of one cause.
    pub fn groups(&self) -> &[PodGroup] {
        &self.groups
    }

    /// Returns the Pods of a group.
    pub fn members<'a>(&'a self, group: &'a PodGroup) -> impl Iterator<Item = &'a Pod> {
        group.members.iter().map(|index| &self.all[*index])
    }

    /// Returns the groups of a namespace that a selector means.
    pub fn selected<'a>(
        &'a self,
        namespace: &str,
        selector: &'a Selector,
    ) -> impl Iterator<Item = &'a PodGroup> {
        let indices = self.of_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default();
        let groups = indices.iter().map(|index| &self.groups[*index]);
        groups.filter(|group| selector.matches(&group.labels))
    }
}

/// Returns the one copy of something.
fn once<T: Hash + Eq>(kept: &mut HashSet<Arc<T>>, one: T) -> Arc<T> {
    if let Some(found) = kept.get(&one) {
        return Arc::clone(found);
    }
    let one = Arc::new(one);
    kept.insert(Arc::clone(&one));
    one
}

fn name_of(kept: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(found) = kept.get(name) {
        return Arc::clone(found);
    }
    let name: Arc<str> = name.into();
    kept.insert(Arc::clone(&name));
    name
}

/// Takes the name of a claim out of a volume.
fn claim(volume: &mut Volume) -> Option<Box<str>> {
    let claim = volume.persistent_volume_claim.as_mut()?;
    Some(take(&mut claim.claim_name).into())
}

/// Returns whether a volume is of a kind that is looked at. The token of the account is not, and has another name in each Pod.
fn has_kind(volume: &Volume) -> bool {
    volume.empty_dir.is_some() || volume.host_path.is_some() || volume.persistent_volume_claim.is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::kube::Kube;
    use crate::facts::kube::workload::ReplicaSet;

    fn pod(number: usize) -> PodObject {
        let pod = json!({
            "metadata": {"name": format!("web-{number}"), "namespace": "a", "labels": {"app": "web"},
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d", "controller": true}]},
            "spec": {"nodeName": format!("node-{number}"),
                "containers": [{"name": "web", "image": "nginx:1", "volumeMounts": [
                    {"name": format!("kube-api-access-{number}"), "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}],
                "volumes": [{"name": format!("kube-api-access-{number}"), "projected": {}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": format!("data-web-{number}")}}]},
            "status": {"phase": "Running", "qosClass": "BestEffort",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "web", "restartCount": number, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]},
        });
        serde_json::from_value(pod).expect("a Pod")
    }

    #[test]
    fn pods_of_one_deployment_share_all_but_their_own() {
        let mut kube = Kube::default();
        (0..3).for_each(|number| kube.pods.add(pod(number)));
        let set = json!({"metadata": {"name": "web-5d", "namespace": "a",
            "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]}});
        kube.replica_sets.push(serde_json::from_value::<ReplicaSet>(set).expect("a ReplicaSet"));
        kube.join();
        assert_eq!(kube.pods.groups().len(), 1);
        let group = &kube.pods.groups()[0];
        assert_eq!(group.cause, Subject::namespaced("Deployment", "a", "web"));
        assert_eq!(group.template.volumes.len(), 1, "the token's volume is not looked at");
        let members: Vec<_> = kube.pods.members(group).collect();
        assert_eq!(&*members[2].claims, &["data-web-2".into()]);
        assert_eq!((members[1].node.as_deref(), members[1].containers[0].restarts), (Some("node-1"), 1));
        let ended = members[0].containers[0].ended.as_ref().expect("an end");
        assert_eq!((ended.exit_code, &*ended.reason), (137, "OOMKilled"));
        assert_eq!(members[0].created, Some(1_767_323_045));
        assert!(members[0].is_ready && members[0].is_live());
    }

    #[test]
    fn a_selector_finds_groups_of_its_namespace() {
        let mut kube = Kube::default();
        kube.pods.add(pod(0));
        kube.join();
        let selector = |value: &str| {
            Selector::of_labels(&BTreeMap::from([("app".to_owned(), value.to_owned())])).expect("a selector")
        };
        assert_eq!(kube.pods.selected("a", &selector("web")).count(), 1);
        assert_eq!(kube.pods.selected("b", &selector("web")).count(), 0);
        assert_eq!(kube.pods.selected("a", &selector("db")).count(), 0);
    }
}
