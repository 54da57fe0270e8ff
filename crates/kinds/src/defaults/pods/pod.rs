//! Defaults that a Pod has and a template of Pods has not.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use stanchion_machinery::quantity::Quantity;

use super::amount::read;
use super::{absent, each, is_empty, made, part, template, zero};
use crate::qos;

/// Fills in a Pod.
pub(super) fn fill(object: &mut Map<String, Value>) {
    let Some(spec) = made(object, "spec") else { return };
    for key in ["containers", "initContainers"] {
        for container in each(spec, key) {
            if let Some(resources) = part(container, "resources") {
                request_limits(resources);
            }
        }
    }
    if spec.contains_key("resources") {
        fill_pod_resources(spec);
    }
    absent(spec, "enableServiceLinks", true);
    if spec.get("hostNetwork").and_then(Value::as_bool) == Some(true) {
        for key in ["containers", "initContainers"] {
            each(spec, key).for_each(open_on_host);
        }
    }
    template::fill_spec(spec);
}

/// Requests what is limited and not requested.
fn request_limits(resources: &mut Map<String, Value>) {
    let Some(Value::Object(limits)) = resources.get("limits") else { return };
    if limits.is_empty() {
        return;
    }
    let limits = limits.clone();
    if let Some(requests) = made(resources, "requests") {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

fn open_on_host(container: &mut Map<String, Value>) {
    for port in each(container, "ports") {
        if let Some(number) = port.get("containerPort").and_then(Value::as_i64) {
            zero(port, "hostPort", number);
        }
    }
}

/// Derives requests and limits of the whole Pod, once it says any, from those of its containers.
fn fill_pod_resources(spec: &mut Map<String, Value>) {
    let requested = Totals::of(spec, "requests");
    let limited = Totals::of(spec, "limits");
    let Some(resources) = part(spec, "resources") else { return };
    let no_limits = is_empty(resources, "limits");
    if no_limits && is_empty(resources, "requests") {
        return;
    }
    let has_request = |resources: &Map<String, Value>, name: &str| {
        resources.get("requests").is_some_and(|requests| requests.get(name).is_some())
    };
    for (name, sum) in limited.sums.iter().filter(|(name, _)| name.starts_with("hugepages-")) {
        if !has_request(resources, name) {
            put(resources, "limits", name, *sum);
        }
    }
    if !is_empty(resources, "limits") {
        for (name, sum) in &requested.sums {
            if qos::is_compute(name) {
                put(resources, "requests", name, *sum);
            }
        }
        request_supported_limits(resources);
    }
    if no_limits {
        for (name, sum) in &limited.sums {
            if qos::is_compute(name) && limited.everywhere(name) {
                put(resources, "limits", name, *sum);
            }
        }
    }
}

fn request_supported_limits(resources: &mut Map<String, Value>) {
    let Some(Value::Object(limits)) = resources.get("limits") else { return };
    let limits = limits.clone();
    if let Some(requests) = made(resources, "requests") {
        for (name, limit) in limits {
            if qos::is_compute(&name) || name.starts_with("hugepages-") {
                requests.entry(name).or_insert(limit);
            }
        }
    }
}

fn put(resources: &mut Map<String, Value>, key: &str, name: &str, sum: Quantity) {
    if let Some(list) = made(resources, key) {
        absent(list, name, sum.to_string());
    }
}

/// Amounts by the names of resources.
type Sums = BTreeMap<String, Quantity>;

/// What the containers of a Pod come to, resource by resource.
struct Totals {
    sums: Sums,
    present: BTreeMap<String, usize>,
    containers: usize,
}

impl Totals {
    /// Adds up containers; those that run before the others count if they need more than all the others.
    fn of(spec: &Map<String, Value>, key: &str) -> Self {
        let mut totals = Self { sums: Sums::new(), present: BTreeMap::new(), containers: 0 };
        let mut early = Sums::new();
        let mut sidecars = Sums::new();
        for container in containers(spec, "containers") {
            totals.containers += 1;
            for (name, amount) in amounts(container, key) {
                add(&mut totals.sums, name, amount);
                totals.see(name);
            }
        }
        for container in containers(spec, "initContainers") {
            let stays = container.get("restartPolicy").and_then(Value::as_str) == Some("Always");
            totals.containers += usize::from(stays);
            for (name, amount) in amounts(container, key) {
                if stays {
                    add(&mut totals.sums, name, amount);
                    add(&mut sidecars, name, amount);
                    totals.see(name);
                } else {
                    raise(&mut early, name, amount + get(&sidecars, name));
                }
            }
        }
        for (name, amount) in early {
            raise(&mut totals.sums, &name, amount);
        }
        totals
    }

    fn see(&mut self, name: &str) {
        *self.present.entry(name.to_owned()).or_insert(0) += 1;
    }

    fn everywhere(&self, name: &str) -> bool {
        self.present.get(name) == Some(&self.containers)
    }
}

fn containers<'a>(spec: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    spec.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn amounts<'a>(container: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, Quantity)> {
    let list = container.get("resources").and_then(|resources| resources.get(key)).and_then(Value::as_object);
    list.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), read(value)?)))
}

fn get(sums: &Sums, name: &str) -> Quantity {
    sums.get(name).copied().unwrap_or(Quantity::ZERO)
}

fn add(sums: &mut Sums, name: &str, amount: Quantity) {
    let sum = get(sums, name) + amount;
    sums.insert(name.to_owned(), sum);
}

fn raise(sums: &mut Sums, name: &str, amount: Quantity) {
    let most = sums.get(name).map_or(amount, |sum| (*sum).max(amount));
    sums.insert(name.to_owned(), most);
}
