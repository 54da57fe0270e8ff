//! Limit ranges: defaults for the resources of containers, and bounds on those of containers, pods and claims.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use stanchion_machinery::meta::{self, object_mut};
use stanchion_machinery::quantity::Quantity;

use super::resources::{Amounts, Half, amounts, items, pod_total};

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Sets the resources that containers of a new pod do not have to the defaults, and tells so in an annotation.
pub fn apply(limit_ranges: &[Value], pod: &mut Value) {
    for range in limit_ranges {
        let (requests, limits) = defaults(range);
        if requests.is_empty() && limits.is_empty() {
            continue;
        }
        let mut told = Vec::new();
        for (list, word) in [("containers", "container"), ("initContainers", "init container")] {
            let containers = pod.get_mut("spec").and_then(|spec| spec.get_mut(list));
            for container in containers.and_then(Value::as_array_mut).into_iter().flatten() {
                let name = container.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
                for (key, defaults, what) in
                    [("requests", &requests, "request"), ("limits", &limits, "limit")]
                {
                    let set = fill(container, key, defaults);
                    if !set.is_empty() {
                        told.push(format!("{} {what} for {word} {name}", set.join(", ")));
                    }
                }
            }
        }
        if !told.is_empty() {
            let text = format!("LimitRanger plugin set: {}", told.join("; "));
            let metadata = meta::metadata_mut(pod);
            let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
            object_mut(annotations).insert(ANNOTATION.to_owned(), Value::String(text));
        }
    }
}

/// Returns what is wrong with the resources of an object: of a pod, its containers, or a claim.
///
/// The limit ranges are asked in turn; what is returned is what the first one says that refuses. It is told as
/// [`aggregate`](super::aggregate) joins it.
pub fn validate(limit_ranges: &[Value], group: &str, kind: &str, object: &Value) -> Vec<String> {
    if limit_ranges.is_empty() || !group.is_empty() {
        return Vec::new();
    }
    let mut refusals = limit_ranges.iter().map(|range| {
        let bounds = items(range, "limits").iter();
        match kind {
            "Pod" => bounds.flat_map(|bounds| of_pod(bounds, object)).collect(),
            "PersistentVolumeClaim" => bounds.flat_map(|bounds| of_claim(bounds, object)).collect(),
            _ => Vec::new(),
        }
    });
    refusals.find(|refusal| !refusal.is_empty()).unwrap_or_default()
}

fn kind_of(bounds: &Value) -> &str {
    bounds.get("type").and_then(Value::as_str).unwrap_or("")
}

fn defaults(range: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let mut defaults = (Map::new(), Map::new());
    for bounds in items(range, "limits").iter().filter(|bounds| kind_of(bounds) == "Container") {
        let of = |key: &str| bounds.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        defaults.0.extend(of("defaultRequest"));
        defaults.1.extend(of("default"));
    }
    defaults
}

/// Sets what is not there, and returns the names of it.
fn fill<'a>(container: &mut Value, key: &str, defaults: &'a Map<String, Value>) -> Vec<&'a str> {
    if defaults.is_empty() {
        return Vec::new();
    }
    let container = object_mut(container);
    let resources = container.entry("resources").or_insert_with(|| Value::Object(Map::new()));
    let resources = object_mut(resources);
    let list = resources.entry(key).or_insert_with(|| Value::Object(Map::new()));
    let list = object_mut(list);
    let mut set = Vec::new();
    for (name, value) in defaults {
        if !list.contains_key(name) {
            list.insert(name.clone(), value.clone());
            set.push(name.as_str());
        }
    }
    set.sort_unstable();
    set
}

fn of_pod(bounds: &Value, pod: &Value) -> Vec<String> {
    match kind_of(bounds) {
        "Container" => {
            let containers = items(pod, "containers").iter().chain(items(pod, "initContainers"));
            containers
                .flat_map(|container| {
                    let (requests, limits) = (Half::Requests.of(container), Half::Limits.of(container));
                    Asked { what: "Container", requests, limits }.check(bounds)
                })
                .collect()
        }
        "Pod" => {
            let (requests, limits) = (pod_total(pod, Half::Requests), pod_total(pod, Half::Limits));
            Asked { what: "Pod", requests, limits }.check(bounds)
        }
        _ => Vec::new(),
    }
}

fn of_claim(bounds: &Value, claim: &Value) -> Vec<String> {
    if kind_of(bounds) != "PersistentVolumeClaim" {
        return Vec::new();
    }
    let requests = claim.get("spec").map(|spec| Half::Requests.of(spec)).unwrap_or_default();
    let asked = Asked { what: "PersistentVolumeClaim", requests, limits: Amounts::new() };
    let min = amounts(bounds.get("min")).into_iter().filter_map(|(name, bound)| asked.min(&name, bound));
    let max =
        amounts(bounds.get("max")).into_iter().filter_map(|(name, bound)| asked.max_request(&name, bound));
    min.chain(max).collect()
}

/// What something asks for.
struct Asked {
    what: &'static str,
    requests: Amounts,
    limits: Amounts,
}

impl Asked {
    fn check(&self, bounds: &Value) -> Vec<String> {
        let of = |key: &str| amounts(bounds.get(key)).into_iter();
        let min = of("min").filter_map(|(name, bound)| self.min(&name, bound));
        let max = of("max").filter_map(|(name, bound)| self.max(&name, bound));
        let ratio = of("maxLimitRequestRatio").filter_map(|(name, bound)| self.ratio(&name, bound));
        min.chain(max).chain(ratio).collect()
    }

    fn min(&self, name: &str, bound: Quantity) -> Option<String> {
        let text = format!("minimum {name} usage per {} is {bound}", self.what);
        match (self.requests.get(name), self.limits.get(name)) {
            (None, _) => Some(format!("{text}.  No request is specified")),
            (Some(request), _) if *request < bound => Some(format!("{text}, but request is {request}")),
            (_, Some(limit)) if *limit < bound => Some(format!("{text}, but limit is {limit}")),
            _ => None,
        }
    }

    fn max(&self, name: &str, bound: Quantity) -> Option<String> {
        let text = format!("maximum {name} usage per {} is {bound}", self.what);
        match (self.requests.get(name), self.limits.get(name)) {
            (_, None) => Some(format!("{text}.  No limit is specified")),
            (_, Some(limit)) if *limit > bound => Some(format!("{text}, but limit is {limit}")),
            (Some(request), _) if *request > bound => Some(format!("{text}, but request is {request}")),
            _ => None,
        }
    }

    fn max_request(&self, name: &str, bound: Quantity) -> Option<String> {
        let text = format!("maximum {name} usage per {} is {bound}", self.what);
        match self.requests.get(name) {
            None => Some(format!("{text}.  No request is specified")),
            Some(request) if *request > bound => Some(format!("{text}, but request is {request}")),
            Some(_) => None,
        }
    }

    fn ratio(&self, name: &str, bound: Quantity) -> Option<String> {
        let text = format!("{name} max limit to request ratio per {} is {bound}", self.what);
        let some = |amount: Option<&Quantity>| amount.copied().filter(|amount| !amount.is_zero());
        let Some(request) = some(self.requests.get(name)) else {
            return Some(format!("{text}, but no request is specified or request is 0"));
        };
        let Some(limit) = some(self.limits.get(name)) else {
            return Some(format!("{text}, but no limit is specified or limit is 0"));
        };
        let ratio = in_common_units(limit, request);
        (ratio > in_common_units(bound, Quantity::new(1)))
            .then(|| format!("{text}, but provided ratio is {ratio:.6}"))
    }
}

/// Amounts above this are compared as whole numbers, for in thousandths they would not fit.
const MAX_MILLI: i64 = i64::MAX / 1000;

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio is compared and shown with the precision of a double"
)]
fn in_common_units(above: Quantity, below: Quantity) -> f64 {
    if above.value() <= MAX_MILLI && below.value() <= MAX_MILLI {
        above.milli_value() as f64 / below.milli_value() as f64
    } else {
        above.value() as f64 / below.value() as f64
    }
}
