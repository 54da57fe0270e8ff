//! binding: places a Pod on a node.

use serde_json::json;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::{Status, Subject};
use stanchion_machinery::{Value, meta};

use crate::api::Api;
use crate::call::Call;
use crate::http::{Reply, Verb};
use crate::resource::{ObjectKey, Resource};
use crate::strategy::Part;
use crate::verbs::create::Owner;
use crate::verbs::update::{Made, modify};
use crate::{clock, decode};

const BINDING: &str = "io.k8s.api.core.v1.Binding";

/// Binds the Pod of the URL, or of the body's name, to a node.
pub(crate) async fn bind(api: &Api, call: &Call) -> Result<Reply, Status> {
    let draft = decode::other(call, "", "v1", "Binding", BINDING)?;
    let binding = draft.object;
    let name = if call.resource.is("", "pods") { call.target.name.as_str() } else { meta::name(&binding) };
    let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or("").to_owned();
    let kind = binding.pointer("/target/kind").and_then(Value::as_str).unwrap_or("");
    if !matches!(kind, "" | "Node" | "Minion") || node.is_empty() {
        let path = Path::new("target");
        let error = if node.is_empty() {
            FieldError::required(&path.child("name"), "")
        } else {
            FieldError::not_supported(&path.child("kind"), kind, &["Node", "<empty>"])
        };
        return Err(Status::invalid("", "Binding", name, &[error]));
    }
    let pods = stanchion_kinds::table::resource("", "v1", "pods").expect("the table has Pods");
    let mut placed = call.on(Resource::BuiltIn(pods), Verb::Update);
    name.clone_into(&mut placed.target.name);
    let key = ObjectKey::new(&call.target.namespace, name);
    modify(api, &placed, Part::Whole, &key, |pod| {
        let object = assign(&placed, pod, &binding, &node)?;
        Ok(Made { object, owner: Owner::Applied, warnings: Vec::new() })
    })
    .await?;
    let success =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Reply::object(201, &success))
}

fn assign(call: &Call, pod: &Value, binding: &Value, node: &str) -> Result<Value, Status> {
    let subject = call.resource.subject();
    let name = meta::name(pod);
    let uid = meta::uid(binding);
    if !uid.is_empty() && uid != meta::uid(pod) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            meta::uid(pod)
        );
        return Err(Status::conflict(subject, name, &why));
    }
    let taken = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("");
    let why = if meta::is_deleting(pod) {
        format!("pod {name} is being deleted, cannot be assigned to a host")
    } else if !taken.is_empty() {
        format!("pod {name} is already assigned to node {taken:?}")
    } else if pod
        .pointer("/spec/schedulingGates")
        .and_then(Value::as_array)
        .is_some_and(|gates| !gates.is_empty())
    {
        format!("pod {name} has non-empty .spec.schedulingGates")
    } else {
        String::new()
    };
    if !why.is_empty() {
        return Err(Status::conflict(Subject { group: "", resource: "pods/binding" }, name, &why));
    }
    let mut object = pod.clone();
    object["spec"]["nodeName"] = json!(node);
    for of in ["annotations", "labels"] {
        for (key, value) in meta::map(binding, of).into_iter().flatten() {
            object["metadata"][of][key] = value.clone();
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("nominatedNodeName");
    }
    let condition = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": clock::now(),
    });
    let mut conditions =
        object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    conditions.retain(|condition| condition["type"] != "PodScheduled");
    conditions.push(condition);
    object["status"]["conditions"] = Value::Array(conditions);
    Ok(object)
}
