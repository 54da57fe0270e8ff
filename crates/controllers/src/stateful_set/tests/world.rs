//! A world of one `StatefulSet`: what the API server and nodes would do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

use super::super::plan::{Action, View};
use super::super::revision::{self, Update};
use super::super::{identity, status};

pub(super) struct World {
    pub(super) set: StatefulSet,
    pub(super) pods: BTreeMap<String, Arc<Pod>>,
    pub(super) claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    pub(super) revisions: BTreeMap<String, Arc<ControllerRevision>>,
    pub(super) now: i64,
    pub(super) next: Option<Duration>,
    /// The image whose Pods do not become ready.
    pub(super) bad: Option<String>,
    made: usize,
}

impl World {
    pub(super) fn new(replicas: i32) -> Self {
        let set = json!({
            "metadata": {"name": "web", "namespace": "default", "uid": "set", "generation": 1},
            "spec": {
                "replicas": replicas, "serviceName": "members", "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "one"}]},
                },
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
            },
        });
        Self {
            set: serde_json::from_value(set).expect("a set"),
            pods: BTreeMap::new(),
            claims: BTreeMap::new(),
            revisions: BTreeMap::new(),
            now: 1000,
            next: None,
            bad: None,
            made: 0,
        }
    }

    fn changed(&mut self) {
        *self.set.metadata.generation.get_or_insert(0) += 1;
    }

    pub(super) fn resize(&mut self, replicas: i32) {
        self.set.spec.as_mut().expect("a spec").replicas = Some(replicas);
        self.changed();
    }

    pub(super) fn template(&mut self, image: &str) {
        let template = &mut self.set.spec.as_mut().expect("a spec").template;
        template.spec.as_mut().expect("a spec").containers[0].image = Some(image.to_owned());
        self.changed();
    }

    pub(super) fn partition(&mut self, partition: i32) {
        self.strategy(&json!({"partition": partition}));
    }

    pub(super) fn max_unavailable(&mut self, most: usize) {
        self.strategy(&json!({"partition": 0, "maxUnavailable": most}));
    }

    fn strategy(&mut self, rolling: &serde_json::Value) {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
        self.set.spec.as_mut().expect("a spec").update_strategy =
            Some(serde_json::from_value(strategy).expect("a strategy"));
        self.changed();
    }

    /// Syncs the set once. Returns whether anything was written.
    pub(super) fn sync(&mut self) -> bool {
        let revisions: Vec<_> = self.revisions.values().cloned().collect();
        let (update, mut writes) = match revision::update(&self.set, &revisions) {
            Update::Is(revision) => (revision, false),
            Update::Renumber(revision, number) => {
                (Arc::new(ControllerRevision { revision: number, ..(*revision).clone() }), true)
            }
            Update::Create(revision) => (Arc::from(revision), true),
        };
        self.revisions.insert(update.name_any(), Arc::clone(&update));
        let known = self.set.status.as_ref().and_then(|status| status.current_revision.clone());
        let current =
            known.and_then(|name| self.revisions.get(&name).cloned()).unwrap_or_else(|| Arc::clone(&update));
        let pods: Vec<_> = self.pods.values().cloned().collect();
        let claims = self.claims.clone();
        let set = self.set.clone();
        let view = View {
            set: &set,
            spec: set.spec.as_ref().expect("a spec"),
            current: &current,
            update: &update,
            pods: &pods,
            claim: &|name| claims.get(name).cloned(),
            now: Timestamp::from_second(self.now).expect("a moment"),
        };
        let (plan, status) = (view.plan(), status::status(&view));
        self.next = plan.next;
        writes |= !plan.actions.is_empty() || self.set.status.as_ref() != Some(&status);
        self.set.status = Some(status);
        for action in plan.actions {
            self.perform(action);
        }
        let kept = [current.name_any(), update.name_any()];
        let live: Vec<&str> =
            pods.iter().map(|pod| identity::revision(pod)).chain(kept.iter().map(String::as_str)).collect();
        let all: Vec<_> = self.revisions.values().cloned().collect();
        for surplus in revision::surplus(&self.set, &all, &live) {
            self.revisions.remove(&surplus.name_any());
            writes = true;
        }
        writes
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Create { mut pod, claims } => {
                self.made += 1;
                self.claims.extend(claims.into_iter().map(|claim| (claim.name_any(), Arc::new(claim))));
                pod.metadata.uid = Some(format!("{}-{}", pod.name_any(), self.made));
                assert!(self.pods.insert(pod.name_any(), Arc::from(pod)).is_none(), "a Pod made twice");
            }
            Action::Claim { claims, .. } => {
                self.claims.extend(claims.into_iter().map(|claim| (claim.name_any(), Arc::new(claim))));
            }
            Action::Delete(pod) | Action::Recreate(pod) => self.delete(&pod.name_any()),
            Action::Label(pod, ordinal) => panic!("{} is known by its labels as {ordinal}", pod.name_any()),
            Action::Own(claim, owners) => {
                let mut claim = (*claim).clone();
                claim.metadata.owner_references = Some(owners);
                self.claims.insert(claim.name_any(), Arc::new(claim));
            }
        }
    }

    /// Marks a Pod as being deleted.
    pub(super) fn delete(&mut self, name: &str) {
        let mut pod = (*self.pods[name]).clone();
        pod.metadata.deletion_timestamp = Some(Time(Timestamp::from_second(self.now).expect("a moment")));
        self.pods.insert(name.to_owned(), Arc::new(pod));
    }

    pub(super) fn phase(&mut self, name: &str, phase: &str) {
        let mut pod = (*self.pods[name]).clone();
        pod.status.get_or_insert_default().phase = Some(phase.to_owned());
        self.pods.insert(name.to_owned(), Arc::new(pod));
    }

    /// Ends what is being deleted, and makes ready what is not bad. Returns whether anything changed.
    pub(super) fn start(&mut self) -> bool {
        let before = self.pods.clone();
        self.pods.retain(|_, pod| pod.metadata.deletion_timestamp.is_none());
        let since = Timestamp::from_second(self.now).expect("a moment").to_string();
        let ready = json!({
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
        });
        let ready: PodStatus = serde_json::from_value(ready).expect("a status");
        for pod in self.pods.values_mut() {
            let image = pod.spec.as_ref().and_then(|spec| spec.containers[0].image.clone());
            if pod.status.is_none() && image != self.bad {
                *pod = Arc::new(Pod { status: Some(ready.clone()), ..(**pod).clone() });
            }
        }
        before != self.pods
    }

    /// Goes on until nothing changes any more.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            let (written, started) = (self.sync(), self.start());
            if !written && !started {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.pods.keys().cloned().collect()
    }

    pub(super) fn ending(&self) -> Vec<String> {
        let ending = self.pods.iter().filter(|(_, pod)| pod.metadata.deletion_timestamp.is_some());
        ending.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn images(&self) -> Vec<String> {
        let image = |pod: &Arc<Pod>| pod.spec.as_ref().and_then(|spec| spec.containers[0].image.clone());
        self.pods.values().filter_map(image).collect()
    }

    pub(super) fn available(&self) -> usize {
        let is_up = |pod: &&Arc<Pod>| pod.status.is_some() && pod.metadata.deletion_timestamp.is_none();
        self.pods.values().filter(is_up).count()
    }

    pub(super) fn status(&self) -> &StatefulSetStatus {
        self.set.status.as_ref().expect("a status")
    }
}
