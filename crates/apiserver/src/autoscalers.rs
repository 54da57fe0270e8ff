//! Autoscalers: one sort of object with two faces, `autoscaling/v1` and `autoscaling/v2`. The second is stored.
//!
//! The first knows one metric, the share of processor time that is asked for. All others, and what else it has no fields
//! for, it carries in annotations with kube-apiserver's names and shapes, so that nothing is lost when such an object is
//! read and written back.

use serde_json::json;
use stanchion_machinery::{Map, Value};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// What an autoscaler of the first version is held to if it names no metric: 80 % of what its Pods ask for.
const DEFAULT_SHARE: i64 = 80;

/// The fields of metrics: each sort, and whether it names what it measures by `metric`.
const SORTS: &[(&str, bool)] = &[
    ("resource", false),
    ("containerResource", false),
    ("pods", true),
    ("object", true),
    ("external", true),
];

/// One of the two places that metrics stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// What is wanted.
    Target,
    /// What is measured.
    Current,
}

impl Part {
    fn field(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Current => "current",
        }
    }

    /// Returns the first version's name of a figure of a metric.
    fn figure(self, sort: &str, name: &'static str) -> String {
        // Of objects the average has no prefix.
        if sort == "object" && name == "averageValue" {
            return name.to_owned();
        }
        let (first, rest) = name.split_at(1);
        format!("{}{}{rest}", self.field(), first.to_uppercase())
    }
}

/// The figures that a metric of the second version can have.
const FIGURES: [&str; 3] = ["averageUtilization", "averageValue", "value"];

/// Turns a stored autoscaler into one of `autoscaling/v1`.
pub(crate) fn to_v1(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    map.insert("apiVersion".to_owned(), "autoscaling/v1".into());
    let mut notes = Map::new();
    if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
        let share = split(spec, "metrics", Part::Target, METRICS, &mut notes);
        put(spec, "targetCPUUtilizationPercentage", share);
        note(&mut notes, BEHAVIOR, spec.remove("behavior"));
    }
    if let Some(status) = map.get_mut("status").and_then(Value::as_object_mut) {
        let share = split(status, "currentMetrics", Part::Current, CURRENT_METRICS, &mut notes);
        put(status, "currentCPUUtilizationPercentage", share);
        note(&mut notes, CONDITIONS, status.remove("conditions"));
    }
    if notes.is_empty() {
        return;
    }
    let metadata = map.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations.as_object_mut().into_iter().for_each(|annotations| annotations.extend(notes.clone()));
    }
}

/// Turns an autoscaler of `autoscaling/v1` into how it is stored. Annotations that cannot be read stay.
pub(crate) fn to_v2(object: &mut Value) {
    let mut take = |name: &str| take_note(object, name);
    let (metrics, behavior) = (take(METRICS), take(BEHAVIOR));
    let (measured, conditions) = (take(CURRENT_METRICS), take(CONDITIONS));
    let Some(map) = object.as_object_mut() else { return };
    map.insert("apiVersion".to_owned(), "autoscaling/v2".into());
    if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
        let share = spec.remove("targetCPUUtilizationPercentage").filter(|share| !share.is_null());
        let share = share.or_else(|| metrics.is_none().then(|| DEFAULT_SHARE.into()));
        join(spec, "metrics", Part::Target, share, metrics);
        put(spec, "behavior", behavior);
    }
    let status = (measured.is_some() || conditions.is_some() || map.contains_key("status"))
        .then(|| map.entry("status").or_insert_with(|| json!({})));
    if let Some(status) = status.and_then(Value::as_object_mut) {
        let share = status.remove("currentCPUUtilizationPercentage").filter(|share| !share.is_null());
        join(status, "currentMetrics", Part::Current, share, measured);
        put(status, "conditions", conditions);
    }
}

/// Takes the metrics out: the share of the processor is returned, the others are noted.
fn split(
    holder: &mut Map<String, Value>,
    field: &str,
    part: Part,
    name: &str,
    notes: &mut Map<String, Value>,
) -> Option<Value> {
    let Some(Value::Array(metrics)) = holder.remove(field) else { return None };
    let (mut share, mut others) = (None, Vec::new());
    for metric in metrics {
        match processor_share(&metric, part).filter(|_| share.is_none()) {
            Some(found) => share = Some(found),
            None => others.push(flatten(metric, part)),
        }
    }
    note(notes, name, (!others.is_empty()).then_some(Value::Array(others)));
    share
}

/// Returns the share of the processor that a metric is about, if that is all it says.
fn processor_share(metric: &Value, part: Part) -> Option<Value> {
    let resource = metric.get("resource").filter(|resource| resource.get("name") == Some(&json!("cpu")))?;
    resource.get(part.field())?.get("averageUtilization").filter(|share| share.is_i64()).cloned()
}

fn join(
    holder: &mut Map<String, Value>,
    field: &str,
    part: Part,
    share: Option<Value>,
    others: Option<Value>,
) {
    let share = share.map(|share| {
        let mut figures = json!({"averageUtilization": share});
        if part == Part::Target {
            figures["type"] = "Utilization".into();
        }
        json!({"type": "Resource", "resource": {"name": "cpu", part.field(): figures}})
    });
    let others = others.and_then(|others| match others {
        Value::Array(others) => Some(others),
        _ => None,
    });
    let metrics: Vec<Value> =
        share.into_iter().chain(others.into_iter().flatten().map(|metric| unflatten(metric, part))).collect();
    put(holder, field, (!metrics.is_empty()).then_some(Value::Array(metrics)));
}

/// Turns a metric into how the first version writes it.
fn flatten(mut metric: Value, part: Part) -> Value {
    for (sort, by_metric) in SORTS {
        let Some(body) = metric.get_mut(sort).and_then(Value::as_object_mut) else { continue };
        let figures = body.remove(part.field()).unwrap_or_default();
        if *by_metric {
            let named = body.remove("metric").unwrap_or_default();
            put(body, "metricName", named.get("name").cloned());
            put(body, selector(sort), named.get("selector").cloned());
        }
        put_renamed(body, "describedObject", "target");
        for figure in FIGURES {
            put(body, &part.figure(sort, figure), figures.get(figure).cloned());
        }
    }
    metric
}

/// Turns a metric of the first version into how it is stored.
fn unflatten(mut metric: Value, part: Part) -> Value {
    for (sort, by_metric) in SORTS {
        let Some(body) = metric.get_mut(sort).and_then(Value::as_object_mut) else { continue };
        let mut figures = Map::new();
        for figure in FIGURES {
            put(&mut figures, figure, body.remove(&part.figure(sort, figure)));
        }
        if part == Part::Target {
            let kinds =
                [("averageUtilization", "Utilization"), ("value", "Value"), ("averageValue", "AverageValue")];
            let kind = kinds.iter().find(|(figure, _)| figures.contains_key(*figure));
            put(&mut figures, "type", kind.map(|(_, kind)| (*kind).into()));
        }
        put_renamed(body, "target", "describedObject");
        if *by_metric {
            let mut named = Map::new();
            put(&mut named, "name", body.remove("metricName"));
            put(&mut named, "selector", body.remove(selector(sort)));
            body.insert("metric".to_owned(), Value::Object(named));
        }
        body.insert(part.field().to_owned(), Value::Object(figures));
    }
    metric
}

fn selector(sort: &str) -> &'static str {
    if sort == "external" { "metricSelector" } else { "selector" }
}

fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

fn put_renamed(map: &mut Map<String, Value>, from: &str, to: &str) {
    let value = map.remove(from);
    put(map, to, value);
}

fn note(notes: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    put(notes, name, value.map(|value| value.to_string().into()));
}

/// Takes what an annotation holds, if it can be read.
fn take_note(object: &mut Value, name: &str) -> Option<Value> {
    let annotations = object.pointer_mut("/metadata/annotations")?.as_object_mut()?;
    let value = serde_json::from_str(annotations.get(name)?.as_str()?).ok()?;
    annotations.remove(name);
    if annotations.is_empty() {
        object.get_mut("metadata")?.as_object_mut()?.remove("annotations");
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Value {
        let pods = json!({"metric": {"name": "requests", "selector": {"matchLabels": {"a": "b"}}},
            "target": {"type": "AverageValue", "averageValue": "10"}});
        let object = json!({"metric": {"name": "hits"}, "describedObject": {"kind": "Ingress", "name": "i"},
            "target": {"type": "Value", "value": "2k"}});
        let external = json!({"metric": {"name": "queue", "selector": {"matchLabels": {"q": "w"}}},
            "target": {"type": "AverageValue", "averageValue": "30"}});
        let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}});
        let memory = json!({"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}});
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "a", "annotations": {"mine": "kept"}},
            "spec": {"maxReplicas": 3, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 10}}, "metrics": [
                {"type": "Resource", "resource": cpu}, {"type": "Resource", "resource": memory},
                {"type": "Pods", "pods": pods}, {"type": "Object", "object": object},
                {"type": "External", "external": external},
            ]},
            "status": {
                "currentReplicas": 1,
                "conditions": [{"type": "AbleToScale", "status": "True"}],
                "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12}}},
                    {"type": "Pods", "pods": {"metric": {"name": "requests"}, "current": {"averageValue": "7"}}},
                ],
            },
        })
    }

    #[test]
    fn the_first_version_has_one_metric_and_notes() {
        let mut object = stored();
        to_v1(&mut object);
        assert_eq!(object["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}));
        assert_eq!(object["status"], json!({"currentReplicas": 1, "currentCPUUtilizationPercentage": 12}));
        let noted: Value =
            serde_json::from_str(object["metadata"]["annotations"][METRICS].as_str().expect("a note"))
                .expect("JSON");
        let hits =
            json!({"metricName": "hits", "target": {"kind": "Ingress", "name": "i"}, "targetValue": "2k"});
        assert_eq!(noted[0]["resource"], json!({"name": "memory", "targetAverageValue": "1Gi"}));
        assert_eq!(noted[2]["object"], hits);
        assert_eq!(noted[3]["external"]["metricSelector"], json!({"matchLabels": {"q": "w"}}));
    }

    #[test]
    fn the_two_faces_hold_the_same() {
        let mut object = stored();
        to_v1(&mut object);
        to_v2(&mut object);
        assert_eq!(object, stored());
    }

    #[test]
    fn no_metric_is_the_default_one() {
        let mut object = json!({"apiVersion": "autoscaling/v1", "spec": {"maxReplicas": 3}});
        to_v2(&mut object);
        assert_eq!(object["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
        assert_eq!(object["apiVersion"], "autoscaling/v2");
    }

    #[test]
    fn what_cannot_be_read_stays() {
        let annotations = json!({METRICS: "{not JSON", "mine": "kept"});
        let mut object = json!({"metadata": {"annotations": annotations.clone()}, "spec": {}});
        to_v2(&mut object);
        assert_eq!(object["metadata"]["annotations"], annotations);
    }
}
