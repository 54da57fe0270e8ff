//! Ingresses.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::address;
use super::checks::{self, each, group_of, host_name, object_reference, required};
use super::read::{annotation, get, int_or_zero, is_set, list, spec, strings, text};
use super::service::balancer_host;

const CLASS: &str = "kubernetes.io/ingress.class";
const NOT_INSIDE: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const NOT_AT_END: [&str; 2] = ["/..", "/."];

/// Checks a new ingress.
pub(super) fn create(object: &Value, errors: &mut FieldErrors) {
    check(object, None, errors);
    let class = get(spec(object), "ingressClassName").as_str();
    if let (Some(old_style), Some(class)) = (annotation(object, CLASS), class)
        && old_style != class
    {
        let path = Path::new("annotations").child(CLASS);
        let why = "must match `ingressClassName` when both are specified";
        errors.push(FieldError::invalid(&path, old_style, why));
    }
}

/// Checks an ingress; names of secrets that were wrong before may stay so.
pub(super) fn check(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let spec = spec(object);
    let path = Path::new("spec");
    let rules = list(spec, "rules");
    let default = get(spec, "defaultBackend");
    if rules.is_empty() && default.is_null() {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid(&path, get(spec, "rules").clone(), why));
    }
    if !default.is_null() {
        backend(default, &path.child("defaultBackend"), errors);
    }
    for (i, rule) in rules.iter().enumerate() {
        check_rule(rule, &path.child("rules").index(i), errors);
    }
    tls(spec, old, &path, errors);
    if let Some(class) = get(spec, "ingressClassName").as_str() {
        each(errors, &path.child("ingressClassName"), class, name::dns1123_subdomain(class));
    }
}

fn tls(spec: &Value, old: Option<&Value>, path: &Path, errors: &mut FieldErrors) {
    let problems = |secret: &str| {
        if secret.is_empty() { Vec::new() } else { name::dns1123_subdomain(secret) }
    };
    let was_wrong = old.is_some_and(|old| {
        list(get(old, "spec"), "tls").iter().any(|entry| !problems(text(entry, "secretName")).is_empty())
    });
    for (i, entry) in list(spec, "tls").iter().enumerate() {
        let path = path.child("tls").index(i);
        for (i, host) in strings(entry, "hosts").enumerate() {
            each(errors, &path.child("hosts").index(i), host, host_name(host));
        }
        let secret = text(entry, "secretName");
        if !was_wrong {
            each(errors, &path.child("secretName"), secret, problems(secret));
        }
    }
}

fn check_rule(rule: &Value, path: &Path, errors: &mut FieldErrors) {
    let host = text(rule, "host");
    if !host.is_empty() {
        let path = path.child("host");
        if address::parse(host).is_some() {
            errors.push(FieldError::invalid(&path, host, "must be a DNS name, not an IP address"));
        }
        each(errors, &path, host, host_name(host));
    }
    let http = get(rule, "http");
    if http.is_null() {
        return;
    }
    let path = path.child("http").child("paths");
    let paths = list(http, "paths");
    if paths.is_empty() {
        errors.push(FieldError::required(&path, ""));
    }
    for (i, item) in paths.iter().enumerate() {
        check_path(item, &path.index(i), errors);
    }
}

fn check_path(item: &Value, path: &Path, errors: &mut FieldErrors) {
    let Some(kind) = get(item, "pathType").as_str() else {
        errors.push(FieldError::required(&path.child("pathType"), "pathType must be specified"));
        return;
    };
    let at = text(item, "path");
    let field = path.child("path");
    let mut wrong = |why: String| errors.push(FieldError::invalid(&field, at, why));
    match kind {
        "Exact" | "Prefix" => {
            if !at.starts_with('/') {
                wrong("must be an absolute path".to_owned());
            }
            let inside = NOT_INSIDE.into_iter().filter(|part| at.contains(part));
            inside.for_each(|part| wrong(format!("must not contain '{part}'")));
            let end = NOT_AT_END.into_iter().filter(|part| at.ends_with(part));
            end.for_each(|part| wrong(format!("cannot end with '{part}'")));
        }
        "ImplementationSpecific" => {
            if !at.is_empty() && !at.starts_with('/') {
                wrong("must be an absolute path".to_owned());
            }
        }
        _ => {
            let known = ["Exact", "ImplementationSpecific", "Prefix"];
            errors.push(FieldError::not_supported(&path.child("pathType"), kind, &known));
        }
    }
    backend(get(item, "backend"), &path.child("backend"), errors);
}

fn backend(backend: &Value, path: &Path, errors: &mut FieldErrors) {
    let (resource, service) = (get(backend, "resource"), get(backend, "service"));
    match (resource.is_null(), service.is_null()) {
        (false, false) => {
            errors.push(FieldError::invalid(path, "", "cannot set both resource and service backends"));
        }
        (false, true) => {
            let path = path.child("resource");
            group_of(errors, &path, resource);
            object_reference(errors, &path, resource);
        }
        (true, false) => service_backend(service, path, errors),
        (true, true) => {
            errors.push(FieldError::invalid(path, "", "resource or service backend is required"));
        }
    }
}

fn service_backend(service: &Value, path: &Path, errors: &mut FieldErrors) {
    let field = path.child("service");
    required(errors, &field.child("name"), text(service, "name"), name::dns1123_label);
    let port = get(service, "port");
    let (name, number) = (text(port, "name"), int_or_zero(port, "number"));
    match (name.is_empty(), number == 0) {
        (false, false) => {
            errors.push(FieldError::invalid(path, "", "cannot set both port name & port number"));
        }
        (false, true) => each(errors, &field.child("port").child("name"), name, name::port_name(name)),
        (true, false) => checks::port(errors, &field.child("port").child("number"), number),
        (true, true) => errors.push(FieldError::required(path, "port name or number is required")),
    }
}

/// Checks what a controller says of an ingress.
pub(super) fn status(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let ingress = |object| list(get(get(object, "status"), "loadBalancer"), "ingress");
    let known: Vec<&str> = ingress(old).iter().map(|item| text(item, "ip")).collect();
    for (i, item) in ingress(new).iter().enumerate() {
        let path = Path::new("status.loadBalancer.ingress").index(i);
        if is_set(item, "ip") && !text(item, "ip").is_empty() {
            address::legacy_ip(errors, &path.child("ip"), text(item, "ip"), &known);
        }
        balancer_host(item, &path, errors);
    }
}
