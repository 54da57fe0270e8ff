//! Telling the API how a Pod is: in order, only what has changed, and the last word before the object is removed.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};
use stanchion_node_core::Moment;
use stanchion_node_core::container::Observed;
use stanchion_node_core::status::{Known, status_of};

use super::worker::{Message, Setup, Stage, Wake, Worker};
use crate::calls::{CallError, call};
use crate::clock;

/// How long to wait after the API did not take something, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

/// What was told.
#[derive(Debug)]
pub(super) struct Report {
    /// The status as it was written last, or as it was found.
    written: PodStatus,
    /// What is being written.
    writing: Option<Box<PodStatus>>,
    /// Whether the last word has been written.
    is_settled: bool,
    not_before: Moment,
    pause: Duration,
}

impl Report {
    /// Returns whether the last word has been written.
    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    pub(super) fn new(pod: &Pod) -> Self {
        let written = pod.status.clone().unwrap_or_default();
        Self { written, writing: None, is_settled: false, not_before: Moment::default(), pause: PAUSE.0 }
    }
}

/// Returns the status as it was told last, with the conditions of others as the API has them.
pub(crate) fn carried(told: &PodStatus, pod: &Pod) -> PodStatus {
    let is_ours = |condition: &PodCondition| OURS.contains(&condition.type_.as_str());
    let mut carried = told.clone();
    let theirs = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let theirs = theirs.filter(|condition| !is_ours(condition)).cloned();
    let mut conditions = carried.conditions.take().unwrap_or_default();
    conditions.retain(is_ours);
    conditions.extend(theirs);
    carried.conditions = Some(conditions);
    carried
}

/// Returns a status as a patch: what is not said any more is taken away by name.
pub(crate) fn with_removals(told: &PodStatus, status: &PodStatus) -> Value {
    let mut value = json!(status);
    for (field, was, is) in
        [("reason", &told.reason, &status.reason), ("message", &told.message, &status.message)]
    {
        if was.is_some() && is.is_none() {
            value[field] = Value::Null;
        }
    }
    // Addresses are merged by their text: those that were told before go by name too.
    let old = |ips: Vec<&str>| -> Vec<Value> {
        ips.into_iter().map(|ip| json!({"$patch": "delete", "ip": ip})).collect()
    };
    let pods = told.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let pods = old(pods.filter(|ip| !status.pod_ips.iter().flatten().any(|now| now.ip == *ip)).collect());
    let hosts = told.host_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let hosts = old(hosts.filter(|ip| !status.host_ips.iter().flatten().any(|now| now.ip == *ip)).collect());
    for (field, gone) in [("podIPs", pods), ("hostIPs", hosts)] {
        if let Some(list) = value.get_mut(field).and_then(Value::as_array_mut) {
            list.extend(gone);
        }
    }
    let before = told.conditions.as_deref().unwrap_or_default();
    for condition in value["conditions"].as_array_mut().into_iter().flatten() {
        let Some(old) = before.iter().find(|old| condition["type"] == *old.type_) else { continue };
        for (field, was) in [("reason", &old.reason), ("message", &old.message)] {
            if was.is_some() && condition.get(field).is_none() {
                condition[field] = Value::Null;
            }
        }
    }
    value
}

/// The conditions that the node writes.
const OURS: [&str; 6] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "DisruptionTarget",
];

impl Worker {
    /// Tells the API what has changed.
    pub(super) fn report(&mut self, now: Moment, wake: &mut Wake) {
        let is_idle = self.report.writing.is_none() && self.stage < Stage::Removing;
        if self.is_gone || !is_idle {
            return;
        }
        if now < self.report.not_before {
            return wake.at(self.report.not_before);
        }
        let over = self.stage >= Stage::Ended;
        let status = self.status(now, over);
        if status == self.report.written {
            if over && !self.report.is_settled {
                self.report.is_settled = true;
                wake.again();
            }
            return;
        }
        self.report.is_settled = false;
        let api: Api<Pod> = Api::namespaced(self.node.client.clone(), &self.reference.namespace);
        let (name, uid) = (self.reference.name.clone(), self.reference.uid.clone());
        let value = with_removals(&self.report.written, &status);
        let patch = json!({"metadata": {"uid": uid}, "status": value});
        self.report.writing = Some(Box::new(status));
        self.tasks.spawn(async move {
            let written =
                call(api.patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch))).await;
            Message::Written(written.map(Box::new))
        });
    }

    fn status(&self, now: Moment, over: bool) -> PodStatus {
        let mut pod = Pod::clone(&self.pod);
        pod.status = Some(carried(&self.report.written, &self.pod));
        let host_ips = self.node.host_ips();
        let is_set_up = matches!(self.setup, Setup::Ready(..) | Setup::Refreshing(_));
        // What was found running needs no volumes to be made first.
        let sandbox_ready = !over && (is_set_up || self.observed.values().any(Observed::is_alive));
        status_of(&Known {
            pod: &pod,
            plan: &self.plan,
            observed: &self.observed,
            host_ips: &host_ips,
            pod_ips: &self.pod_ips,
            sandbox_ready,
            accepted: self.accepted,
            over,
            // A Pod has failed only once nothing of it runs any more.
            failure: self.failure.as_ref().filter(|_| over),
            now,
        })
    }

    pub(super) fn take_written(&mut self, result: Result<Box<Pod>, CallError>) {
        let Some(told) = self.report.writing.take() else { return };
        match result {
            Ok(_) => {
                self.report.written = *told;
                self.report.pause = PAUSE.0;
            }
            // If another Pod has the name by now, or none, the informer tells.
            Err(error) => {
                tracing::warn!(pod = %self.reference, %error, "cannot tell the status of a Pod yet");
                self.report.not_before = clock::now() + self.report.pause;
                self.report.pause = (self.report.pause * 2).min(PAUSE.1);
            }
        }
    }

    /// Removes the object once nothing of the Pod is left and its last status is written.
    pub(super) fn leave(&mut self) {
        if self.is_gone {
            self.stage = Stage::Gone;
            return;
        }
        let wanted = self.pod.metadata.deletion_timestamp.is_some();
        if !wanted || !self.report.is_settled || self.report.writing.is_some() {
            return;
        }
        self.stage = Stage::Removing;
        let api: Api<Pod> = Api::namespaced(self.node.client.clone(), &self.reference.namespace);
        let (name, uid) = (self.reference.name.clone(), self.reference.uid.clone());
        let pause = if self.report.not_before > clock::now() { self.report.pause } else { Duration::ZERO };
        self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            let preconditions = Preconditions { uid: Some(uid), resource_version: None };
            let parameters = DeleteParams {
                grace_period_seconds: Some(0),
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            Message::Removed(call(api.delete(&name, &parameters)).await.map(drop))
        });
    }

    pub(super) fn take_removed(&mut self, result: Result<(), CallError>) {
        match result {
            Ok(()) => self.is_gone = true,
            Err(error) if error.is_not_found() || error.is_conflict() => self.is_gone = true,
            Err(error) => {
                tracing::warn!(pod = %self.reference, %error, "cannot remove a Pod yet");
                self.report.not_before = clock::now() + self.report.pause;
                self.report.pause = (self.report.pause * 2).min(PAUSE.1);
            }
        }
        self.stage = Stage::Clean;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_any_more_is_taken_away() {
        let status = |value: Value| -> PodStatus { serde_json::from_value(value).expect("a status") };
        let told = status(json!({"reason": "Evicted", "conditions": [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "c"},
            {"type": "Initialized", "status": "True"},
        ]}));
        let now = status(json!({"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"},
        ]}));
        let patch = with_removals(&told, &now);
        assert_eq!(
            patch["conditions"][0],
            json!({"type": "Ready", "status": "True", "reason": null, "message": null})
        );
        assert_eq!(patch["conditions"][1], json!({"type": "Initialized", "status": "True"}));
        assert!(patch.get("reason").is_some_and(Value::is_null) && patch.get("message").is_none());
    }

    #[test]
    fn another_address_takes_the_place_of_the_old_one() {
        let status = |value: Value| -> PodStatus { serde_json::from_value(value).expect("a status") };
        let told = status(json!({"podIP": "127.64.0.1", "podIPs": [{"ip": "127.64.0.1"}]}));
        let now = status(json!({"podIP": "127.64.0.2", "podIPs": [{"ip": "127.64.0.2"}]}));
        let gone = json!({"$patch": "delete", "ip": "127.64.0.1"});
        assert_eq!(with_removals(&told, &now)["podIPs"], json!([{"ip": "127.64.0.2"}, gone]));
        assert_eq!(with_removals(&told, &told)["podIPs"], json!([{"ip": "127.64.0.1"}]));
    }
}
