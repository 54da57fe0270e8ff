//! A world of one Job: what the API server and nodes would do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};
use stanchion_machinery::patch;

use super::super::manage::Action;
use super::super::plan::{self, plan};
use super::super::{new_pod, verdict};
use crate::pods;

pub(super) struct World {
    job: Job,
    pods: BTreeMap<String, Arc<Pod>>,
    pub(super) told: Vec<String>,
    pub(super) now: i64,
    pub(super) next: Option<Duration>,
    made: usize,
}

impl World {
    pub(super) fn new(spec: &Value) -> Self {
        let mut job = json!({
            "metadata": {"name": "work", "namespace": "default", "uid": "job", "generation": 1},
            "spec": {
                "backoffLimit": 6, "completionMode": "NonIndexed", "podReplacementPolicy": "TerminatingOrFailed",
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}},
            },
        });
        patch::merge::apply_merge(&mut job["spec"], spec.clone());
        let job = serde_json::from_value(job).expect("a Job");
        Self { job, pods: BTreeMap::new(), told: Vec::new(), now: 1000, next: None, made: 0 }
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_second(self.now).expect("a moment")
    }

    /// Syncs the Job once. Returns whether anything was written.
    pub(super) fn sync(&mut self) -> bool {
        self.sync_broken_off(usize::MAX)
    }

    /// Syncs the Job, but breaks off after a number of writes.
    pub(super) fn sync_broken_off(&mut self, mut writes: usize) -> bool {
        if verdict::ended(&self.job).is_some() {
            return false;
        }
        let all: Vec<_> = self.pods.values().cloned().collect();
        let spec = self.job.spec.clone().expect("a spec");
        let plan = plan(&self.job, &spec, &all, true, self.time());
        self.next = plan.next;
        let before = writes;
        let mut write = || {
            let may = writes > 0;
            writes -= usize::from(may);
            may
        };
        if let Some(status) = plan.status
            && write()
        {
            self.check(&status);
            self.job.status = Some(status);
            self.told.extend(plan.told.into_iter().map(|told| told.reason));
        }
        for pod in plan.untrack {
            if write() {
                self.untrack(&pod);
            }
        }
        match plan.action {
            Action::Wait(_) => {}
            Action::Create(pods) => {
                for pod in pods {
                    if write() {
                        self.create(pod);
                    }
                }
            }
            Action::Dismiss(pods) => {
                for pod in pods {
                    if write() {
                        self.untrack(&pod);
                        self.delete(&pod.name_any());
                    }
                }
            }
            Action::End(pods) => {
                for pod in pods {
                    if write() {
                        self.delete(&pod.name_any());
                    }
                }
            }
        }
        writes != before
    }

    /// What the API server would refuse.
    fn check(&self, new: &JobStatus) {
        let count = |count: Option<i32>| count.unwrap_or(0);
        let old = self.job.status.clone().unwrap_or_default();
        assert!(count(new.failed) >= count(old.failed), "fewer failures");
        assert!(count(new.succeeded) >= count(old.succeeded), "fewer successes");
        let shown = Job { status: Some(new.clone()), ..self.job.clone() };
        if verdict::ended(&shown).is_some() {
            let uncounted = new.uncounted_terminated_pods.clone().unwrap_or_default();
            assert!(uncounted.failed.is_none() && uncounted.succeeded.is_none(), "ended with uncounted Pods");
            assert_eq!((count(new.active), count(new.terminating)), (0, 0));
        }
    }

    fn create(&mut self, mut pod: Pod) {
        self.made += 1;
        let name = format!("pod-{:04}", self.made);
        pod.metadata.name = Some(name.clone());
        pod.metadata.uid = Some(name.clone());
        self.pods.insert(name, Arc::new(pod));
    }

    fn change(&mut self, name: &str, change: &Value) {
        let mut value = serde_json::to_value(&*self.pods[name]).expect("a Pod");
        patch::merge::apply_merge(&mut value, change.clone());
        self.pods.insert(name.to_owned(), Arc::new(serde_json::from_value(value).expect("a Pod")));
    }

    fn untrack(&mut self, pod: &Pod) {
        let mut pod = (*self.pods[&pod.name_any()]).clone();
        pod.metadata.finalizers = None;
        self.pods.insert(pod.name_any(), Arc::new(pod));
    }

    fn delete(&mut self, name: &str) {
        let mut pod = (*self.pods[name]).clone();
        pod.metadata.deletion_timestamp = Some(Time(self.time()));
        self.pods.insert(name.to_owned(), Arc::new(pod));
    }

    /// Ends what is being deleted; it vanishes when nobody tracks it. Returns whether anything changed.
    fn end(&mut self) -> bool {
        let before = self.pods.clone();
        self.pods.retain(|_, pod| !pods::is_deleting(pod) || new_pod::is_tracked(pod));
        let ending: Vec<_> =
            self.pods.values().filter(|pod| pods::is_terminating(pod)).map(|pod| pod.name_any()).collect();
        for name in ending {
            self.change(&name, &json!({"status": {"phase": "Failed"}}));
        }
        before != self.pods
    }

    /// Goes on until nothing changes any more.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            let (written, ended) = (self.sync(), self.end());
            if !written && !ended {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn first_active(&self) -> Option<String> {
        self.pods.values().find(|pod| pods::is_active(pod)).map(|pod| pod.name_any())
    }

    fn active_of(&self, index: i32) -> String {
        let found = self.pods.values().find(|pod| pods::is_active(pod) && new_pod::index(pod) == Some(index));
        found.expect("a Pod of this index").name_any()
    }

    fn terminated(&self, code: i32) -> Value {
        let (phase, finished) = (if code == 0 { "Succeeded" } else { "Failed" }, Time(self.time()));
        json!({"status": {"phase": phase, "containerStatuses": [{
            "name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "finishedAt": finished}},
        }]}})
    }

    fn finish_one(&mut self, code: i32) -> Option<String> {
        let (name, change) = (self.first_active()?, self.terminated(code));
        self.change(&name, &change);
        Some(name)
    }

    /// Lets a Pod end well, if there is one. Returns how many.
    pub(super) fn succeed_one(&mut self) -> i32 {
        i32::from(self.finish_one(0).is_some())
    }

    /// Lets a Pod end badly, if there is one. Returns how many.
    pub(super) fn fail_one(&mut self, code: i32) -> i32 {
        i32::from(self.finish_one(code).is_some())
    }

    pub(super) fn fail_one_named(&mut self, code: i32) -> String {
        self.finish_one(code).expect("a Pod")
    }

    pub(super) fn succeed(&mut self, index: i32) {
        let (name, change) = (self.active_of(index), self.terminated(0));
        self.change(&name, &change);
    }

    pub(super) fn fail(&mut self, index: i32) {
        let (name, change) = (self.active_of(index), self.terminated(1));
        self.change(&name, &change);
    }

    pub(super) fn evict_one(&mut self) {
        let name = self.first_active().expect("a Pod");
        self.delete(&name);
    }

    pub(super) fn disrupt_one(&mut self) {
        let name = self.first_active().expect("a Pod");
        let condition = json!([{"type": "DisruptionTarget", "status": "True"}]);
        self.change(&name, &json!({"status": {"phase": "Failed", "conditions": condition}}));
    }

    pub(super) fn restarts(&mut self, count: i32) {
        let name = self.first_active().expect("a Pod");
        self.change(
            &name,
            &json!({"status": {"phase": "Running", "containerStatuses": [{
                "name": "main", "image": "", "imageID": "", "ready": true, "restartCount": count,
            }]}}),
        );
    }

    pub(super) fn spec(&mut self) -> &mut JobSpec {
        self.job.spec.as_mut().expect("a spec")
    }

    pub(super) fn status(&self) -> &JobStatus {
        self.job.status.as_ref().expect("a status")
    }

    pub(super) fn conditions(&self) -> Vec<&str> {
        let conditions = self.status().conditions.iter().flatten();
        conditions.filter(|one| one.status == "True").map(|one| one.type_.as_str()).collect()
    }

    pub(super) fn active(&self) -> usize {
        self.pods.values().filter(|pod| pods::is_active(pod)).count()
    }

    pub(super) fn tracked(&self) -> Vec<&Pod> {
        self.pods.values().map(|pod| &**pod).filter(|pod| new_pod::is_tracked(pod)).collect()
    }

    pub(super) fn indexes(&self) -> Vec<i32> {
        let active = self.pods.values().filter(|pod| pods::is_active(pod));
        let mut indexes: Vec<_> = active.filter_map(|pod| new_pod::index(pod)).collect();
        indexes.sort_unstable();
        indexes
    }

    pub(super) fn only(&self) -> &Pod {
        self.pods.values().next().expect("a Pod")
    }

    pub(super) fn kept_for(&self) -> Option<Duration> {
        plan::kept_for(&self.job, self.time())
    }
}
