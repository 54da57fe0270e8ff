//! What the Kubernetes API says of Pods, as evidence.

use k8s_openapi::api::core::v1::{ContainerState, Pod as Object};
use stanchion_api::names;
use stanchion_ha_core::manager::Pod;

/// Reads the evidence in a Pod, or in that there is none.
pub(crate) fn pod(object: Option<&Object>) -> Pod {
    let Some(object) = object else { return Pod::Ended("the Pod is gone".to_owned()) };
    let status = object.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    if matches!(phase, "Failed" | "Succeeded") {
        let reason = status.and_then(|status| status.reason.as_deref()).unwrap_or("no reason given");
        return Pod::Ended(format!("the Pod's phase is {phase}: {reason}"));
    }
    let state = status
        .and_then(|status| status.container_statuses.as_ref())
        .and_then(|statuses| statuses.iter().find(|one| one.name == names::CONTAINER));
    let current = state.and_then(|one| one.state.as_ref());
    if let Some(ended) = current.and_then(ended) {
        return Pod::Ended(ended);
    }
    if object.metadata.deletion_timestamp.is_some() {
        return Pod::Other("the Pod is being deleted".to_owned());
    }
    if current.is_some_and(|state| state.running.is_some()) {
        return Pod::Running;
    }
    let last = state.and_then(|one| one.last_state.as_ref()).and_then(ended);
    match last {
        Some(last) => Pod::Ended(format!("{last}, and it has not been started again")),
        None => Pod::Ended("the Pod is new and its container has not started".to_owned()),
    }
}

fn ended(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    let how = ended
        .signal
        .map_or_else(|| format!("exit code {}", ended.exit_code), |signal| format!("signal {signal}"));
    let reason = ended.reason.as_deref().unwrap_or("no reason given");
    Some(format!("the container ended: {how}, {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: &serde_json::Value) -> Pod {
        let object = json!({"metadata": {"name": "orders-0"}, "status": status});
        pod(Some(&serde_json::from_value(object).unwrap()))
    }

    #[test]
    fn only_what_has_ended_is_evidence() {
        let container = |state: serde_json::Value| {
            json!({"phase": "Running", "containerStatuses": [
            {"name": "mariadb", "state": state, "image": "", "imageID": "", "ready": false, "restartCount": 0}]})
        };
        assert_eq!(read(&container(json!({"running": {}}))), Pod::Running);
        assert!(matches!(
            read(&container(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}))),
            Pod::Ended(text) if text.contains("137") && text.contains("OOMKilled")
        ));
        assert!(
            matches!(read(&json!({"phase": "Failed", "reason": "Evicted"})), Pod::Ended(text) if text.contains("Evicted"))
        );
        assert!(matches!(read(&json!({"phase": "Pending"})), Pod::Ended(_)));
        assert!(matches!(pod(None), Pod::Ended(_)));
    }

    #[test]
    fn a_pod_on_its_way_out_still_runs() {
        let object = json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {
            "phase": "Running", "containerStatuses": [
            {"name": "mariadb", "state": {"running": {}}, "image": "", "imageID": "", "ready": true, "restartCount": 0}]}});
        assert!(matches!(pod(Some(&serde_json::from_value(object).unwrap())), Pod::Other(_)));
    }
}
