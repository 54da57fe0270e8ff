//! Events, by which others see what was done.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Request as HttpRequest;
use http::header::CONTENT_TYPE;
use kube::Client;
use serde_json::{Value, json};
use stanchion_doctor_core::{FIELD_MANAGER, ObjectStep};
use stanchion_machinery::time::format_seconds;

use super::ObjectError;

/// An Event's message is no longer than this, in characters.
const LONGEST: usize = 1_000;

/// Records that an object was repaired.
pub(super) async fn record(client: &Client, step: &ObjectStep, object: &Value) -> Result<(), ObjectError> {
    let target = &step.target;
    // Events about what has no namespace are in this one.
    let namespace = target.namespace.as_deref().unwrap_or("default");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = format_seconds(i64::try_from(now).unwrap_or_default());
    let message: String = format!("{} ({})", step.preview.what, step.check).chars().take(LONGEST).collect();
    let mut involved = json!({
        "apiVersion": target.kind.api_version(),
        "kind": target.kind.name(),
        "name": target.name,
        "uid": object.pointer("/metadata/uid"),
    });
    if let Some(namespace) = &target.namespace {
        involved["namespace"] = json!(namespace);
    }
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}.", target.name), "namespace": namespace},
        "involvedObject": involved,
        "type": "Normal",
        "reason": "Repaired",
        "message": message,
        "source": {"component": FIELD_MANAGER},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    });
    let request = HttpRequest::post(format!("/api/v1/namespaces/{namespace}/events"))
        .header(CONTENT_TYPE, "application/json")
        .body(event.to_string().into_bytes())
        .map_err(|source| ObjectError::Request { target: target.clone(), source })?;
    let made = client.request::<Value>(request).await;
    made.map(drop).map_err(|source| ObjectError::Api {
        what: "record an Event about",
        target: target.clone(),
        source: Box::new(source),
    })
}
