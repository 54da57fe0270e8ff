//! Endpoints and endpoint slices.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::address;
use super::checks::{self, PROTOCOLS, each, immutable, optional, required_of, supported};
use super::read::{entries, get, int_or_zero, list, strings, text};

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const TOPOLOGY_MAX: usize = 16;
const HINTS_MAX: usize = 8;

/// Checks an object of kind Endpoints; addresses of the one before stay valid.
pub(super) fn endpoints(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let known: Vec<&str> = old.map_or_else(Vec::new, addresses_of);
    for (i, subset) in list(object, "subsets").iter().enumerate() {
        let path = Path::new("subsets").index(i);
        if list(subset, "addresses").is_empty() && list(subset, "notReadyAddresses").is_empty() {
            errors.push(FieldError::required(&path, "must specify `addresses` or `notReadyAddresses`"));
        }
        for key in ["addresses", "notReadyAddresses"] {
            for (i, item) in list(subset, key).iter().enumerate() {
                endpoint_address(item, &known, &path.child(key).index(i), errors);
            }
        }
        let ports = list(subset, "ports");
        for (i, port) in ports.iter().enumerate() {
            endpoint_port(port, ports.len() > 1, &path.child("ports").index(i), errors);
        }
    }
}

fn addresses_of(object: &Value) -> Vec<&str> {
    let subsets = list(object, "subsets").iter();
    subsets
        .flat_map(|subset| ["addresses", "notReadyAddresses"].into_iter().flat_map(|key| list(subset, key)))
        .map(|item| text(item, "ip"))
        .collect()
}

fn endpoint_address(item: &Value, known: &[&str], path: &Path, errors: &mut FieldErrors) {
    let ip = text(item, "ip");
    address::legacy_ip(errors, &path.child("ip"), ip, known);
    optional(errors, &path.child("hostname"), text(item, "hostname"), name::dns1123_label);
    if let Some(node) = get(item, "nodeName").as_str() {
        each(errors, &path.child("nodeName"), node, name::dns1123_subdomain(node));
    }
    if address::parse(ip).is_some() {
        address::not_special(errors, &path.child("ip"), ip);
    }
}

fn endpoint_port(port: &Value, needs_name: bool, path: &Path, errors: &mut FieldErrors) {
    let name = text(port, "name");
    if needs_name && name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    optional(errors, &path.child("name"), name, name::dns1123_label);
    checks::port(errors, &path.child("port"), int_or_zero(port, "port"));
    required_of(errors, &path.child("protocol"), text(port, "protocol"), &PROTOCOLS);
    if let Some(protocol) = get(port, "appProtocol").as_str() {
        each(errors, &path.child("appProtocol"), protocol, name::qualified_name(protocol));
    }
}

/// Checks a slice of endpoints.
pub(super) fn slice(object: &Value, errors: &mut FieldErrors) {
    let kind = text(object, "addressType");
    required_of(errors, &Path::new("addressType"), kind, &["FQDN", "IPv4", "IPv6"]);
    let path = Path::new("endpoints");
    let all = list(object, "endpoints");
    if all.len() > ENDPOINTS_MAX {
        errors.push(FieldError::too_many(&path, all.len(), ENDPOINTS_MAX));
    } else {
        for (i, endpoint) in all.iter().enumerate() {
            slice_endpoint(endpoint, kind, &path.index(i), errors);
        }
    }
    let path = Path::new("ports");
    let ports = list(object, "ports");
    if ports.len() > PORTS_MAX {
        errors.push(FieldError::too_many(&path, ports.len(), PORTS_MAX));
    } else {
        slice_ports(ports, &path, errors);
    }
}

/// Checks that the addresses of a slice stay of the same type.
pub(super) fn slice_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    immutable(errors, &Path::new("addressType"), get(new, "addressType"), get(old, "addressType"));
}

fn slice_endpoint(endpoint: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let field = path.child("addresses");
    let addresses = list(endpoint, "addresses");
    if addresses.is_empty() {
        errors.push(FieldError::required(&field, "must contain at least 1 address"));
    } else if addresses.len() > ADDRESSES_MAX {
        errors.push(FieldError::too_many(&field, addresses.len(), ADDRESSES_MAX));
    }
    for (i, text) in strings(endpoint, "addresses").enumerate() {
        slice_address(text, kind, &field.index(i), errors);
    }
    if let Some(node) = get(endpoint, "nodeName").as_str() {
        each(errors, &path.child("nodeName"), node, name::dns1123_subdomain(node));
    }
    let field = path.child("deprecatedTopology");
    let topology = entries(endpoint, "deprecatedTopology").count();
    if topology > TOPOLOGY_MAX {
        errors.push(FieldError::too_many(&field, topology, TOPOLOGY_MAX));
    }
    if topology > 0 {
        errors.extend(name::labels(get(endpoint, "deprecatedTopology"), &field));
    }
    if let Some(host) = get(endpoint, "hostname").as_str() {
        each(errors, &path.child("hostname"), host, name::dns1123_label(host));
    }
    for (key, rule) in [
        ("forZones", name::label_value as fn(&str) -> Vec<String>),
        ("forNodes", name::dns1123_subdomain as fn(&str) -> Vec<String>),
    ] {
        hints(get(endpoint, "hints"), key, rule, &path.child("hints").child(key), errors);
    }
}

fn slice_address(text: &str, kind: &str, path: &Path, errors: &mut FieldErrors) {
    match kind {
        "IPv4" | "IPv6" => {
            each(errors, path, text, name::ip(text, true));
            match (kind, address::parse(text)) {
                ("IPv4", Some(ip)) if ip.is_ipv6() => {
                    errors.push(FieldError::invalid(path, text, "must be an IPv4 address"));
                }
                ("IPv6", Some(ip)) if ip.is_ipv4() => {
                    errors.push(FieldError::invalid(path, text, "must be an IPv6 address"));
                }
                (_, None) => return,
                (_, Some(_)) => {}
            }
            address::not_special(errors, path, text);
        }
        "FQDN" => full_name(text, path, errors),
        _ => {}
    }
}

fn full_name(host: &str, path: &Path, errors: &mut FieldErrors) {
    if host.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let problems = name::dns1123_subdomain(host);
    if !problems.is_empty() {
        errors.push(FieldError::invalid(path, host, problems.join(",")));
    } else if host.contains('.') {
        for label in host.split('.') {
            let problems = name::dns1123_label(label);
            if !problems.is_empty() {
                errors.push(FieldError::invalid(path, label, problems.join(",")));
                return;
            }
        }
    } else {
        let why = "should be a domain with at least two segments separated by dots";
        errors.push(FieldError::invalid(path, host, why));
    }
}

fn hints(hints: &Value, key: &str, rule: fn(&str) -> Vec<String>, path: &Path, errors: &mut FieldErrors) {
    let all = list(hints, key);
    if all.len() > HINTS_MAX {
        errors.push(FieldError::too_many(path, all.len(), HINTS_MAX));
        return;
    }
    let mut seen = HashSet::new();
    for (i, hint) in all.iter().enumerate() {
        let path = path.index(i).child("name");
        let name = text(hint, "name");
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
        each(errors, &path, name, rule(name));
    }
}

fn slice_ports(ports: &[Value], path: &Path, errors: &mut FieldErrors) {
    let mut names = HashSet::new();
    for (i, port) in ports.iter().enumerate() {
        let path = path.index(i);
        let name = text(port, "name");
        optional(errors, &path.child("name"), name, name::dns1123_label);
        if !names.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
        match get(port, "protocol").as_str() {
            None => errors.push(FieldError::required(&path.child("protocol"), "")),
            Some(protocol) => supported(errors, &path.child("protocol"), protocol, &PROTOCOLS),
        }
        if let Some(protocol) = get(port, "appProtocol").as_str() {
            each(errors, &path.child("appProtocol"), protocol, name::qualified_name(protocol));
        }
    }
}
