//! A world of one Deployment: what the API server and the controller of `ReplicaSet`s would do.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use stanchion_machinery::patch;

use super::super::plan::{Action, Plan, plan, scaled};
use super::super::rollout::{REVISION, Set};

/// A Deployment, its sets by name, and what was told. Sets are called `web-1`, `web-2` in the order of creation.
pub(super) struct World {
    pub(super) deployment: Deployment,
    sets: BTreeMap<String, Arc<ReplicaSet>>,
    pub(super) events: Vec<String>,
    pub(super) now: i64,
    made: usize,
    /// The set with this number makes Pods that do not become ready.
    pub(super) bad: Option<String>,
    /// Whether Pods of old sets still run.
    pub(super) old_runs: bool,
}

impl World {
    pub(super) fn new(replicas: i32) -> Self {
        let deployment = json!({
            "metadata": {"name": "web", "namespace": "default", "uid": "deployment", "generation": 1},
            "spec": {
                "replicas": replicas, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "one"}]},
                },
            },
        });
        let deployment = serde_json::from_value(deployment).expect("a Deployment");
        let (sets, events) = (BTreeMap::new(), Vec::new());
        Self { deployment, sets, events, now: 1000, made: 0, bad: None, old_runs: false }
    }

    /// Takes note that somebody changed what the Deployment wants.
    pub(super) fn changed(&mut self) {
        *self.deployment.metadata.generation.get_or_insert(0) += 1;
    }

    pub(super) fn template(&mut self, image: &str) {
        let template = &mut self.deployment.spec.as_mut().expect("a spec").template;
        template.spec.as_mut().expect("a spec").containers[0].image = Some(image.to_owned());
        self.changed();
    }

    pub(super) fn resize(&mut self, replicas: i32) {
        self.deployment.spec.as_mut().expect("a spec").replicas = Some(replicas);
        self.changed();
    }

    /// Syncs the Deployment once. Returns whether anything was written.
    pub(super) fn sync(&mut self) -> bool {
        let sets: Vec<_> = self.sets.values().cloned().collect();
        let now = Timestamp::from_second(self.now).expect("a moment");
        let old_runs = self.old_runs;
        let running = |new: Option<&Set>| old_runs && new.is_none();
        let Plan { actions, shown, next: _ } = plan(&self.deployment, &sets, running, now).expect("a plan");
        let writes = !actions.is_empty() || shown.is_some();
        for action in actions {
            self.perform(action);
        }
        if let Some(shown) = shown {
            self.deployment = shown;
        }
        writes
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Create(mut set) => {
                self.made += 1;
                let name = format!("web-{}", self.made);
                let size = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
                if size > 0 {
                    self.events.push(scaled(&name, 0, size));
                }
                set.metadata.name = Some(name.clone());
                set.metadata.uid = Some(name.clone());
                set.metadata.generation = Some(1);
                let created = self.now + i64::try_from(self.made).expect("few");
                set.metadata.creation_timestamp =
                    Some(Time(Timestamp::from_second(created).expect("a moment")));
                self.sets.insert(name, Arc::from(set));
            }
            Action::Patch { set, patch, message } => {
                let name = set.metadata.name.clone().expect("a name");
                let mut value = serde_json::to_value(&*self.sets[&name]).expect("a set");
                patch::merge::apply_merge(&mut value, patch);
                self.sets.insert(name, Arc::new(serde_json::from_value(value).expect("a set")));
                self.events.extend(message);
            }
            Action::Delete(set) => {
                self.sets.remove(&set.metadata.name.clone().expect("a name"));
            }
        }
    }

    /// Lets each set go up to `most` Pods towards its size, taken at once and ready at once unless they are bad.
    /// Returns whether anything changed.
    pub(super) fn step(&mut self, most: i32) -> bool {
        let bad = self.bad.clone();
        let mut changed = false;
        for set in self.sets.values_mut() {
            let size = Set::known(set).replicas();
            let is_bad = bad.is_some() && Set::known(set).annotation(REVISION) == bad.as_deref();
            let known = set.status.clone().unwrap_or_default();
            let replicas = size.min(known.replicas + most);
            let ready = Some(if is_bad { 0 } else { replicas }).filter(|count| *count != 0);
            let status = ReplicaSetStatus {
                replicas,
                ready_replicas: ready,
                available_replicas: ready,
                fully_labeled_replicas: Some(replicas).filter(|count| *count != 0),
                terminating_replicas: Some(0),
                observed_generation: set.metadata.generation,
                conditions: known.conditions.clone(),
            };
            if set.status.as_ref() != Some(&status) {
                *set = Arc::new(ReplicaSet { status: Some(status), ..(**set).clone() });
                changed = true;
            }
        }
        changed
    }

    /// Goes on until nothing changes any more.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            let (written, stepped) = (self.sync(), self.step(i32::MAX / 2));
            if !written && !stepped {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    pub(super) fn fail(&mut self, name: &str, conditions: &Value) {
        let mut set = (*self.sets[name]).clone();
        let status = set.status.get_or_insert_default();
        status.conditions = serde_json::from_value(conditions.clone()).expect("conditions");
        self.sets.insert(name.to_owned(), Arc::new(set));
    }

    pub(super) fn set(&self, name: &str) -> &ReplicaSet {
        &self.sets[name]
    }

    /// Returns the sizes of the sets by their revisions.
    pub(super) fn sizes(&self) -> Vec<(&str, i32)> {
        let size = |set: &'_ Arc<ReplicaSet>| Set::known(set).replicas();
        let revision =
            |set: &ReplicaSet| set.metadata.annotations.as_ref().and_then(|all| all.get(REVISION)).cloned();
        let mut sizes: Vec<(String, i32)> =
            self.sets.values().map(|set| (revision(set).unwrap_or_default(), size(set))).collect();
        sizes.sort();
        sizes.into_iter().map(|(revision, size)| (&*revision.leak(), size)).collect()
    }

    pub(super) fn total(&self) -> i32 {
        self.sets.values().map(|set| Set::known(set).replicas()).sum()
    }

    pub(super) fn available(&self) -> i32 {
        // What a set is to have no more is taken at once.
        self.sets.values().map(Set::known).map(|set| set.available().min(set.replicas())).sum()
    }

    pub(super) fn condition(&self, kind: &str) -> (&str, &str) {
        let status = self.deployment.status.as_ref().expect("a status");
        let mut conditions = status.conditions.iter().flatten();
        let condition = conditions.find(|condition| condition.type_ == kind);
        condition.map_or(("", ""), |found| (&*found.status, found.reason.as_deref().unwrap_or_default()))
    }
}
