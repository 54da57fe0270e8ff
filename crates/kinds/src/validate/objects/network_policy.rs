//! Network policies.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::address::{self, parse_network};
use super::checks::{each, port, selector, supported};
use super::read::{get, int, is_set, list, spec, strings, text};

/// Checks a network policy; networks of the one before stay valid.
pub(super) fn check(object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    let policy = spec(object);
    let path = Path::new("spec");
    let known = old.map_or_else(Vec::new, networks);
    selector(errors, &path, policy, "podSelector");
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (i, rule) in list(policy, direction).iter().enumerate() {
            let path = path.child(direction).index(i);
            for (i, item) in list(rule, "ports").iter().enumerate() {
                policy_port(item, &path.child("ports").index(i), errors);
            }
            for (i, item) in list(rule, peers).iter().enumerate() {
                peer(item, &known, &path.child(peers).index(i), errors);
            }
        }
    }
    let path = path.child("policyTypes");
    if list(policy, "policyTypes").len() > 2 {
        let types: Vec<&str> = strings(policy, "policyTypes").collect();
        errors.push(FieldError::invalid(&path, types, "may not specify more than two policyTypes"));
        return;
    }
    for (i, kind) in strings(policy, "policyTypes").enumerate() {
        supported(errors, &path.index(i), kind, &["Ingress", "Egress"]);
    }
}

fn networks(object: &Value) -> Vec<&str> {
    let peers = [("ingress", "from"), ("egress", "to")].into_iter().flat_map(|(direction, peers)| {
        list(spec(object), direction).iter().flat_map(move |rule| list(rule, peers))
    });
    let blocks = peers.map(|peer| get(peer, "ipBlock"));
    blocks.flat_map(|block| std::iter::once(text(block, "cidr")).chain(strings(block, "except"))).collect()
}

fn policy_port(item: &Value, path: &Path, errors: &mut FieldErrors) {
    if let Some(protocol) = get(item, "protocol").as_str() {
        supported(errors, &path.child("protocol"), protocol, &["TCP", "UDP", "SCTP"]);
    }
    let field = path.child("endPort");
    let end = int(item, "endPort");
    match get(item, "port") {
        Value::Null => {
            if let Some(end) = end {
                let why = "may not be specified when `port` is not specified";
                errors.push(FieldError::invalid(&field, end, why));
            }
        }
        Value::String(name) => {
            if let Some(end) = end {
                let why = "may not be specified when `port` is non-numeric";
                errors.push(FieldError::invalid(&field, end, why));
            }
            each(errors, &path.child("port"), name.as_str(), name::port_name(name));
        }
        number => {
            let number = number.as_i64().unwrap_or(0);
            port(errors, &path.child("port"), number);
            if let Some(end) = end {
                if end < number {
                    let why = "must be greater than or equal to `port`";
                    errors.push(FieldError::invalid(&field, end, why));
                }
                port(errors, &field, end);
            }
        }
    }
}

fn peer(peer: &Value, known: &[&str], path: &Path, errors: &mut FieldErrors) {
    let selectors = ["podSelector", "namespaceSelector"].into_iter().filter(|key| is_set(peer, key));
    let selectors = selectors.map(|key| selector(errors, path, peer, key)).count();
    let block = get(peer, "ipBlock");
    if !block.is_null() {
        ip_block(block, known, &path.child("ipBlock"), errors);
        if selectors > 0 {
            errors.push(FieldError::forbidden(path, "may not specify both ipBlock and another peer"));
        }
    } else if selectors == 0 {
        errors.push(FieldError::required(path, "must specify a peer"));
    }
}

fn ip_block(block: &Value, known: &[&str], path: &Path, errors: &mut FieldErrors) {
    let cidr = text(block, "cidr");
    if cidr.is_empty() {
        errors.push(FieldError::required(&path.child("cidr"), ""));
        return;
    }
    address::legacy_cidr(errors, &path.child("cidr"), cidr, known);
    let Some(network) = parse_network(cidr) else { return };
    for (i, except) in strings(block, "except").enumerate() {
        let path = path.child("except").index(i);
        address::legacy_cidr(errors, &path, except, known);
        let Some((inner, bits)) = parse_network(except) else { continue };
        if !address::contains(network, inner) || network.1 >= bits {
            errors.push(FieldError::invalid(&path, except, "must be a strict subset of `cidr`"));
        }
    }
}
