//! Scopes: which objects a quota is about.

use serde_json::Value;

use crate::policy::resources::is_best_effort;

/// A demand of a quota on the objects it counts.
struct Term<'a> {
    scope: &'a str,
    operator: &'a str,
    values: &'a [Value],
}

impl Term<'_> {
    fn matches(&self, names: &[&str]) -> bool {
        let listed = |name: &&str| self.values.iter().any(|value| value == *name);
        match self.operator {
            "Exists" => !names.is_empty(),
            "DoesNotExist" => names.is_empty(),
            "In" => names.iter().any(listed),
            "NotIn" => names.is_empty() || names.iter().any(|name| !listed(name)),
            _ => false,
        }
    }
}

/// Returns whether the scopes of a quota take an object in. Without scopes they take in everything.
pub(super) fn takes_in(quota: &Value, group: &str, resource: &str, object: &Value) -> bool {
    let spec = quota.get("spec").unwrap_or(&Value::Null);
    let plain = spec.get("scopes").and_then(Value::as_array).into_iter().flatten();
    let plain = plain.filter_map(Value::as_str);
    let plain = plain.map(|scope| Term { scope, operator: "Exists", values: &[] });
    let selected = spec.pointer("/scopeSelector/matchExpressions").and_then(Value::as_array);
    let selected = selected.into_iter().flatten().map(|term| {
        let field = |key: &str| term.get(key).and_then(Value::as_str).unwrap_or("");
        let values = term.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Term { scope: field("scopeName"), operator: field("operator"), values }
    });
    plain.chain(selected).all(|term| match (group, resource) {
        ("", "pods") => takes_in_pod(&term, object),
        ("", "persistentvolumeclaims") => takes_in_claim(&term, object),
        _ => false,
    })
}

/// Returns whether a pod ends by itself after some time.
pub(super) fn is_terminating(pod: &Value) -> bool {
    pod.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds >= 0)
}

fn takes_in_pod(term: &Term<'_>, pod: &Value) -> bool {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    match term.scope {
        "Terminating" => is_terminating(pod),
        "NotTerminating" => !is_terminating(pod),
        "BestEffort" => is_best_effort(pod),
        "NotBestEffort" => !is_best_effort(pod),
        "PriorityClass" => {
            let class = spec.get("priorityClassName").and_then(Value::as_str).filter(|name| !name.is_empty());
            term.matches(class.as_slice())
        }
        "CrossNamespacePodAffinity" => looks_across_namespaces(spec),
        _ => false,
    }
}

fn takes_in_claim(term: &Term<'_>, claim: &Value) -> bool {
    let places = [
        "/spec/volumeAttributesClassName",
        "/status/currentVolumeAttributesClassName",
        "/status/modifyVolumeStatus/targetVolumeAttributesClassName",
    ];
    let classes = places.iter().filter_map(|place| claim.pointer(place)).filter_map(Value::as_str);
    let classes: Vec<&str> = classes.filter(|name| !name.is_empty()).collect();
    term.scope == "VolumeAttributesClass" && term.matches(&classes)
}

fn looks_across_namespaces(spec: &Value) -> bool {
    let affinity = spec.get("affinity").unwrap_or(&Value::Null);
    let across = |term: &Value| {
        let named = term.get("namespaces").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        named || term.get("namespaceSelector").is_some_and(|selector| !selector.is_null())
    };
    ["podAffinity", "podAntiAffinity"].iter().filter_map(|key| affinity.get(key)).any(|affinity| {
        let terms = |key: &str| affinity.get(key).and_then(Value::as_array).into_iter().flatten();
        terms("requiredDuringSchedulingIgnoredDuringExecution").any(across)
            || terms("preferredDuringSchedulingIgnoredDuringExecution")
                .filter_map(|term| term.get("podAffinityTerm"))
                .any(across)
    })
}
