//! Defaults of containers, of whichever sort.

use serde_json::{Map, Value};

use super::image::pull_policy;
use super::{absent, blank, each, made, part, zero};

/// Fills in a container.
pub(super) fn fill(container: &mut Map<String, Value>) {
    if container.get("imagePullPolicy").is_none_or(|policy| policy.as_str() == Some("")) {
        let policy = pull_policy(container.get("image").and_then(Value::as_str).unwrap_or(""));
        container.insert("imagePullPolicy".to_owned(), policy.into());
    }
    blank(container, "terminationMessagePath", "/dev/termination-log");
    blank(container, "terminationMessagePolicy", "File");
    // Not a pointer in Go, so it is written even when it is empty.
    made(container, "resources");
    for port in each(container, "ports") {
        blank(port, "protocol", "TCP");
    }
    for variable in each(container, "env") {
        if let Some(source) = part(variable, "valueFrom") {
            references(source);
        }
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = part(container, key) {
            fill_probe(probe);
        }
    }
    if let Some(lifecycle) = part(container, "lifecycle") {
        for key in ["postStart", "preStop"] {
            if let Some(action) = part(lifecycle, key).and_then(|handler| part(handler, "httpGet")) {
                fill_http(action);
            }
        }
    }
}

/// Fills in references to fields of the Pod, in variables as in files.
pub(super) fn references(source: &mut Map<String, Value>) {
    if let Some(field) = part(source, "fieldRef") {
        blank(field, "apiVersion", "v1");
    }
    if let Some(resource) = part(source, "resourceFieldRef") {
        // Not a pointer in Go, so it is written even when it is zero.
        absent(resource, "divisor", "0");
    }
}

fn fill_probe(probe: &mut Map<String, Value>) {
    zero(probe, "timeoutSeconds", 1);
    zero(probe, "periodSeconds", 10);
    zero(probe, "successThreshold", 1);
    zero(probe, "failureThreshold", 3);
    if let Some(action) = part(probe, "httpGet") {
        fill_http(action);
    }
    if let Some(action) = part(probe, "grpc") {
        absent(action, "service", "");
    }
}

fn fill_http(action: &mut Map<String, Value>) {
    blank(action, "path", "/");
    blank(action, "scheme", "HTTP");
}
