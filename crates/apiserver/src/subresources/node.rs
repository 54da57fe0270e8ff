//! What the node of a Pod answers: output of containers, commands in them. Nodes come later; until then it is refused.

use stanchion_kinds::table::Subresource;
use stanchion_machinery::Value;
use stanchion_machinery::status::{Reason, Status};

use crate::api::Api;
use crate::call::Call;
use crate::http::Reply;

/// Passes a request on to the node of the Pod.
pub(crate) async fn pass(api: &Api, call: &Call) -> Result<Reply, Status> {
    let key = call.key();
    let missing = || Status::not_found(call.resource.subject(), &key.name);
    let pod = api.storage.get(&call.place(&key)).await?.ok_or_else(missing)?.object()?;
    let node = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("");
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", key.name)));
    }
    let place = format!("minions/{node}");
    if api.storage.get(&place).await?.is_none() {
        let nodes = stanchion_machinery::status::Subject { group: "", resource: "nodes" };
        return Err(Status::not_found(nodes, node));
    }
    let what = &call.target.subresource;
    let text = format!("node {node:?} offers no {what}: this server does not connect to nodes yet");
    Err(Status::new(Reason::NotImplemented, text))
}

/// Refuses what is not served.
pub(crate) fn refuse(subresource: Subresource) -> Status {
    let text = format!("{} is not supported by this server", subresource.as_str());
    Status::new(Reason::NotImplemented, text)
}
