//! Resource quotas: what an object uses, which quotas count it, and whether there is room.

mod scope;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stanchion_machinery::meta;
use stanchion_machinery::quantity::Quantity;

pub use super::resources::Amounts;
use super::resources::{self, Half, has_pod_level, items};
pub use usage::usage;

/// What quotas on cpu and memory demand of every container.
const DEMANDED: [&str; 6] =
    ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Returns whether quotas are asked at all: on all that is made, and where changes can use more.
///
/// Of a changed object, `old` is what it was.
pub fn handles(group: &str, resource: &str, subresource: &str, object: &Value, old: Option<&Value>) -> bool {
    let Some(old) = old else { return subresource.is_empty() };
    match (group, resource, subresource) {
        ("", "pods", "") => scope::is_terminating(object) != scope::is_terminating(old),
        ("", "pods", "resize") | ("", "services" | "persistentvolumeclaims", "") => true,
        _ => false,
    }
}

/// Returns whether a quota counts an object: it limits something of that sort, and its scopes take the object in.
pub fn matches(quota: &Value, group: &str, resource: &str, object: &Value) -> bool {
    let hard = quota.pointer("/status/hard").and_then(Value::as_object);
    hard.into_iter().flatten().any(|(name, _)| usage::is_tracked(name, group, resource))
        && scope::takes_in(quota, group, resource, object)
}

/// Checks an object against the quotas of its namespace.
///
/// Returns the places of the quotas that must be written, with their new `status.used`, or the words of the refusal.
/// Of a changed object (`old`) a quota that counted it before counts only what it uses more.
pub fn check(
    quotas: &[Value],
    group: &str,
    resource: &str,
    object: &Value,
    old: Option<&Value>,
) -> Result<Vec<(usize, Amounts)>, String> {
    let counting: Vec<usize> = (0..quotas.len())
        .filter(|at| quotas.get(*at).is_some_and(|quota| matches(quota, group, resource, object)))
        .collect();
    if counting.is_empty() {
        return Ok(Vec::new());
    }
    let counting: Vec<Counting> =
        counting.into_iter().filter_map(|at| Some(Counting::read(at, quotas.get(at)?))).collect();
    for quota in &counting {
        quota.demand(group, resource, object)?;
    }
    let mut used = usage(group, resource, object);
    let negative: Vec<&str> = used.iter().filter(|(_, a)| a.is_negative()).map(|(n, _)| n.as_str()).collect();
    if !negative.is_empty() {
        return Err(format!("quota usage is negative for resource(s): {}", negative.join(",")));
    }
    used.retain(|_, amount| !amount.is_zero());
    let more = old.map(|old| more_than(&used, &usage(group, resource, old)));
    let mut updates = Vec::new();
    for quota in counting {
        let at = quota.at;
        let counted_before =
            old.is_some_and(|old| quotas.get(at).is_some_and(|quota| matches(quota, group, resource, old)));
        let wanted = more.as_ref().filter(|_| counted_before).unwrap_or(&used);
        if let Some(now) = quota.charge(wanted)? {
            updates.push((at, now));
        }
    }
    Ok(updates)
}

/// Returns what is used beyond what was used before.
fn more_than(used: &Amounts, before: &Amounts) -> Amounts {
    let more = used.iter().map(|(name, amount)| {
        let before = before.get(name).copied().unwrap_or(Quantity::ZERO);
        (name.clone(), *amount - before)
    });
    more.filter(|(_, amount)| *amount > Quantity::ZERO).collect()
}

/// Lays out amounts as they stand in `status.used`.
pub fn to_value(amounts: &Amounts) -> Value {
    resources::to_value(amounts)
}

/// A quota that counts an object.
struct Counting {
    at: usize,
    name: String,
    hard: Amounts,
    used: Amounts,
}

impl Counting {
    fn read(at: usize, quota: &Value) -> Self {
        Self {
            at,
            name: meta::name(quota).to_owned(),
            hard: resources::amounts(quota.pointer("/status/hard")),
            used: resources::amounts(quota.pointer("/status/used")),
        }
    }

    /// Demands what must be known before anything is counted.
    fn demand(&self, group: &str, resource: &str, object: &Value) -> Result<(), String> {
        let tracked = self.hard.keys().filter(|name| usage::is_tracked(name, group, resource));
        let tracked: Vec<&str> = tracked.map(String::as_str).collect();
        if group.is_empty() && resource == "pods" && !has_pod_level(object) {
            let missing = missing_of_containers(&tracked, object);
            if !missing.is_empty() {
                let told: Vec<String> = missing
                    .into_iter()
                    .map(|(name, of)| format!("{name} for: {}", of.into_iter().collect::<Vec<_>>().join(",")))
                    .collect();
                return Err(format!("failed quota: {}: must specify {}", self.name, told.join("; ")));
            }
        }
        if tracked.iter().any(|name| !self.used.contains_key(*name)) {
            let name = &self.name;
            return Err(format!("status unknown for quota: {name}, resources: {}", tracked.join(",")));
        }
        Ok(())
    }

    /// Returns what is used with this added; nothing if the quota does not limit any of it.
    fn charge(self, wanted: &Amounts) -> Result<Option<Amounts>, String> {
        let wanted: Amounts = wanted
            .iter()
            .filter(|(name, _)| self.hard.contains_key(*name))
            .map(|(name, amount)| (name.clone(), *amount))
            .collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut now = self.used.clone();
        resources::add(&mut now, &wanted);
        let exceeded: BTreeSet<&str> =
            wanted.keys().filter(|name| now.get(*name) > self.hard.get(*name)).map(String::as_str).collect();
        if exceeded.is_empty() {
            return Ok(Some(now));
        }
        let told = |amounts: &Amounts| {
            let shown = amounts.iter().filter(|(name, _)| exceeded.contains(name.as_str()));
            shown.map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(",")
        };
        Err(format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            self.name,
            told(&wanted),
            told(&self.used),
            told(&self.hard)
        ))
    }
}

/// Returns what is demanded but missing, with the names of the containers that miss it.
fn missing_of_containers<'a>(tracked: &[&'a str], pod: &'a Value) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let demanded: Vec<&str> = tracked.iter().filter(|name| DEMANDED.contains(*name)).copied().collect();
    if demanded.is_empty() {
        return missing;
    }
    for container in items(pod, "containers").iter().chain(items(pod, "initContainers")) {
        let has = usage::compute(&Half::Requests.of(container), &Half::Limits.of(container));
        for name in demanded.iter().filter(|name| !has.contains_key(**name)) {
            let of = container.get("name").and_then(Value::as_str).unwrap_or("");
            missing.entry(name).or_default().insert(of);
        }
    }
    missing
}
