//! token: issues a token for a service account.

use serde_json::json;
use stanchion_machinery::status::{Status, Subject};
use stanchion_machinery::{Value, meta, time};

use crate::api::Api;
use crate::authn::tokens::{Bound, Claims, ObjectRef};
use crate::call::Call;
use crate::http::Reply;
use crate::resource::ObjectKey;
use crate::{clock, decode};

const REQUEST: &str = "io.k8s.api.authentication.v1.TokenRequest";
/// The longest a token lives, in seconds; a longer wish is cut.
const LONGEST: i64 = 24 * 3600;

/// Issues a token as the body asks.
pub(crate) async fn issue(api: &Api, call: &Call) -> Result<Reply, Status> {
    let draft = decode::other(call, "authentication.k8s.io", "v1", "TokenRequest", REQUEST)?;
    let mut request = draft.object;
    stanchion_kinds::defaults::objects::apply("authentication.k8s.io", "TokenRequest", &mut request);
    let errors =
        stanchion_kinds::validate::objects::create("authentication.k8s.io", "TokenRequest", &request);
    let errors = errors.unwrap_or_default();
    if !errors.is_empty() {
        return Err(Status::invalid("authentication.k8s.io", "TokenRequest", "", &errors));
    }
    let key = call.key();
    let missing = || Status::not_found(call.resource.subject(), &key.name);
    let account = api.storage.get(&call.place(&key)).await?.ok_or_else(missing)?.object()?;
    let bound = bound(api, &key, &request).await?;
    let wanted: Vec<String> = request["spec"]["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|audience| audience.as_str().map(str::to_owned))
        .collect();
    let audiences = if wanted.is_empty() { api.authenticator.tokens().audiences().to_vec() } else { wanted };
    let seconds =
        request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(3600).min(LONGEST);
    request["spec"]["audiences"] = json!(audiences);
    let claims = Claims {
        namespace: key.namespace.clone(),
        service_account: ObjectRef { name: key.name.clone(), uid: meta::uid(&account).to_owned() },
        audiences,
        expiration_seconds: seconds,
        warn_after: None,
        bound,
    };
    let (token, expires) = api.authenticator.tokens().issue(&claims)?;
    request["metadata"] =
        json!({"name": key.name, "namespace": key.namespace, "creationTimestamp": clock::now()});
    request["status"] = json!({"token": token, "expirationTimestamp": time::format_seconds(expires)});
    Ok(Reply::object(201, &request))
}

/// Finds the object that a token is to live and die with.
async fn bound(api: &Api, account: &ObjectKey, request: &Value) -> Result<Option<Bound>, Status> {
    let namespace = &account.namespace;
    let Some(reference) = request.pointer("/spec/boundObjectRef").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let text = |key: &str| reference[key].as_str().unwrap_or("");
    let (kind, name, uid) = (text("kind"), text("name"), text("uid"));
    let (prefix, resource) = match kind {
        "Pod" => (format!("pods/{namespace}"), "pods"),
        "Secret" => (format!("secrets/{namespace}"), "secrets"),
        "Node" => ("minions".to_owned(), "nodes"),
        other => {
            return Err(Status::bad_request(format!(
                "cannot bind token for serviceaccount to kind {other:?}"
            )));
        }
    };
    let subject = Subject { group: "", resource };
    let stored = api.storage.get(&format!("{prefix}/{name}")).await?;
    let object = stored.ok_or_else(|| Status::not_found(subject, name))?.object()?;
    if !uid.is_empty() && uid != meta::uid(&object) {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(subject, name, &why));
    }
    // A token must not outlive its account's Pods by clinging to somebody else's.
    let runs_as = object.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("");
    if kind == "Pod" && runs_as != account.name {
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
            account.name
        )));
    }
    let found = ObjectRef { name: name.to_owned(), uid: meta::uid(&object).to_owned() };
    Ok(Some(match kind {
        "Secret" => Bound::Secret(found),
        "Node" => Bound::Node(found),
        _ => Bound::Pod { pod: found, node: node_of(api, &object).await? },
    }))
}

/// Finds the node that a Pod is on.
async fn node_of(api: &Api, pod: &Value) -> Result<Option<ObjectRef>, Status> {
    let name = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("");
    if name.is_empty() {
        return Ok(None);
    }
    let uid = match api.storage.get(&format!("minions/{name}")).await? {
        Some(stored) => meta::uid(&stored.object()?).to_owned(),
        None => return Ok(None),
    };
    Ok(Some(ObjectRef { name: name.to_owned(), uid }))
}
