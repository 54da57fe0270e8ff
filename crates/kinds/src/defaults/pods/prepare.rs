//! What the server makes of an object on the way in, beyond what it does to every object.

use serde_json::{Map, Value, json};

use super::{each, made, part};
use crate::qos;

/// Where a `DaemonSet` counts the changes of its template.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Prepares an object with Pods that is created; defaults are in and the metadata has its name and uid.
pub fn prepare_create(group: &str, kind: &str, object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    match (group, kind) {
        ("", "Pod") => pod(map),
        ("batch", "Job") => job(map),
        ("apps", "DaemonSet") => set_template_generation(map, 1),
        _ => {}
    }
}

/// Prepares an object with Pods that is updated.
pub fn prepare_update(group: &str, kind: &str, new: &mut Value, old: &Value) {
    if (group, kind) != ("apps", "DaemonSet") {
        return;
    }
    let generation = template_generation(old);
    let changed = new.pointer("/spec/template") != old.pointer("/spec/template");
    if let Some(map) = new.as_object_mut() {
        set_template_generation(map, generation.saturating_add(i64::from(changed)));
    }
}

/// Prepares a change of a status: what a Pod was once found to be it stays, when nothing is said of it.
pub fn prepare_status(group: &str, kind: &str, new: &mut Value, old: &Value) {
    if (group, kind) != ("", "Pod") {
        return;
    }
    let Some(old) = old.get("status").and_then(Value::as_object) else { return };
    let status = new.as_object_mut().and_then(|pod| made(pod, "status"));
    let Some(status) = status else { return };
    for key in ["qosClass", "observedGeneration"] {
        let unsaid = match status.get(key) {
            Some(found) => found.as_str() == Some("") || found.as_i64() == Some(0),
            None => true,
        };
        if unsaid {
            copy(status, Some(old), key);
        }
    }
}

/// Keeps everything of the old Pod but its ephemeral containers and what says which Pod is meant.
pub fn prepare_ephemeral_containers(new: &mut Value, old: &Value) {
    let containers =
        new.get_mut("spec").and_then(|spec| spec.get_mut("ephemeralContainers")).map(Value::take);
    keep_old(new, old);
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else { return };
    match containers {
        Some(containers) => spec.insert("ephemeralContainers".to_owned(), containers),
        None => spec.remove("ephemeralContainers"),
    };
}

/// Keeps everything of the old Pod but its resources, how they are changed, and what says which Pod is meant.
///
/// Containers that were added, taken out, renamed or put elsewhere stay so, for validation to see.
pub fn prepare_resize(new: &mut Value, old: &Value) {
    let wanted = new.get_mut("spec").map(Value::take).unwrap_or_default();
    keep_old(new, old);
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else { return };
    copy(spec, wanted.as_object(), "resources");
    for key in ["containers", "initContainers"] {
        let wanted = wanted.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let had = spec.get(key).and_then(Value::as_array).map_or(0, Vec::len);
        let names = |list: &[Value]| list.iter().map(|c| c.get("name").cloned()).collect::<Vec<_>>();
        let same = wanted.len() == had
            && spec.get(key).and_then(Value::as_array).is_none_or(|had| names(had) == names(wanted));
        if same {
            for (container, wanted) in each(spec, key).zip(wanted) {
                copy(container, wanted.as_object(), "resources");
                copy(container, wanted.as_object(), "resizePolicy");
            }
        } else {
            spec.insert(key.to_owned(), Value::Array(wanted.to_vec()));
        }
    }
}

fn keep_old(new: &mut Value, old: &Value) {
    let named = new.get_mut("metadata").map(Value::take).unwrap_or_default();
    *new = old.clone();
    let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for key in ["name", "namespace", "resourceVersion", "uid"] {
        copy(metadata, named.as_object(), key);
    }
}

fn copy(into: &mut Map<String, Value>, from: Option<&Map<String, Value>>, key: &str) {
    match from.and_then(|from| from.get(key)) {
        Some(value) => into.insert(key.to_owned(), value.clone()),
        None => into.remove(key),
    };
}

fn pod(object: &mut Map<String, Value>) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let mut status = json!({"phase": "Pending", "qosClass": qos::class_of(spec).as_str()});
    if spec.get("schedulingGates").and_then(Value::as_array).is_some_and(|gates| !gates.is_empty()) {
        status["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    object.insert("status".to_owned(), status);
    match_label_keys(object);
}

/// Puts the labels that the Pod has for `matchLabelKeys` into the selectors beside them.
fn match_label_keys(object: &mut Map<String, Value>) {
    let spec = object.get("spec");
    let concerned = spec.is_some_and(|s| {
        s.get("topologySpreadConstraints").is_some()
            || s.pointer("/affinity/podAffinity").is_some()
            || s.pointer("/affinity/podAntiAffinity").is_some()
    });
    let labels = object.get("metadata").and_then(|m| m.get("labels")).and_then(Value::as_object);
    let Some(labels) = labels.filter(|_| concerned).cloned() else { return };
    let Some(spec) = part(object, "spec") else { return };
    for constraint in each(spec, "topologySpreadConstraints") {
        merge_keys(constraint, &labels, "matchLabelKeys", "In");
    }
    let Some(affinity) = part(spec, "affinity") else { return };
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(terms) = part(affinity, key) else { continue };
        for term in each(terms, "requiredDuringSchedulingIgnoredDuringExecution") {
            merge_keys(term, &labels, "matchLabelKeys", "In");
            merge_keys(term, &labels, "mismatchLabelKeys", "NotIn");
        }
        for term in each(terms, "preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = part(term, "podAffinityTerm") {
                merge_keys(term, &labels, "matchLabelKeys", "In");
                merge_keys(term, &labels, "mismatchLabelKeys", "NotIn");
            }
        }
    }
}

fn merge_keys(term: &mut Map<String, Value>, labels: &Map<String, Value>, list: &str, operator: &str) {
    let keys = term.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let added: Vec<Value> = keys
        .filter_map(|key| Some(json!({"key": key, "operator": operator, "values": [labels.get(key)?]})))
        .collect();
    if added.is_empty() {
        return;
    }
    let Some(selector) = part(term, "labelSelector") else { return };
    let expressions = selector.entry("matchExpressions").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(expressions) = expressions.as_array_mut() {
        expressions.extend(added);
    }
}

/// Makes a Job select exactly its own Pods, unless it says that it does so itself.
fn job(object: &mut Map<String, Value>) {
    let metadata = object.get("metadata");
    let text = |key: &str| metadata.and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or("").to_owned();
    let (name, uid) = (text("name"), text("uid"));
    let had = object.get("metadata").and_then(|m| m.get("labels")).cloned();
    let Some(spec) = made(object, "spec") else { return };
    if spec.get("manualSelector").and_then(Value::as_bool) == Some(true) {
        return;
    }
    let labels = made(spec, "template").and_then(|t| made(t, "metadata")).and_then(|m| made(m, "labels"));
    let Some(labels) = labels else { return };
    let inherited = had.as_ref().is_none_or(|had| had.as_object() == Some(labels));
    for (key, value) in [
        ("batch.kubernetes.io/job-name", &name),
        ("job-name", &name),
        ("batch.kubernetes.io/controller-uid", &uid),
        ("controller-uid", &uid),
    ] {
        labels.entry(key).or_insert_with(|| value.as_str().into());
    }
    let labels = labels.clone();
    if let Some(selected) = made(spec, "selector").and_then(|selector| made(selector, "matchLabels")) {
        selected.entry("batch.kubernetes.io/controller-uid").or_insert_with(|| uid.into());
    }
    // Labels that came from the template are those of the template, also the new ones.
    if inherited && let Some(metadata) = made(object, "metadata") {
        metadata.insert("labels".to_owned(), Value::Object(labels));
    }
}

fn template_generation(object: &Value) -> i64 {
    let text =
        object.get("metadata").and_then(|m| m.get("annotations")).and_then(|a| a.get(TEMPLATE_GENERATION));
    text.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn set_template_generation(object: &mut Map<String, Value>, generation: i64) {
    let annotations = made(object, "metadata").and_then(|metadata| made(metadata, "annotations"));
    if let Some(annotations) = annotations {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    }
}
