//! What an object uses of what quotas limit.

use serde_json::Value;
use stanchion_machinery::meta;
use stanchion_machinery::quantity::Quantity;

use crate::policy::resources::{Amounts, Half, amounts, items, pod_total_with_overhead};

const CLASS_SUFFIX: &str = ".storageclass.storage.k8s.io/";
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// The resources that stand for devices of a class.
const DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io/";

/// Kinds that can also be limited by their bare name.
const OLD_NAMES: [&str; 4] = ["configmaps", "replicationcontrollers", "resourcequotas", "secrets"];

/// What quotas limit of pods besides what begins with a prefix.
const OF_PODS: [&str; 10] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "pods",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Returns what an object uses, by the names quotas know.
///
/// A pod that has ended uses nothing but itself.
pub fn usage(group: &str, resource: &str, object: &Value) -> Amounts {
    let one = Quantity::new(1);
    let mut used = Amounts::from([(count_name(group, resource), one)]);
    match (group, resource) {
        ("", "pods") => of_pod(object, &mut used),
        ("", "services") => of_service(object, &mut used),
        ("", "persistentvolumeclaims") => of_claim(object, &mut used),
        ("", name) if OLD_NAMES.contains(&name) => {
            used.insert(name.to_owned(), one);
        }
        _ => {}
    }
    used
}

/// Returns whether what a quota limits is something that objects of a kind use.
pub(super) fn is_tracked(name: &str, group: &str, resource: &str) -> bool {
    if let Some(counted) = name.strip_prefix("count/") {
        let (plural, of) = counted.split_once('.').unwrap_or((counted, ""));
        return plural == resource && of == group;
    }
    match (group, resource) {
        ("", "pods") => {
            OF_PODS.contains(&name) || name.starts_with("hugepages-") || is_extended_request(name)
        }
        ("", "services") => matches!(name, "services" | "services.nodeports" | "services.loadbalancers"),
        ("", "persistentvolumeclaims") => {
            let of_class = name.split_once(CLASS_SUFFIX).map(|(_, what)| what);
            matches!(of_class.unwrap_or(name), "persistentvolumeclaims" | "requests.storage")
        }
        ("", _) => name == resource && OLD_NAMES.contains(&name),
        _ => false,
    }
}

/// Returns what limits and requests come to by the names quotas know.
pub(super) fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::new();
    for (name, amount) in requests {
        let native = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
        let huge = name.starts_with("hugepages-");
        if native || huge {
            used.insert(name.clone(), *amount);
        }
        if native || huge || is_extended(name) {
            used.insert(format!("requests.{name}"), *amount);
        }
    }
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = limits.get(name) {
            used.insert(format!("limits.{name}"), *amount);
        }
    }
    used
}

fn count_name(group: &str, resource: &str) -> String {
    if group.is_empty() { format!("count/{resource}") } else { format!("count/{resource}.{group}") }
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    name.starts_with(DEVICE_CLASS) || (!is_native(name) && !name.starts_with("requests."))
}

fn is_extended_request(name: &str) -> bool {
    name.strip_prefix("requests.").is_some_and(|rest| {
        rest.starts_with("hugepages-") || rest.starts_with(DEVICE_CLASS) || !is_native(name)
    })
}

fn of_pod(pod: &Value, used: &mut Amounts) {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return;
    }
    used.insert("pods".to_owned(), Quantity::new(1));
    let requests = pod_total_with_overhead(pod, Half::Requests);
    let limits = pod_total_with_overhead(pod, Half::Limits);
    used.extend(compute(&requests, &limits));
}

fn of_service(service: &Value, used: &mut Amounts) {
    let field = |name: &str| service.get("spec").and_then(|spec| spec.get(name));
    let ports = items(service, "ports");
    let has_node_port = |port: &&Value| port.get("nodePort").and_then(Value::as_i64).is_some_and(|p| p != 0);
    let (node_ports, balancers) = match field("type").and_then(Value::as_str) {
        Some("NodePort") => (ports.len(), 0),
        Some("LoadBalancer") if field("allocateLoadBalancerNodePorts") == Some(&Value::Bool(false)) => {
            (ports.iter().filter(has_node_port).count(), 1)
        }
        Some("LoadBalancer") => (ports.len(), 1),
        _ => (0, 0),
    };
    let node_ports = i64::try_from(node_ports).unwrap_or(i64::MAX);
    used.insert("services".to_owned(), Quantity::new(1));
    used.insert("services.nodeports".to_owned(), Quantity::new(node_ports));
    used.insert("services.loadbalancers".to_owned(), Quantity::new(balancers));
}

fn of_claim(claim: &Value, used: &mut Amounts) {
    let spec = claim.get("spec").unwrap_or(&Value::Null);
    let annotated = meta::map(claim, "annotations").and_then(|all| all.get(CLASS_ANNOTATION));
    let class = annotated.or_else(|| spec.get("storageClassName")).and_then(Value::as_str).unwrap_or("");
    let asked = Half::Requests.of(spec).get("storage").copied();
    let granted = amounts(claim.pointer("/status/allocatedResources")).get("storage").copied();
    let storage = asked.map(|asked| whole(granted.map_or(asked, |granted| granted.max(asked))));
    let mut charge = |what: &str, amount: Quantity| {
        if !class.is_empty() {
            used.insert(format!("{class}{CLASS_SUFFIX}{what}"), amount);
        }
        used.insert(what.to_owned(), amount);
    };
    charge("persistentvolumeclaims", Quantity::new(1));
    if let Some(storage) = storage {
        charge("requests.storage", storage);
    }
}

/// Rounds up to whole bytes.
fn whole(amount: Quantity) -> Quantity {
    if amount.is_integer() { amount } else { Quantity::new(amount.value()) }
}
