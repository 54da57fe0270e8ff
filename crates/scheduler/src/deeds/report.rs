//! Tells a Pod why it waits: the condition `PodScheduled`, the node kept for it, and an Event.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod as ApiPod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use stanchion_informers::Key;
use stanchion_scheduler_core::Pod;

use super::{Context, Outcome};
use crate::events::{Kind, Notice};

const POD_SCHEDULED: &str = "PodScheduled";

/// What becomes of the node that is kept for a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Nomination {
    AsIs,
    None,
    Node(Arc<str>),
}

/// What a Pod is told.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) pod: Arc<Pod>,
    /// Reason and message of the condition, and of the Event.
    why: Option<(&'static str, String)>,
    nomination: Nomination,
}

impl Report {
    /// No node will do.
    pub(crate) fn unschedulable(pod: &Arc<Pod>, message: String) -> Self {
        Self { pod: Arc::clone(pod), why: Some(("Unschedulable", message)), nomination: Nomination::AsIs }
    }

    /// Something went wrong.
    pub(crate) fn failure(pod: &Arc<Pod>, message: String) -> Self {
        Self { pod: Arc::clone(pod), why: Some(("SchedulerError", message)), nomination: Nomination::AsIs }
    }

    /// No node is kept for it any more.
    pub(crate) fn displaced(pod: &Arc<Pod>) -> Self {
        Self { pod: Arc::clone(pod), why: None, nomination: Nomination::None }
    }

    /// Also keeps a node.
    pub(crate) fn with_nomination(self, node: &Arc<str>) -> Self {
        Self { nomination: Nomination::Node(Arc::clone(node)), ..self }
    }

    /// Also keeps no node.
    pub(crate) fn without_nomination(self) -> Self {
        Self { nomination: Nomination::None, ..self }
    }

    /// Says nothing that the object says already.
    pub(crate) fn unless_told(self, object: &ApiPod) -> Self {
        let told = self.why.as_ref().is_some_and(|(reason, message)| says(object, reason, message));
        if told { Self { why: None, ..self } } else { self }
    }

    /// Tells it. What cannot be told is logged; the next attempt tells again.
    pub(crate) async fn carry_out(self, context: Arc<Context>) -> Outcome {
        let Self { pod, why, nomination } = self;
        if let Some((_, note)) = &why {
            context.events.tell(Notice {
                regarding: Arc::clone(&pod),
                kind: Kind::Warning,
                reason: "FailedScheduling",
                action: "Scheduling",
                note: note.clone(),
            });
        }
        let object = context.pods.get(&Key::new(pod.kin.namespace.as_ref(), pod.name.as_ref()));
        let object = object.filter(|object| object.metadata.uid.as_deref() == Some(pod.uid.as_ref()));
        let Some(patch) = object.and_then(|object| patch(&object, why.as_ref(), &nomination)) else {
            return Outcome::Told;
        };
        let api: Api<ApiPod> = Api::namespaced(context.client.clone(), &pod.kin.namespace);
        let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
        let request = api.patch_status(&pod.name, &params, &patch);
        if let Err(error) = context.request("say why a Pod waits", request).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(pod = pod.path(), error, "a Pod is not told why it waits");
        }
        Outcome::Told
    }
}

fn condition(object: &ApiPod) -> Option<&PodCondition> {
    let conditions = object.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == POD_SCHEDULED)
}

fn says(object: &ApiPod, reason: &str, message: &str) -> bool {
    condition(object).is_some_and(|condition| {
        condition.status == "False"
            && condition.reason.as_deref() == Some(reason)
            && condition.message.as_deref() == Some(message)
    })
}

/// Returns what is to be changed, if anything is.
fn patch(object: &ApiPod, why: Option<&(&'static str, String)>, nomination: &Nomination) -> Option<Value> {
    let mut status = json!({});
    if let Some((reason, message)) = why.filter(|(reason, message)| !says(object, reason, message)) {
        let old = condition(object).filter(|old| old.status == "False");
        let since = old.and_then(|old| old.last_transition_time.clone()).unwrap_or(Time(Timestamp::now()));
        let mut condition = json!({
            "type": POD_SCHEDULED,
            "status": "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
        });
        if let Some(generation) = object.metadata.generation {
            condition["observedGeneration"] = json!(generation);
        }
        status["conditions"] = json!([condition]);
    }
    let kept = object.status.as_ref().and_then(|status| status.nominated_node_name.as_deref());
    let kept = kept.filter(|kept| !kept.is_empty());
    match nomination {
        Nomination::None if kept.is_some() => status["nominatedNodeName"] = Value::Null,
        Nomination::Node(node) if kept != Some(node.as_ref()) => status["nominatedNodeName"] = json!(&**node),
        Nomination::AsIs | Nomination::None | Nomination::Node(_) => {}
    }
    let empty = status.as_object().is_none_or(serde_json::Map::is_empty);
    (!empty).then(|| json!({"metadata": {"uid": object.metadata.uid}, "status": status}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(status: &Value) -> ApiPod {
        serde_json::from_value(json!({"metadata": {"name": "p", "uid": "u"}, "status": status})).unwrap()
    }

    #[test]
    fn only_what_is_new_is_written() {
        let told = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }], "nominatedNodeName": "n1"});
        let full = ("Unschedulable", "full".to_owned());
        let worse = ("Unschedulable", "fuller".to_owned());
        assert!(patch(&object(&told), Some(&full), &Nomination::AsIs).is_none());
        assert!(patch(&object(&told), Some(&full), &Nomination::Node("n1".into())).is_none());
        let changed = patch(&object(&told), Some(&worse), &Nomination::AsIs).unwrap();
        assert_eq!(changed["status"]["conditions"][0]["message"], "fuller");
        assert_eq!(changed["status"]["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
        let freed = patch(&object(&told), None, &Nomination::None).unwrap();
        assert_eq!(freed["status"], json!({"nominatedNodeName": null}));
        assert!(patch(&object(&json!({})), None, &Nomination::None).is_none());
        let first = patch(&object(&json!({})), Some(&full), &Nomination::Node("n2".into())).unwrap();
        assert_eq!(first["status"]["nominatedNodeName"], "n2");
        assert_eq!(first["metadata"]["uid"], "u");
    }
}
