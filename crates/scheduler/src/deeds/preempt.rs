//! Has Pods go so that a more important one finds room.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as ApiPod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;
use stanchion_scheduler_core::{Eviction, Filter, Pod};

use super::{Context, DeedError, Outcome, Report};
use crate::events::{Kind, Notice};

/// A decision to make room.
#[derive(Debug)]
pub(crate) struct Preempting {
    pub(crate) eviction: Eviction,
    /// Why there was no node.
    pub(crate) filters: Vec<Filter>,
    /// What the Pod is told.
    pub(crate) report: Report,
}

impl Preempting {
    /// Has the victims go, and keeps the node for the Pod.
    pub(crate) async fn carry_out(self, context: Arc<Context>) -> Outcome {
        let Self { eviction, filters, report } = self;
        let pod = Arc::clone(&report.pod);
        for displaced in &eviction.displaced {
            Report::displaced(displaced).carry_out(Arc::clone(&context)).await;
        }
        report.carry_out(Arc::clone(&context)).await;
        let mut failed = false;
        for victim in eviction.victims.iter().filter(|victim| !victim.kin.terminating) {
            if let Err(error) = evict(&context, &pod, victim, &eviction.node).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(victim = victim.path(), pod = pod.path(), error, "a victim does not go");
                failed = true;
            }
        }
        let victims = eviction.victims.iter().map(|victim| Arc::clone(&victim.uid)).collect();
        Outcome::Preempted { pod, victims, filters, failed }
    }
}

async fn evict(context: &Context, pod: &Pod, victim: &Arc<Pod>, node: &str) -> Result<(), DeedError> {
    let api: Api<ApiPod> = Api::namespaced(context.client.clone(), &victim.kin.namespace);
    let message = format!("{}: preempting to accommodate a higher priority pod", context.scheduler_name);
    let patch = json!({"metadata": {"uid": &*victim.uid}, "status": {"conditions": [{
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": message,
        "lastTransitionTime": Time(Timestamp::now()),
    }]}});
    let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
    let marked = context.request("mark a victim", api.patch_status(&victim.name, &params, &patch)).await;
    if is_gone(&marked) {
        return Ok(());
    }
    marked?;
    let preconditions = Preconditions { uid: Some(victim.uid.to_string()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    let deleted = context.request("delete a victim", api.delete(&victim.name, &params)).await;
    if is_gone(&deleted) {
        return Ok(());
    }
    deleted?;
    context.events.tell(Notice {
        regarding: Arc::clone(victim),
        kind: Kind::Normal,
        reason: "Preempted",
        action: "Preempting",
        note: format!("Preempted by pod {} on node {node}", pod.uid),
    });
    Ok(())
}

fn is_gone<T>(answer: &Result<T, DeedError>) -> bool {
    match answer {
        Err(DeedError::Request { source: kube::Error::Api(status), .. }) => status.code == 404,
        Ok(_) | Err(_) => false,
    }
}
