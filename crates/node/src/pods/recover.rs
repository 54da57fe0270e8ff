//! Finding again what ran before the node was started, and clearing away what nobody wants any more.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use stanchion_node_core::Moment;
use stanchion_node_core::container::{EndedBy, Exit, ExitReason, State};
use stanchion_node_core::names::{PodRef, id_from_status};
use stanchion_node_core::plan::{PodPlan, RestartPolicy};
use stanchion_node_core::status::Failure;
use stanchion_sandbox::{ContainerId, ContainerState, Found};

use super::ending::exit_of;
use super::sync::image_of;
use super::worker::Worker;
use crate::clock;
use crate::node::Node;
use crate::volumes;

/// The time that containers have whose Pod is gone from the API.
const ORPHAN_GRACE: Duration = Duration::from_secs(10);
/// The labels of a run.
pub(super) const LABEL_CONTAINER: &str = "container";
pub(super) const LABEL_ATTEMPT: &str = "attempt";
pub(super) const LABEL_IMAGE: &str = "image";
pub(super) const LABEL_IMAGE_ID: &str = "image-id";

/// Returns the runs that are there, by the uid of their Pod.
pub(super) async fn by_pod(node: &Node) -> HashMap<String, Vec<Found>> {
    let mut found: HashMap<String, Vec<Found>> = HashMap::new();
    match node.runtime.containers().await {
        Ok(all) => {
            for one in all {
                found.entry(one.config.pod.uid.clone()).or_default().push(one);
            }
        }
        Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "cannot look for containers"),
    }
    found
}

/// Ends and removes the containers of a Pod that is gone.
pub(super) async fn clear(node: Arc<Node>, uid: String, left: Vec<Found>) {
    let each = left.iter().map(|one| async {
        let id = &one.config.id;
        if matches!(one.state, ContainerState::Running { .. }) {
            tracing::info!(%id, "a container whose Pod is gone is ended");
            drop(node.runtime.signal(id, 15).await);
            drop(tokio::time::timeout(ORPHAN_GRACE, node.runtime.wait(id)).await);
        }
        if let Err(error) = node.runtime.remove(id).await {
            tracing::warn!(%id, error = &error as &dyn std::error::Error, "a container cannot be removed");
        }
    });
    futures_util::future::join_all(each).await;
    if let Err(error) = volumes::remove(node.pod_dir(&uid)).await {
        tracing::warn!(uid, %error, "the volumes of a Pod that is gone cannot be removed");
    }
}

/// Removes the directories of Pods that are not there any more.
pub(super) async fn clear_directories(node: &Arc<Node>, known: &[Arc<Pod>]) {
    let uids: BTreeSet<&str> = known.iter().filter_map(|pod| pod.metadata.uid.as_deref()).collect();
    let Ok(entries) = std::fs::read_dir(node.options.state.join("pods")) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_none_or(|uid| uids.contains(uid)) {
            continue;
        }
        if let Err(error) = volumes::remove(entry.path()).await {
            tracing::warn!(path = %entry.path().display(), %error, "cannot remove what a Pod has left");
        }
    }
    let Ok(entries) = std::fs::read_dir(node.logs()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let uid = name.to_str().and_then(|name| name.rsplit('_').next());
        if uid.is_some_and(|uid| !uids.contains(uid)) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// Returns the plan of a Pod that cannot be run.
pub(super) fn empty_plan() -> PodPlan {
    PodPlan { policy: RestartPolicy::Never, containers: Vec::new() }
}

/// Says why a Pod cannot be run.
pub(super) fn refusal(why: &str) -> Failure {
    Failure {
        reason: "InvalidPod".to_owned(),
        message: format!("Pod cannot be run: {why}"),
        is_disruption: false,
    }
}

impl Worker {
    /// Takes in the runs that were found, and what the status remembers of those that were not.
    pub(super) fn recover(&mut self, mut left: Vec<Found>) {
        let phase = self.pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        let is_over = matches!(phase.as_str(), "Succeeded" | "Failed");
        left.sort_by_key(attempt_of);
        for one in left {
            self.take_found(&one);
        }
        let status = self.pod.status.clone().unwrap_or_default();
        let known = status.init_container_statuses.into_iter().chain(status.container_statuses).flatten();
        for status in known {
            self.remember(&status);
        }
        if is_over {
            // Whatever still runs is ended; the Pod stays what it is.
            let ips = self.pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten());
            self.pod_ips = ips.map(|ip| ip.ip.clone()).collect();
            self.begin_end(clock::now());
            self.keep_failure();
        }
    }

    /// Keeps why a Pod has failed as it was told.
    fn keep_failure(&mut self) {
        let status = self.pod.status.as_ref();
        let Some(reason) = status.and_then(|status| status.reason.clone()) else { return };
        let message = status.and_then(|status| status.message.clone()).unwrap_or_default();
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let is_disruption = conditions.is_some_and(|all| {
            all.iter()
                .any(|c| c.type_ == "DisruptionTarget" && c.reason.as_deref() == Some("TerminationByKubelet"))
        });
        self.failure.get_or_insert(Failure { reason, message, is_disruption });
    }

    fn take_found(&mut self, one: &Found) {
        let Some(container) = one.config.labels.get(LABEL_CONTAINER).cloned() else { return };
        let image = image_of(&one.config.labels, &self.plan, &container);
        let id = one.config.id.clone();
        self.runs.push(id.clone());
        let observed = self.observed.entry(container.clone()).or_default();
        match &one.state {
            // Its command was never executed: it is started by the same name when it is due.
            ContainerState::Created => return,
            ContainerState::Running { started_at, .. } => {
                observed.begin(id.to_string(), image);
                let since = clock::moment(*started_at);
                observed.instance.as_mut().expect("just begun").state = State::Running { since };
                tracing::info!(pod = %self.reference, container, "found a container that runs");
            }
            ContainerState::Exited(exit) => {
                observed.begin(id.to_string(), image);
                let exit = exit_of(&id, exit, EndedBy::Itself, None);
                observed.instance.as_mut().expect("just begun").state = State::Exited(exit);
            }
        }
        observed.runs = attempt_of(one) + 1;
        if matches!(one.state, ContainerState::Running { .. }) {
            self.await_exit(&container, id);
        }
    }

    /// Takes in what the status says of a container, where nothing newer was found.
    fn remember(&mut self, status: &ContainerStatus) {
        let restarts = u32::try_from(status.restart_count).unwrap_or(0);
        let observed = self.observed.entry(status.name.clone()).or_default();
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        if let Some(last) = last.filter(|_| observed.previous.is_none()) {
            observed.previous = Some(exit_from_status(last));
        }
        if observed.instance.is_some() {
            return;
        }
        let state = status.state.as_ref();
        let ended = state.and_then(|state| state.terminated.as_ref()).map(exit_from_status);
        let was_running = state.is_some_and(|state| state.running.is_some());
        let id = status.container_id.as_deref().and_then(id_from_status).map(str::to_owned);
        let exit = match (ended, id) {
            (Some(exit), _) => exit,
            // It ran, and there is no trace of it: the state directory was lost.
            (None, Some(id)) if was_running => lost(id),
            (None, _) => return,
        };
        observed.begin(
            exit.id.clone(),
            stanchion_node_core::container::Image { name: status.image.clone(), id: status.image_id.clone() },
        );
        observed.instance.as_mut().expect("just begun").state = State::Exited(exit);
        observed.runs = restarts + 1;
    }
}

/// Removes what is left of the runs of a Pod that is gone, and its logs.
pub(super) async fn tidy(node: &Node, reference: &PodRef, runs: &[ContainerId]) {
    for id in runs {
        if let Err(error) = node.runtime.remove(id).await {
            tracing::warn!(%id, error = &error as &dyn std::error::Error, "a container cannot be removed");
        }
    }
    match tokio::fs::remove_dir_all(node.logs().join(reference.log_dir())).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(pod = %reference, %error, "the logs of a Pod cannot be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

/// Returns the number of a run among those of its container, from 0.
fn attempt_of(one: &Found) -> u32 {
    one.config.labels.get(LABEL_ATTEMPT).and_then(|attempt| attempt.parse().ok()).unwrap_or(0)
}

fn exit_from_status(ended: &k8s_openapi::api::core::v1::ContainerStateTerminated) -> Exit {
    let reason = match ended.reason.as_deref() {
        Some("Completed") => ExitReason::Completed,
        Some("OOMKilled") => ExitReason::OomKilled,
        Some("StartError") => ExitReason::StartError,
        Some("ContainerStatusUnknown") => ExitReason::Unknown,
        Some(_) | None => ExitReason::Error,
    };
    let id = ended.container_id.as_deref().and_then(id_from_status).unwrap_or_default();
    Exit {
        id: id.to_owned(),
        code: ended.exit_code,
        signal: ended.signal,
        reason,
        message: ended.message.clone().unwrap_or_default(),
        started: ended.started_at.as_ref().map(Moment::from),
        finished: ended.finished_at.as_ref().map_or_else(clock::now, Moment::from),
        by: EndedBy::Itself,
    }
}

fn lost(id: String) -> Exit {
    Exit {
        id,
        code: stanchion_sandbox::CODE_KILLED,
        signal: None,
        reason: ExitReason::Unknown,
        message: "The container could not be located".to_owned(),
        started: None,
        finished: clock::now(),
        by: EndedBy::Itself,
    }
}
