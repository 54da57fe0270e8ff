//! What a Pod can learn about itself: fields and resources, for its environment and its files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{
    Container, ObjectFieldSelector, Pod, PodSpec, ResourceFieldSelector, ResourceRequirements,
};
use stanchion_machinery::quantity::Quantity;
use thiserror::Error;

use crate::capacity::Amounts;
use crate::resources::quantity;

/// What a Pod learns from its node.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The addresses of the host.
    pub host_ips: &'a [String],
    /// The addresses of the Pod.
    pub pod_ips: &'a [String],
    /// What Pods may use of the machine: the limit of those that have none.
    pub allocatable: &'a Amounts,
}

/// Where a field is shown. Some are shown in one place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an environment variable.
    Environment,
    /// In a file.
    File,
}

/// A field or resource that cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DownwardError {
    /// There is no such field, or not in this place.
    #[error("unsupported fieldPath: {0}")]
    Field(String),
    /// There is no such resource.
    #[error("unsupported container resource: {0}")]
    Resource(String),
    /// It is about a container that the Pod does not have.
    #[error("container {0} not found")]
    Container(String),
    /// The unit cannot be read, or is nothing.
    #[error("divisor {divisor:?} of {resource} is no amount above zero")]
    Divisor {
        /// The resource.
        resource: String,
        /// The unit.
        divisor: String,
    },
}

/// Shows a field of a Pod.
pub fn field(
    pod: &Pod,
    selector: &ObjectFieldSelector,
    place: Place,
    surroundings: &Surroundings<'_>,
) -> Result<String, DownwardError> {
    let path = selector.field_path.as_str();
    let unknown = || DownwardError::Field(path.to_owned());
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let meta = &pod.metadata;
    if let Some((map, key)) = subscript(path) {
        let map = match map {
            "metadata.labels" => meta.labels.as_ref(),
            "metadata.annotations" => meta.annotations.as_ref(),
            _ => return Err(unknown()),
        };
        return Ok(text(map.and_then(|map| map.get(key))));
    }
    let spec = pod.spec.as_ref();
    let ips = |ips: &[String]| ips.join(",");
    Ok(match (path, place) {
        ("metadata.name", _) => text(meta.name.as_ref()),
        ("metadata.namespace", _) => text(meta.namespace.as_ref()),
        ("metadata.uid", _) => text(meta.uid.as_ref()),
        ("metadata.labels", Place::File) => lines(meta.labels.as_ref()),
        ("metadata.annotations", Place::File) => lines(meta.annotations.as_ref()),
        ("spec.nodeName", Place::Environment) => text(spec.and_then(|spec| spec.node_name.as_ref())),
        ("spec.serviceAccountName", Place::Environment) => {
            text(spec.and_then(|spec| spec.service_account_name.as_ref()))
        }
        ("status.hostIP", Place::Environment) => text(surroundings.host_ips.first()),
        ("status.hostIPs", Place::Environment) => ips(surroundings.host_ips),
        ("status.podIP", Place::Environment) => text(surroundings.pod_ips.first()),
        ("status.podIPs", Place::Environment) => ips(surroundings.pod_ips),
        _ => return Err(unknown()),
    })
}

/// Takes `metadata.labels['key']` apart.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

/// Writes a map as lines of `key="value"`, in order.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", quoted(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a text in double quotes, escaped as in Go.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..' ' | '\u{7f}' => {
                write!(quoted, "\\x{:02x}", u32::from(char)).expect("a String takes any text");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Shows a request or limit of a container: of the one the selector names, else of `own`.
pub fn resource(
    pod: &Pod,
    own: Option<&Container>,
    selector: &ResourceFieldSelector,
    surroundings: &Surroundings<'_>,
) -> Result<String, DownwardError> {
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty());
    let container = match named {
        Some(name) => Some(find(pod.spec.as_ref(), name).ok_or(DownwardError::Container(name.to_owned()))?),
        None => own,
    };
    let container = container.ok_or_else(|| DownwardError::Container(String::new()))?;
    let (list, name) = selector.resource.split_once('.').unwrap_or(("", ""));
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    if !known || !matches!(list, "limits" | "requests") {
        return Err(DownwardError::Resource(selector.resource.clone()));
    }
    let amount = amount_of(container.resources.as_ref(), list == "limits", name, surroundings.allocatable);
    divided(amount, name, selector)
}

fn find<'a>(spec: Option<&'a PodSpec>, name: &str) -> Option<&'a Container> {
    let spec = spec?;
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.find(|container| container.name == name)
}

/// A limit that is missing is what Pods may use of the machine; a request that is missing is the limit, or nothing.
fn amount_of(
    resources: Option<&ResourceRequirements>,
    is_limit: bool,
    name: &str,
    allocatable: &Amounts,
) -> Quantity {
    let limit = quantity(resources.and_then(|resources| resources.limits.as_ref()), name);
    let limit = limit.filter(|limit| !limit.is_zero());
    if is_limit {
        return limit.or(allocatable.get(name).copied()).unwrap_or(Quantity::ZERO);
    }
    let request = quantity(resources.and_then(|resources| resources.requests.as_ref()), name);
    request.or(limit).unwrap_or(Quantity::ZERO)
}

/// Counts an amount in units of the divisor, rounded up.
fn divided(amount: Quantity, name: &str, selector: &ResourceFieldSelector) -> Result<String, DownwardError> {
    let text = selector.divisor.as_ref().map_or("1", |divisor| divisor.0.as_str());
    let wrong = || DownwardError::Divisor { resource: selector.resource.clone(), divisor: text.to_owned() };
    let divisor = Quantity::parse(text).map_err(|_| wrong())?;
    // No divisor is written as zero by clients that know only typed objects.
    let divisor = if divisor.is_zero() { Quantity::new(1) } else { divisor };
    if divisor.is_negative() {
        return Err(wrong());
    }
    let in_units = |quantity: Quantity| if name == "cpu" { quantity.milli_value() } else { quantity.value() };
    let (amount, divisor) = (in_units(amount).max(0).unsigned_abs(), in_units(divisor).max(1).unsigned_abs());
    Ok(amount.div_ceil(divisor).to_string())
}

#[cfg(test)]
mod tests;
