//! Taking a liveness probe off a container that holds a database.

use serde_json::{Value, json};

use super::Request;
use crate::repair::Refusal;

/// So long a start may take before it is tried again: a database that recovers a large log takes hours.
const START: i64 = 86_400;
/// How often a readiness probe asks if it says nothing.
const PERIOD: i64 = 10;

/// Takes the liveness probe off. A start that hangs for ever is still ended, if there is a readiness probe that can tell.
pub(super) fn without_liveness(live: &Value, name: &str) -> Result<Request, Refusal> {
    let Some((place, container)) = find(live, name) else {
        return Err(Refusal::new(format!("there is no container {name} any more")));
    };
    let Some(liveness) = container.get("livenessProbe") else {
        return Err(Refusal::new(format!("container {name} has no liveness probe any more")));
    };
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": live.pointer("/metadata/uid")}),
        json!({"op": "test", "path": format!("{place}/name"), "value": name}),
        json!({"op": "test", "path": format!("{place}/livenessProbe"), "value": liveness}),
        json!({"op": "remove", "path": format!("{place}/livenessProbe")}),
    ];
    if container.get("startupProbe").is_none()
        && let Some(readiness) = container.get("readinessProbe")
    {
        patch.push(
            json!({"op": "add", "path": format!("{place}/startupProbe"), "value": at_start(readiness)}),
        );
    }
    Ok(Request::Patch(Value::Array(patch)))
}

/// Returns where a container of the template is, sidecars included, and the container.
fn find<'a>(live: &'a Value, name: &str) -> Option<(String, &'a Value)> {
    ["containers", "initContainers"].into_iter().find_map(|list| {
        let list = format!("/spec/template/spec/{list}");
        let all = live.pointer(&list)?.as_array()?;
        let index = all.iter().position(|container| container["name"] == name)?;
        Some((format!("{list}/{index}"), &all[index]))
    })
}

/// Makes a startup probe of a readiness probe: it asks the same, and has a day.
fn at_start(readiness: &Value) -> Value {
    let mut probe = readiness.clone();
    let period = readiness["periodSeconds"].as_i64().unwrap_or(PERIOD).max(1);
    // One success is all that a startup probe may ask for.
    probe["successThreshold"] = json!(1);
    probe["failureThreshold"] = json!((START / period).max(1));
    probe
}
