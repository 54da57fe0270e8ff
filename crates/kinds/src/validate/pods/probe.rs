//! Probes and hooks of containers, and what they do.

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use crate::validate::names;
use crate::validate::place::Place;
use crate::validate::read::{int, items, nonnegative, part, present, text};

/// Checks the probes and hooks of a container that may have them.
pub(super) fn check(container: &Value, grace: Option<i64>, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(lifecycle) = part(container, "lifecycle") {
        let at = at.child("lifecycle");
        for key in ["postStart", "preStop"] {
            if let Some(handler) = part(lifecycle, key) {
                check_handler(handler, &LIFECYCLE, grace, &at.child(key), errors);
            }
        }
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = part(container, key) {
            check_probe(probe, key, grace, &at.child(key), errors);
        }
    }
}

/// Names of the fields that only containers that stay may have.
pub(super) const FIELDS: [&str; 4] = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];

const PROBE: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];
const LIFECYCLE: [&str; 4] = ["exec", "httpGet", "tcpSocket", "sleep"];

fn check_probe(probe: &Value, key: &str, grace: Option<i64>, at: &Place<'_>, errors: &mut FieldErrors) {
    check_handler(probe, &PROBE, grace, at, errors);
    for field in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        nonnegative(probe, field, at, errors);
    }
    let grace = int(probe, "terminationGracePeriodSeconds");
    if let Some(grace) = grace.filter(|grace| *grace <= 0) {
        at.child("terminationGracePeriodSeconds").invalid(errors, grace, "must be greater than 0");
    }
    if key == "readinessProbe" {
        if let Some(grace) = grace {
            let detail = "must not be set for readinessProbes";
            at.child("terminationGracePeriodSeconds").invalid(errors, grace, detail);
        }
    } else if let Some(threshold) = int(probe, "successThreshold").filter(|threshold| *threshold != 1) {
        at.child("successThreshold").invalid(errors, threshold, "must be 1");
    }
}

fn check_handler(
    handler: &Value,
    kinds: &[&str],
    grace: Option<i64>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let mut count = 0;
    for key in kinds {
        let Some(action) = part(handler, key) else { continue };
        let at = at.child(key);
        if count > 0 {
            at.forbidden(errors, "may not specify more than 1 handler type");
            continue;
        }
        count += 1;
        match *key {
            "exec" => {
                if items(action, "command").is_empty() {
                    at.child("command").required(errors, "");
                }
            }
            "httpGet" => check_http(action, &at, errors),
            "sleep" => check_sleep(action, grace, &at, errors),
            _ => check_port(action.get("port"), &at.child("port"), errors),
        }
    }
    if count == 0 {
        at.required(errors, "must specify a handler type");
    }
}

fn check_http(action: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    present(action, "path", at, errors);
    check_port(action.get("port"), &at.child("port"), errors);
    let scheme = text(action, "scheme");
    if !matches!(scheme, "HTTP" | "HTTPS") {
        at.child("scheme").not_supported(errors, scheme, &["HTTP", "HTTPS"]);
    }
    for header in items(action, "httpHeaders") {
        let name = text(header, "name");
        at.child("httpHeaders").invalid_for(errors, name, names::http_header_name(name));
    }
}

fn check_sleep(action: &Value, grace: Option<i64>, at: &Place<'_>, errors: &mut FieldErrors) {
    let seconds = int(action, "seconds").unwrap_or(0);
    if let Some(grace) = grace.filter(|grace| seconds < 0 || seconds > *grace) {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        at.invalid(errors, seconds, detail);
    }
}

/// Checks the number or the name of a port.
fn check_port(port: Option<&Value>, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(name) = port.and_then(Value::as_str) {
        at.invalid_for(errors, name, names::port_name(name));
    } else {
        let number = port.and_then(Value::as_i64).unwrap_or(0);
        if !(1..=65535).contains(&number) {
            at.invalid(errors, number, "must be between 1 and 65535, inclusive");
        }
    }
}
