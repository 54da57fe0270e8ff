//! Defaults of what keeps a number of Pods.

use serde_json::{Map, Value};

use super::{absent, blank, each, is_empty, made, part, template};

/// Fills in a `ReplicationController`, whose selector and labels follow from its template.
pub(super) fn replication_controller(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    absent(spec, "replicas", 1);
    if let Some(template) = part(spec, "template") {
        template::fill(template);
    }
    let labels = spec.get("template").and_then(|template| template.pointer("/metadata/labels")).cloned();
    let Some(labels) = labels else { return };
    if is_empty(spec, "selector") {
        spec.insert("selector".to_owned(), labels.clone());
    }
    inherit_labels(object, labels);
}

/// Gives an object that has no labels those of its template.
pub(super) fn inherit_labels(object: &mut Map<String, Value>, labels: Value) {
    let Some(metadata) = made(object, "metadata") else { return };
    if is_empty(metadata, "labels") && labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        metadata.insert("labels".to_owned(), labels);
    }
}

/// Fills in a Deployment.
pub(super) fn deployment(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    absent(spec, "replicas", 1);
    if let Some(strategy) = made(spec, "strategy") {
        blank(strategy, "type", "RollingUpdate");
        if is_rolling(strategy) {
            let rolling = made(strategy, "rollingUpdate");
            if let Some(rolling) = rolling {
                absent(rolling, "maxUnavailable", "25%");
                absent(rolling, "maxSurge", "25%");
            }
        }
    }
    absent(spec, "revisionHistoryLimit", 10);
    absent(spec, "progressDeadlineSeconds", 600);
    template::fill_in(spec);
}

/// Fills in a `ReplicaSet`.
pub(super) fn replica_set(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    absent(spec, "replicas", 1);
    template::fill_in(spec);
}

/// Fills in a `DaemonSet`.
pub(super) fn daemon_set(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    if let Some(strategy) = made(spec, "updateStrategy") {
        blank(strategy, "type", "RollingUpdate");
        if is_rolling(strategy)
            && let Some(rolling) = made(strategy, "rollingUpdate")
        {
            absent(rolling, "maxUnavailable", 1);
            absent(rolling, "maxSurge", 0);
        }
    }
    absent(spec, "revisionHistoryLimit", 10);
    template::fill_in(spec);
}

/// Fills in a StatefulSet and the claims it makes.
pub(super) fn stateful_set(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    blank(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = made(spec, "updateStrategy") {
        if strategy.get("type").and_then(Value::as_str).is_none_or(str::is_empty) {
            blank(strategy, "type", "RollingUpdate");
            made(strategy, "rollingUpdate");
        }
        if is_rolling(strategy)
            && let Some(rolling) = part(strategy, "rollingUpdate")
        {
            absent(rolling, "partition", 0);
        }
    }
    if let Some(policy) = made(spec, "persistentVolumeClaimRetentionPolicy") {
        blank(policy, "whenDeleted", "Retain");
        blank(policy, "whenScaled", "Retain");
    }
    absent(spec, "replicas", 1);
    absent(spec, "revisionHistoryLimit", 10);
    each(spec, "volumeClaimTemplates").for_each(claim);
    template::fill_in(spec);
}

fn claim(claim: &mut Map<String, Value>) {
    blank(claim, "apiVersion", "v1");
    blank(claim, "kind", "PersistentVolumeClaim");
    if let Some(spec) = made(claim, "spec") {
        absent(spec, "volumeMode", "Filesystem");
        made(spec, "resources");
    }
    if let Some(status) = made(claim, "status") {
        blank(status, "phase", "Pending");
    }
}

fn is_rolling(strategy: &Map<String, Value>) -> bool {
    strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate")
}
