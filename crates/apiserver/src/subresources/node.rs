//! What the node of a Pod answers: which Pod, which container, and where its node is.

use stanchion_kinds::table::Subresource;
use stanchion_machinery::Value;
use stanchion_machinery::status::{Reason, Status, Subject};

use crate::api::Api;
use crate::call::Call;
use crate::nodes::Endpoint;

/// Reads the Pod that a request is about.
pub(super) async fn pod(api: &Api, call: &Call) -> Result<Value, Status> {
    let key = call.key();
    let missing = || Status::not_found(call.resource.subject(), &key.name);
    api.storage.get(&call.place(&key)).await?.ok_or_else(missing)?.object()
}

/// Returns the name of the node that a Pod is on, empty if it is on none.
pub(super) fn name(pod: &Value) -> &str {
    pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("")
}

/// Finds the node of a Pod.
pub(super) async fn endpoint(api: &Api, name: &str) -> Result<Endpoint, Status> {
    let nodes = Subject { group: "", resource: "nodes" };
    let stored = api.storage.get(&format!("minions/{name}")).await?;
    Endpoint::of(&stored.ok_or_else(|| Status::not_found(nodes, name))?.object()?)
}

/// Returns the container that is meant, in kube-apiserver's words if that is not clear.
pub(super) fn container(pod: &Value, pod_name: &str, wanted: &str) -> Result<String, Status> {
    let names = |list: &str| -> Vec<&str> {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|container| container["name"].as_str()).collect()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    let ephemeral = names("ephemeralContainers");
    if !wanted.is_empty() {
        if [&main, &init, &ephemeral].iter().any(|names| names.contains(&wanted)) {
            return Ok(wanted.to_owned());
        }
        return Err(Status::bad_request(format!("container {wanted} is not valid for pod {pod_name}")));
    }
    if let [only] = main.as_slice() {
        return Ok((*only).to_owned());
    }
    let among = |what: &str, names: &[&str]| match names {
        [] => String::new(),
        names => format!("{what}: [{}]", names.join(" ")),
    };
    let choices = [
        among(", choose one of", &main),
        among(" or one of the init containers", &init),
        among(" or one of the ephemeral containers", &ephemeral),
    ];
    let text = format!("a container name must be specified for pod {pod_name}{}", choices.concat());
    Err(Status::bad_request(text))
}

/// Refuses what is not served.
pub(crate) fn refuse(subresource: Subresource) -> Status {
    let text = format!("{} is not supported by this server", subresource.as_str());
    Status::new(Reason::NotImplemented, text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_is_chosen_or_asked_for() {
        let one = json!({"spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]}});
        let two = json!({"spec": {
            "containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}],
            "ephemeralContainers": [{"name": "e"}],
        }});
        let said = |pod: &Value, wanted: &str| container(pod, "p", wanted).map_err(|status| status.message);
        assert_eq!(said(&one, ""), Ok("a".to_owned()));
        assert_eq!(said(&one, "i"), Ok("i".to_owned()));
        assert_eq!(said(&two, "e"), Ok("e".to_owned()));
        assert_eq!(said(&one, "x"), Err("container x is not valid for pod p".to_owned()));
        let text = "a container name must be specified for pod p, choose one of: [a b] \
            or one of the init containers: [i] or one of the ephemeral containers: [e]";
        assert_eq!(said(&two, ""), Err(text.to_owned()));
    }
}
