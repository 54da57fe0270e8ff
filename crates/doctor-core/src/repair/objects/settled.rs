//! Whether a workload has done what it was told.

use serde_json::Value;

use super::target::TargetKind;

/// How far a workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// All its Pods are as they are to be, and ready.
    Yes,
    /// Not yet.
    NotYet {
        /// What is missing.
        why: String,
    },
    /// It does nothing by itself.
    ByHand {
        /// What has to be done.
        how: &'static str,
    },
}

/// Says how far a workload is, as `kubectl rollout status` does; what is no workload has nothing to wait for.
pub fn settled(kind: TargetKind, live: &Value) -> Settled {
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let strategy = live.pointer("/spec/updateStrategy/type").and_then(Value::as_str).unwrap_or_default();
    if kind.is_workload() && strategy == "OnDelete" {
        return Settled::ByHand { how: "its Pods are replaced when somebody deletes them" };
    }
    if live.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Settled::ByHand { how: "its rollout is paused: `kubectl rollout resume` lets it go on" };
    }
    if number("/spec/updateStrategy/rollingUpdate/partition") > 0 {
        return Settled::ByHand {
            how: "its Pods below the partition of its rolling update stay as they are",
        };
    }
    let replicas = live.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let (wanted, updated, all, available) = match kind {
        TargetKind::Deployment => {
            (replicas, "/status/updatedReplicas", number("/status/replicas"), "/status/availableReplicas")
        }
        TargetKind::StatefulSet => (replicas, "/status/updatedReplicas", replicas, "/status/readyReplicas"),
        TargetKind::DaemonSet => {
            let wanted = number("/status/desiredNumberScheduled");
            (wanted, "/status/updatedNumberScheduled", wanted, "/status/numberAvailable")
        }
        TargetKind::PodDisruptionBudget
        | TargetKind::Job
        | TargetKind::CronJob
        | TargetKind::Pod
        | TargetKind::Node
        | TargetKind::VolumeAttachment => return Settled::Yes,
    };
    if number("/status/observedGeneration") < number("/metadata/generation") {
        return Settled::NotYet { why: "the change was not seen yet".to_owned() };
    }
    let (updated, available) = (number(updated), number(available));
    if updated < wanted || all > updated || available < wanted {
        return Settled::NotYet {
            why: format!("{updated} of {wanted} Pods are new, {available} are ready, {all} are there"),
        };
    }
    Settled::Yes
}
