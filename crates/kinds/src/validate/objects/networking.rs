//! Ingress classes, addresses of Services and the networks they come from.

use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::checks::{each, group_of, immutable, object_reference, optional, required};
use super::read::{get, list, spec, strings, text};

const CONTROLLER_MAX: usize = 250;
const HTTP_PATH: &str = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+";

/// Checks an ingress class.
pub(super) fn ingress_class(object: &Value, errors: &mut FieldErrors) {
    let spec = spec(object);
    controller(text(spec, "controller"), &Path::new("spec.controller"), errors);
    let parameters = get(spec, "parameters");
    if !parameters.is_null() {
        class_parameters(parameters, &Path::new("spec.parameters"), errors);
    }
}

/// Checks that an ingress class keeps its controller.
pub(super) fn ingress_class_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let controller = |object| get(spec(object), "controller");
    immutable(errors, &Path::new("spec.controller"), controller(new), controller(old));
}

fn controller(controller: &str, path: &Path, errors: &mut FieldErrors) {
    if controller.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    if controller.len() > CONTROLLER_MAX {
        errors.push(FieldError::too_long(path, CONTROLLER_MAX));
    }
    let parts = controller.split_once('/').filter(|(host, rest)| !host.is_empty() && !rest.is_empty());
    let Some((host, rest)) = parts else {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.push(FieldError::invalid(path, controller, why));
        return;
    };
    each(errors, path, host, name::dns1123_subdomain(host));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    if !rest.bytes().all(is_plain) {
        let why = format!("Invalid path (regex used for validation is '{HTTP_PATH}')");
        errors.push(FieldError::invalid(path, rest, why));
    }
}

fn class_parameters(parameters: &Value, path: &Path, errors: &mut FieldErrors) {
    group_of(errors, path, parameters);
    object_reference(errors, path, parameters);
    let namespace = get(parameters, "namespace").as_str();
    let field = path.child("namespace");
    match get(parameters, "scope").as_str() {
        None => errors.push(FieldError::required(&path.child("scope"), "")),
        Some("Namespace") => match namespace {
            None => errors.push(FieldError::required(&field, "`parameters.scope` is set to 'Namespace'")),
            Some(namespace) => each(errors, &field, namespace, name::dns1123_label(namespace)),
        },
        Some("Cluster") => {
            if namespace.is_some() {
                errors.push(FieldError::forbidden(&field, "`parameters.scope` is set to 'Cluster'"));
            }
        }
        Some(scope) => {
            let known = ["Cluster", "Namespace"];
            errors.push(FieldError::not_supported(&path.child("scope"), scope, &known));
        }
    }
}

/// Checks what an address belongs to.
pub(super) fn ip_address(object: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.parentRef");
    let parent = get(spec(object), "parentRef");
    if parent.is_null() {
        errors.push(FieldError::required(&path, ""));
        return;
    }
    optional(errors, &path.child("group"), text(parent, "group"), name::dns1123_subdomain);
    required(errors, &path.child("resource"), text(parent, "resource"), name::path_segment_name);
    required(errors, &path.child("name"), text(parent, "name"), name::path_segment_name);
    optional(errors, &path.child("namespace"), text(parent, "namespace"), name::path_segment_name);
}

/// Checks that an address keeps what it belongs to.
pub(super) fn ip_address_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let parent = |object| get(spec(object), "parentRef");
    immutable(errors, &Path::new("spec.parentRef"), parent(new), parent(old));
}

/// Checks the networks of Services.
pub(super) fn service_cidr(object: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.cidrs");
    let all: Vec<&str> = strings(spec(object), "cidrs").collect();
    if all.is_empty() {
        errors.push(FieldError::required(&path, "at least one CIDR required"));
        return;
    }
    if all.len() > 2 {
        let shown = json!({ "CIDRs": all });
        errors.push(FieldError::invalid(&path, shown, "may only hold up to 2 values"));
        return;
    }
    for (i, cidr) in all.iter().enumerate() {
        each(errors, &path.index(i), *cidr, name::canonical_cidr(cidr));
    }
    let family = |cidr: &str| super::address::parse_network(cidr).map(|(address, _)| address.is_ipv4());
    if all.len() == 2 && family(all[0]).is_some() && family(all[0]) == family(all[1]) {
        let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        errors.push(FieldError::invalid(&path, all, why));
    }
}

/// Checks that networks of Services stay, except that a second one may come.
pub(super) fn service_cidr_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let path = Path::new("spec.cidrs");
    let (is, was) = (list(spec(new), "cidrs"), list(spec(old), "cidrs"));
    let gains_one = was.len() == 1 && is.len() == 2;
    if is.len() != was.len() && !gains_one {
        errors.push(FieldError::invalid(&path, is.to_vec(), "field is immutable"));
        return;
    }
    for (i, (is, _)) in is.iter().zip(was).enumerate().filter(|(_, (is, was))| is != was) {
        errors.push(FieldError::invalid(&path.index(i), is.clone(), "field is immutable"));
    }
}
