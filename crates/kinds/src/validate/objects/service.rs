//! Services.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::address;
use super::checks::{self, PROTOCOLS, each, required_of, supported};
use super::read::{annotation, get, int, int_or_zero, is_set, list, spec, strings, text};
use crate::defaults::objects::service::{is_externally_accessible, needs_cluster_ip, needs_health_check};

const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";
/// How long a client may at most stay with its endpoint: a day.
const AFFINITY_MAX: i64 = 86_400;

/// Checks a Service on its own; `known` is the one before, whose addresses stay valid.
pub(super) fn check(object: &Value, known: Option<&Value>, errors: &mut FieldErrors) {
    let service = spec(object);
    let path = Path::new("spec");
    let kind = text(service, "type");
    let empty = Map::new();
    let fields = service.as_object().unwrap_or(&empty);
    if list(service, "ports").is_empty() && !is_headless(service) && kind != "ExternalName" {
        errors.push(FieldError::required(&path.child("ports"), ""));
    }
    by_type(service, kind, &path, errors);
    ports(service, &path, errors);
    if let Some(selector) = service.get("selector") {
        errors.extend(name::labels(selector, &path.child("selector")));
    }
    affinity(service, &path, errors);
    if kind != "ExternalName" {
        addresses(service, known.map(spec), &path, errors);
    }
    external_addresses(service, known.map(spec), &path, errors);
    required_of(
        errors,
        &path.child("type"),
        kind,
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
    );
    repeated_ports(service, kind, &path, errors);
    source_ranges(object, known, kind, &path, errors);
    load_balancer(service, kind, &path, errors);
    traffic(service, fields, &path, errors);
}

/// Returns whether a Service wants no address.
pub(super) fn is_headless(service: &Value) -> bool {
    let addresses = list(service, "clusterIPs");
    addresses.len() == 1 && addresses[0] == "None"
}

fn by_type(service: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(service) => {
            let why = format!("may not be set to 'None' for {kind} services");
            errors.push(FieldError::invalid(&path.child("clusterIPs").index(0), "None", why));
        }
        "ExternalName" => {
            let why = "may not be set for ExternalName services";
            for key in ["clusterIPs", "ipFamilies"] {
                if !list(service, key).is_empty() {
                    errors.push(FieldError::forbidden(&path.child(key), why));
                }
            }
            if is_set(service, "ipFamilyPolicy") {
                errors.push(FieldError::forbidden(&path.child("ipFamilyPolicy"), why));
            }
            let target = text(service, "externalName");
            let target = target.strip_suffix('.').unwrap_or(target);
            checks::required(errors, &path.child("externalName"), target, name::dns1123_subdomain);
        }
        _ => {}
    }
}

fn ports(service: &Value, path: &Path, errors: &mut FieldErrors) {
    let all = list(service, "ports");
    let mut names = HashSet::new();
    for (i, port) in all.iter().enumerate() {
        let path = path.child("ports").index(i);
        let name = text(port, "name");
        if !name.is_empty() {
            each(errors, &path.child("name"), name, name::dns1123_label(name));
            if !names.insert(name) {
                errors.push(FieldError::duplicate(&path.child("name"), name));
            }
        } else if all.len() > 1 {
            errors.push(FieldError::required(&path.child("name"), ""));
        }
        checks::port(errors, &path.child("port"), int_or_zero(port, "port"));
        required_of(errors, &path.child("protocol"), text(port, "protocol"), &PROTOCOLS);
        checks::port_or_name(errors, &path.child("targetPort"), get(port, "targetPort"));
        if let Some(protocol) = get(port, "appProtocol").as_str() {
            each(errors, &path.child("appProtocol"), protocol, name::qualified_name(protocol));
        }
    }
}

fn repeated_ports(service: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let (mut node_ports, mut ports) = (HashSet::new(), HashSet::new());
    for (i, port) in list(service, "ports").iter().enumerate() {
        let node_port = int_or_zero(port, "nodePort");
        let at = || path.child("ports").index(i).child("nodePort");
        if node_port != 0 && kind == "ClusterIP" {
            errors.push(FieldError::forbidden(&at(), "may not be used when `type` is 'ClusterIP'"));
        }
        if node_port != 0 && !node_ports.insert((text(port, "protocol"), node_port)) {
            errors.push(FieldError::duplicate(&at(), node_port));
        }
    }
    for (i, port) in list(service, "ports").iter().enumerate() {
        let (protocol, number) = (text(port, "protocol"), int_or_zero(port, "port"));
        if !ports.insert((protocol, number)) {
            let key = json!({
                "Name": "", "Protocol": protocol, "AppProtocol": null,
                "Port": number, "TargetPort": 0, "NodePort": 0,
            });
            errors.push(FieldError::duplicate(&path.child("ports").index(i), key));
        }
    }
}

fn affinity(service: &Value, path: &Path, errors: &mut FieldErrors) {
    let affinity = text(service, "sessionAffinity");
    required_of(errors, &path.child("sessionAffinity"), affinity, &["ClientIP", "None"]);
    let config = get(service, "sessionAffinityConfig");
    let path = path.child("sessionAffinityConfig");
    if affinity == "None" && !config.is_null() {
        errors.push(FieldError::forbidden(&path, "must not be set when session affinity is None"));
    }
    if affinity != "ClientIP" {
        return;
    }
    let missing = "when session affinity type is ClientIP";
    let client = get(config, "clientIP");
    if config.is_null() {
        errors.push(FieldError::required(&path, missing));
    } else if client.is_null() {
        errors.push(FieldError::required(&path.child("clientIP"), missing));
    } else {
        let path = path.child("clientIP").child("timeoutSeconds");
        match int(client, "timeoutSeconds") {
            None => errors.push(FieldError::required(&path, missing)),
            Some(seconds) if seconds <= 0 || seconds > AFFINITY_MAX => {
                let why = format!("must be greater than 0 and less than {AFFINITY_MAX}");
                errors.push(FieldError::invalid(&path, seconds, why));
            }
            Some(_) => {}
        }
    }
}

/// Checks addresses in the cluster and their families.
fn addresses(service: &Value, known: Option<&Value>, path: &Path, errors: &mut FieldErrors) {
    let field = path.child("clusterIPs");
    let all = list(service, "clusterIPs");
    let shown = || Value::Array(all.to_vec());
    let single = text(service, "clusterIP");
    match all.first() {
        None if !single.is_empty() => errors.push(FieldError::required(&field, "")),
        Some(_) if single.is_empty() => {
            let why = "must be empty when `clusterIP` is not specified";
            errors.push(FieldError::invalid(&field, shown(), why));
        }
        Some(first) if first != single => {
            errors.push(FieldError::invalid(&field, shown(), "first value must match `clusterIP`"));
        }
        None | Some(_) => {}
    }
    families(service, path, errors);
    let before = errors.len();
    let known: Vec<&str> = known.map_or_else(Vec::new, |known| strings(known, "clusterIPs").collect());
    for (i, address) in strings(service, "clusterIPs").enumerate() {
        if i == 0 && address == "None" {
            if all.len() > 1 {
                let why = "'None' must be the first and only value";
                errors.push(FieldError::invalid(&field, shown(), why));
            }
        } else {
            address::legacy_ip(errors, &field.index(i), address, &known);
        }
    }
    let is_broken = errors.len() > before;
    if all.len() > 2 {
        errors.push(FieldError::invalid(&field, shown(), "may only hold up to 2 values"));
    }
    if !is_broken {
        stacks(service, &field, errors);
    }
}

fn families(service: &Value, path: &Path, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (i, family) in strings(service, "ipFamilies").enumerate() {
        let path = path.child("ipFamilies").index(i);
        supported(errors, &path, family, &["IPv4", "IPv6"]);
        if !seen.insert(family) {
            errors.push(FieldError::duplicate(&path, family));
        }
    }
    if let Some(policy) = get(service, "ipFamilyPolicy").as_str() {
        let known = ["PreferDualStack", "RequireDualStack", "SingleStack"];
        supported(errors, &path.child("ipFamilyPolicy"), policy, &known);
    }
}

fn stacks(service: &Value, field: &Path, errors: &mut FieldErrors) {
    let all: Vec<&str> = strings(service, "clusterIPs").collect();
    let is_v6 = |address: &str| address.contains(':');
    if all.len() > 1 && !(all.iter().any(|a| is_v6(a)) && all.iter().any(|a| !is_v6(a)) && all.len() == 2) {
        let why = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid(field, all.clone(), why));
    }
    if is_headless(service) {
        return;
    }
    for (i, (address, family)) in all.iter().zip(strings(service, "ipFamilies")).enumerate() {
        if (family == "IPv4" && is_v6(address)) || (family == "IPv6" && !is_v6(address)) {
            let why = format!("expected an {family} value as indicated by `ipFamilies[{i}]`");
            errors.push(FieldError::invalid(&field.index(i), *address, why));
        }
    }
}

fn external_addresses(service: &Value, known: Option<&Value>, path: &Path, errors: &mut FieldErrors) {
    let known: Vec<&str> = known.map_or_else(Vec::new, |known| strings(known, "externalIPs").collect());
    for (i, address) in strings(service, "externalIPs").enumerate() {
        let path = path.child("externalIPs").index(i);
        let before = errors.len();
        address::legacy_ip(errors, &path, address, &known);
        if errors.len() == before {
            address::not_special(errors, &path, address);
        }
    }
}

fn source_ranges(object: &Value, known: Option<&Value>, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let known: Vec<&str> =
        known.map_or_else(Vec::new, |known| strings(spec(known), "loadBalancerSourceRanges").collect());
    if !list(spec(object), "loadBalancerSourceRanges").is_empty() {
        let path = path.child("LoadBalancerSourceRanges");
        if kind != "LoadBalancer" {
            errors.push(FieldError::forbidden(&path, ONLY_LOAD_BALANCER));
        }
        for (i, range) in strings(spec(object), "loadBalancerSourceRanges").enumerate() {
            address::legacy_cidr(errors, &path.index(i), range.trim(), &known);
        }
    } else if let Some(ranges) = annotation(object, SOURCE_RANGES) {
        let path = Path::new("metadata.annotations").key(SOURCE_RANGES);
        if kind != "LoadBalancer" {
            errors.push(FieldError::forbidden(&path, ONLY_LOAD_BALANCER));
        }
        for range in ranges.trim().split(',').map(str::trim).filter(|_| !ranges.trim().is_empty()) {
            address::legacy_cidr(errors, &path, range, &[]);
        }
    }
}

fn load_balancer(service: &Value, kind: &str, path: &Path, errors: &mut FieldErrors) {
    let is_balanced = kind == "LoadBalancer";
    let allocates = is_set(service, "allocateLoadBalancerNodePorts");
    if allocates && !is_balanced {
        let path = path.child("allocateLoadBalancerNodePorts");
        errors.push(FieldError::forbidden(&path, ONLY_LOAD_BALANCER));
    }
    if !allocates && is_balanced {
        errors.push(FieldError::required(&Path::new("allocateLoadBalancerNodePorts"), ""));
    }
    if let Some(class) = get(service, "loadBalancerClass").as_str() {
        let path = path.child("loadBalancerClass");
        if is_balanced {
            each(errors, &path, class, name::qualified_name(class));
        } else {
            errors.push(FieldError::forbidden(&path, ONLY_LOAD_BALANCER));
        }
    }
}

fn traffic(service: &Value, fields: &Map<String, Value>, path: &Path, errors: &mut FieldErrors) {
    let external = text(service, "externalTrafficPolicy");
    let field = path.child("externalTrafficPolicy");
    if is_externally_accessible(fields) {
        required_of(errors, &field, external, &["Cluster", "Local"]);
    } else if !external.is_empty() {
        let why = "may only be set for externally-accessible services";
        errors.push(FieldError::invalid(&field, external, why));
    }
    let field = path.child("healthCheckNodePort");
    let health = int_or_zero(service, "healthCheckNodePort");
    if !needs_health_check(fields) {
        if health != 0 {
            let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(FieldError::invalid(&field, health, why));
        }
    } else if health == 0 {
        errors.push(FieldError::required(&field, ""));
    } else {
        checks::port(errors, &field, health);
    }
    let field = path.child("internalTrafficPolicy");
    match get(service, "internalTrafficPolicy").as_str() {
        None if needs_cluster_ip(fields) => errors.push(FieldError::required(&field, "")),
        None => {}
        Some(internal) => supported(errors, &field, internal, &["Cluster", "Local"]),
    }
    if let Some(distribution) = get(service, "trafficDistribution").as_str() {
        let known = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        supported(errors, &path.child("trafficDistribution"), distribution, &known);
    }
}

/// Checks what a load balancer says of itself.
pub(super) fn status(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let balancer = |object| get(get(object, "status"), "loadBalancer");
    let path = Path::new("status.loadBalancer.ingress");
    let ingress = list(balancer(new), "ingress");
    if text(spec(new), "type") != "LoadBalancer" && !ingress.is_empty() {
        let why = "may only be used when `spec.type` is \"LoadBalancer\"";
        errors.push(FieldError::forbidden(&path, why));
        return;
    }
    let known: Vec<&str> = list(balancer(old), "ingress").iter().map(|item| text(item, "ip")).collect();
    for (i, item) in ingress.iter().enumerate() {
        let path = path.index(i);
        let address = text(item, "ip");
        if !address.is_empty() {
            address::legacy_ip(errors, &path.child("ip"), address, &known);
        }
        let field = path.child("ipMode");
        match get(item, "ipMode").as_str() {
            None if !address.is_empty() => {
                errors.push(FieldError::required(&field, "must be specified when `ip` is set"));
            }
            None => {}
            Some(_) if address.is_empty() => {
                errors.push(FieldError::forbidden(&field, "may not be specified when `ip` is not set"));
            }
            Some(mode) => supported(errors, &field, mode, &["Proxy", "VIP"]),
        }
        balancer_host(item, &path, errors);
    }
}

/// Checks the host name of a load balancer.
pub(super) fn balancer_host(item: &Value, path: &Path, errors: &mut FieldErrors) {
    let host = text(item, "hostname");
    if host.is_empty() {
        return;
    }
    let path = path.child("hostname");
    each(errors, &path, host, name::dns1123_subdomain(host));
    if address::parse(host).is_some() {
        errors.push(FieldError::invalid(&path, host, "must be a DNS name, not an IP address"));
    }
}
