//! What admission puts into new pods, nodes and volumes.

mod account;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use stanchion_machinery::meta::{self, object_mut};

pub use account::service_account;

/// What a pod without a class of priority is preempted by and preempts.
const PREEMPTS: &str = "PreemptLowerPriority";

const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
const CLASS_OF_CLAIM: &str = "volume.beta.kubernetes.io/storage-class";

fn spec_mut(object: &mut Value) -> &mut Map<String, Value> {
    object_mut(object_mut(object).entry("spec").or_insert(Value::Null))
}

fn list_mut<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let list = map.entry(key).or_insert(Value::Null);
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    list.as_array_mut().expect("made one above")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Lets a new pod stay for five minutes on a node that is not ready or not reachable, unless it says otherwise.
pub fn default_tolerations(pod: &mut Value) {
    let tolerations = list_mut(spec_mut(pod), "tolerations");
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let says = |toleration: &Value| {
            [key, ""].contains(&text(toleration, "key"))
                && ["NoExecute", ""].contains(&text(toleration, "effect"))
        };
        if !tolerations.iter().any(says) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
}

/// Gives a new pod the number that its class of priority stands for, or says why not.
///
/// `classes` must have the class the pod names, and those that are the default. Without a default the number is 0.
pub fn priority(pod: &mut Value, classes: &[Value]) -> Result<(), String> {
    let spec = spec_mut(pod);
    let named = spec.get("priorityClassName").and_then(Value::as_str).filter(|name| !name.is_empty());
    let value = |class: &Value| class.get("value").and_then(Value::as_i64).unwrap_or(0);
    let class = if let Some(name) = named {
        let class = classes.iter().find(|class| meta::name(class) == name);
        Some(class.ok_or_else(|| format!("no PriorityClass with name {name} was found"))?)
    } else {
        let defaults = classes.iter().filter(|class| class.get("globalDefault") == Some(&Value::Bool(true)));
        defaults.min_by_key(|class| value(class))
    };
    let number = class.map_or(0, value);
    let policy = class.map_or(Some(PREEMPTS), |class| class.get("preemptionPolicy").and_then(Value::as_str));
    if let Some(given) = spec.get("priority").and_then(Value::as_i64).filter(|given| *given != number) {
        return Err(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {number} from the given PriorityClass name"
        ));
    }
    let given = spec.get("preemptionPolicy").and_then(Value::as_str);
    if let (Some(given), Some(policy)) = (given, policy)
        && given != policy
    {
        return Err(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        ));
    }
    if named.is_none()
        && let Some(class) = class
    {
        spec.insert("priorityClassName".to_owned(), json!(meta::name(class)));
    }
    spec.insert("priority".to_owned(), json!(number));
    if let Some(policy) = policy {
        spec.insert("preemptionPolicy".to_owned(), json!(policy));
    }
    Ok(())
}

/// Keeps pods off a new node until it is known to be ready.
pub fn node_taints(node: &mut Value) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let taints = list_mut(spec_mut(node), "taints");
    let same = |other: &Value| ["key", "effect"].iter().all(|part| text(other, part) == text(&taint, part));
    if !taints.iter().any(same) {
        taints.push(taint);
    }
}

/// Keeps a new claim, volume or class of volume attributes from vanishing while it is in use.
///
/// Objects of other resources are left as they are.
pub fn storage_protection(group: &str, resource: &str, object: &mut Value) {
    let finalizer = match (group, resource) {
        ("", "persistentvolumeclaims") => "kubernetes.io/pvc-protection",
        ("", "persistentvolumes") => "kubernetes.io/pv-protection",
        ("storage.k8s.io", "volumeattributesclasses") => "kubernetes.io/vac-protection",
        _ => return,
    };
    let finalizers = list_mut(meta::metadata_mut(object), "finalizers");
    if !finalizers.iter().any(|other| other == finalizer) {
        finalizers.push(json!(finalizer));
    }
}

/// Gives a new claim that names no class the default one: of several, the newest; of those, the first by name.
pub fn default_storage_class(claim: &mut Value, classes: &[Value]) {
    let annotated = meta::map(claim, "annotations").is_some_and(|all| all.contains_key(CLASS_OF_CLAIM));
    let named = claim.pointer("/spec/storageClassName").is_some_and(|name| !name.is_null());
    if annotated || named {
        return;
    }
    let is_default = |class: &&Value| {
        let annotations = meta::map(class, "annotations");
        annotations
            .is_some_and(|all| DEFAULT_CLASS.iter().any(|key| all.get(*key).is_some_and(|v| v == "true")))
    };
    let age = |class: &&Value| meta::text(class, "creationTimestamp").to_owned();
    let newest = classes
        .iter()
        .filter(is_default)
        .max_by(|a, b| age(a).cmp(&age(b)).then_with(|| meta::name(b).cmp(meta::name(a))));
    if let Some(class) = newest {
        spec_mut(claim).insert("storageClassName".to_owned(), json!(meta::name(class)));
    }
}
