//! Who owns a field, as the API server keeps it in `managedFields`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::FIELD_MANAGER;
use super::difference::Difference;

/// Returns who owns what differs: whoever would be taken something from.
pub fn owners(live: &Value, differences: &[Difference]) -> BTreeSet<String> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut found = BTreeSet::new();
    for entry in entries.into_iter().flatten() {
        let manager = entry["manager"].as_str().unwrap_or_default();
        let owned = |one: &Difference| owns(&entry["fieldsV1"], live, &one.path);
        if !manager.starts_with(FIELD_MANAGER) && differences.iter().any(owned) {
            found.insert(manager.to_owned());
        }
    }
    found
}

/// Returns those among owners that are programs: they put back what they own. People's tools write only when people do.
pub fn keepers(owners: &BTreeSet<String>) -> Vec<&str> {
    owners.iter().map(String::as_str).filter(|name| !is_of_people(name)).collect()
}

/// Returns whether it is a tool that changes something only while somebody uses it, and only what that one says. kubeadm
/// writes at upgrades, and keeps numbers of replicas.
fn is_of_people(manager: &str) -> bool {
    const TOOLS: [&str; 3] = ["before-first-apply", "kubeadm", "k9s"];
    manager == "kubectl" || manager.starts_with("kubectl-") || TOOLS.contains(&manager)
}

/// Returns whether a set of fields holds the field at a path, something in it, or the list or map around it as one.
fn owns(fields: &Value, live: &Value, path: &str) -> bool {
    let (mut fields, mut live) = (fields, live);
    for segment in path.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        let Value::Object(below) = fields else { return false };
        // Nothing below it: it is owned as one.
        if below.is_empty() {
            return true;
        }
        let (next, value) = match live {
            Value::Array(items) => {
                let Some(item) = name.parse::<usize>().ok().and_then(|index| items.get(index)) else {
                    return false;
                };
                (below.iter().find(|(key, _)| means(key, item)).map(|(_, next)| next), item)
            }
            other => (below.get(&format!("f:{name}")), &other[name.as_str()]),
        };
        let Some(next) = next else { return false };
        (fields, live) = (next, value);
    }
    true
}

/// Returns whether the key of an element in a set of fields, `k:{"name":"web"}` or `v:"web"`, is that of an item.
fn means(key: &str, item: &Value) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(value) = key.strip_prefix("v:") {
        return parse(value).as_ref() == Some(item);
    }
    let Some(Value::Object(keys)) = key.strip_prefix("k:").and_then(parse) else { return false };
    keys.iter().all(|(name, value)| &item[name.as_str()] == value)
}
