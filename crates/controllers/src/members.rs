//! The Pods behind a Service: which there are, what each of them offers, and whether it may be sent anything.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use stanchion_informers::{Change, Informer, Key, Queue};

/// Label of a node that says where it stands.
pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";

/// Label of what belongs to a Service without an address of its own.
pub(crate) const HEADLESS: &str = "service.kubernetes.io/headless";

/// The address of a headless Service.
const NO_ADDRESS: &str = "None";

/// A port of a Service as a Pod serves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) protocol: String,
    pub(crate) number: i32,
    pub(crate) app_protocol: Option<String>,
}

/// Returns the labels that the Pods of a Service have; none if nobody is to look for them.
pub(crate) fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    let spec = service.spec.as_ref()?;
    let selector = spec.selector.as_ref().filter(|selector| !selector.is_empty())?;
    (spec.type_.as_deref() != Some("ExternalName")).then_some(selector)
}

/// Returns whether a Service has no address of its own.
pub(crate) fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some(NO_ADDRESS)
}

/// Returns whether a Service wants its Pods to be found before they are ready.
pub(crate) fn publishes_unready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or(false)
}

/// Returns whether labels are what a selector asks for.
pub(crate) fn selects(
    selector: &BTreeMap<String, String>,
    labels: Option<&BTreeMap<String, String>>,
) -> bool {
    selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// Returns whether a Pod has an address and has not ended.
pub(crate) fn is_reachable(pod: &Pod) -> bool {
    let ended = matches!(phase(pod), "Succeeded" | "Failed");
    !ended && addresses(pod).next().is_some()
}

/// Returns the phase of a Pod, empty if it has none.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("")
}

/// Returns whether a Pod says that it is ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|it| it.type_ == "Ready" && it.status == "True"))
}

/// Returns whether a Pod is on its way out.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Returns the addresses of a Pod.
pub(crate) fn addresses(pod: &Pod) -> impl Iterator<Item = &str> {
    let status = pod.status.as_ref();
    let all = status.and_then(|status| status.pod_ips.as_ref());
    let only = status.and_then(|status| status.pod_ip.as_deref()).filter(|_| all.is_none_or(Vec::is_empty));
    all.into_iter().flatten().map(|ip| ip.ip.as_str()).chain(only).filter(|ip| !ip.is_empty())
}

/// Returns the address of a Pod in a family, `IPv4` or `IPv6`.
pub(crate) fn address<'a>(pod: &'a Pod, family: &str) -> Option<&'a str> {
    addresses(pod).find(|text| match text.parse() {
        Ok(IpAddr::V4(_)) => family == "IPv4",
        Ok(IpAddr::V6(_)) => family == "IPv6",
        Err(_) => false,
    })
}

/// Returns the families of addresses of a Service, the first first.
pub(crate) fn families(service: &Service) -> Vec<String> {
    let families = service.spec.as_ref().and_then(|spec| spec.ip_families.clone()).unwrap_or_default();
    if families.is_empty() { vec!["IPv4".to_owned()] } else { families }
}

/// Returns the name that a Service answers a Pod's address to.
pub(crate) fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let hostname = spec.hostname.clone().filter(|hostname| !hostname.is_empty())?;
    let same =
        spec.subdomain == service.metadata.name && pod.metadata.namespace == service.metadata.namespace;
    same.then_some(hostname)
}

/// Returns what says which Pod an address belongs to.
pub(crate) fn target(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// Returns the ports of a Service as a Pod serves them; a port whose name the Pod does not know is left out.
pub(crate) fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    let ports = ports.into_iter().flatten().filter_map(|port| {
        Some(Port {
            name: port.name.clone().unwrap_or_default(),
            protocol: protocol(port.protocol.as_deref()).to_owned(),
            number: number(port, pod)?,
            app_protocol: port.app_protocol.clone(),
        })
    });
    ports.collect()
}

fn protocol(given: Option<&str>) -> &str {
    given.filter(|protocol| !protocol.is_empty()).unwrap_or("TCP")
}

fn number(port: &ServicePort, pod: &Pod) -> Option<i32> {
    let name = match &port.target_port {
        None | Some(IntOrString::Int(0)) => return Some(port.port),
        Some(IntOrString::Int(number)) => return Some(*number),
        Some(IntOrString::String(name)) => name,
    };
    let spec = pod.spec.as_ref()?;
    let sidecars =
        spec.init_containers.iter().flatten().filter(|it| it.restart_policy.as_deref() == Some("Always"));
    let ports =
        spec.containers.iter().chain(sidecars).filter_map(|container| container.ports.as_ref()).flatten();
    let mut same = ports.filter(|it| {
        it.name.as_ref() == Some(name)
            && protocol(it.protocol.as_deref()) == protocol(port.protocol.as_deref())
    });
    same.next().map(|it| it.container_port)
}

/// Has a queue look at the Services that a Pod belongs to, or belonged to, whenever that matters to them.
pub(crate) fn follow_pods(pods: &Informer<Pod>, services: &Informer<Service>, queue: &Queue<Key>) {
    let (services, queue) = (services.clone(), queue.clone());
    pods.on_change(move |change| match change {
        Change::Added(pod) | Change::Deleted(pod) => add_services(&services, &queue, &[pod]),
        Change::Modified { old, new } if !looks_alike(old, new) => {
            add_services(&services, &queue, &[old, new]);
        }
        Change::Modified { .. } => {}
    });
}

fn add_services(services: &Informer<Service>, queue: &Queue<Key>, pods: &[&Arc<Pod>]) {
    let namespace = pods.first().and_then(|pod| pod.metadata.namespace.as_deref()).unwrap_or("");
    for service in services.namespace(namespace) {
        let Some(selector) = selector(&service) else { continue };
        if pods.iter().any(|pod| selects(selector, pod.metadata.labels.as_ref())) {
            queue.add(Key::of(&*service));
        }
    }
}

/// Returns whether a Pod is to its Services what it was. Its spec is not asked: what of it matters cannot change.
fn looks_alike(old: &Pod, new: &Pod) -> bool {
    let node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    old.metadata.uid == new.metadata.uid
        && old.metadata.labels == new.metadata.labels
        && is_terminating(old) == is_terminating(new)
        && is_reachable(old) == is_reachable(new)
        && is_ready(old) == is_ready(new)
        && addresses(old).eq(addresses(new))
        && node(old) == node(new)
}

/// Returns the patch that sets a condition of a Pod.
pub(crate) fn with_condition(pod: &Pod, condition: &Value, now: Timestamp) -> Value {
    let old = pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let mut conditions: Vec<Value> = old.iter().map(|condition| json!(condition)).collect();
    let mut new = condition.clone();
    new["lastTransitionTime"] = json!(Time(now));
    match conditions.iter_mut().find(|it| it["type"] == new["type"]) {
        Some(old) if old["status"] == new["status"] => {}
        Some(old) => *old = new,
        None => conditions.push(new),
    }
    json!({"metadata": {"uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version}, "status": {"conditions": conditions}})
}
