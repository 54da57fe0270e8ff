//! Labels and label selectors as clients print them.

use serde_json::Value;

use super::read::{Read, join};

/// Returns labels as `key=value` in order; `<none>` if there are none.
pub(super) fn labels(labels: &Value) -> String {
    let Some(map) = labels.as_object().filter(|map| !map.is_empty()) else { return "<none>".to_owned() };
    let mut pairs: Vec<String> =
        map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or(""))).collect();
    pairs.sort_unstable();
    pairs.join(",")
}

/// Returns a label selector; `<none>` if it says nothing, `<error>` if it cannot be.
pub(super) fn selector(selector: &Value) -> String {
    match requirements(selector) {
        Some(text) if text.is_empty() => "<none>".to_owned(),
        Some(text) => text,
        None => "<error>".to_owned(),
    }
}

/// Returns the requirements of a label selector in the order of their keys; none if one of them cannot be.
pub(super) fn requirements(selector: &Value) -> Option<String> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for (key, value) in selector.map("matchLabels").into_iter().flatten() {
        all.push((key, format!("{key}={}", value.as_str().unwrap_or(""))));
    }
    for expression in selector.list("matchExpressions") {
        all.push((expression.text("key"), requirement(expression)?));
    }
    all.sort_by_key(|&(key, _)| key);
    Some(join(all.iter().map(|(_, text)| text.as_str()), ","))
}

fn requirement(expression: &Value) -> Option<String> {
    let key = expression.text("key");
    let mut values: Vec<&str> = expression.list("values").iter().filter_map(Value::as_str).collect();
    values.sort_unstable();
    let listed = values.join(",");
    match (expression.text("operator"), values.is_empty()) {
        ("In", false) => Some(format!("{key} in ({listed})")),
        ("NotIn", false) => Some(format!("{key} notin ({listed})")),
        ("Exists", true) => Some(key.to_owned()),
        ("DoesNotExist", true) => Some(format!("!{key}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_sorted_as_pairs() {
        assert_eq!(labels(&json!(null)), "<none>");
        assert_eq!(labels(&json!({})), "<none>");
        assert_eq!(labels(&json!({"a": "1", "a-b": "2", "c": ""})), "a-b=2,a=1,c=");
    }

    #[test]
    fn selectors_are_sorted_by_key() {
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
        let all = json!({
            "matchLabels": {"app": "web", "a-b": "1"},
            "matchExpressions": [
                expression("zone", "In", &["b", "a"]),
                expression("tier", "NotIn", &["x"]),
                expression("b", "Exists", &[]),
                expression("c", "DoesNotExist", &[]),
            ],
        });
        assert_eq!(selector(&all), "a-b=1,app=web,b,!c,tier notin (x),zone in (a,b)");
        assert_eq!(selector(&json!(null)), "<none>");
        assert_eq!(selector(&json!({})), "<none>");
        for (operator, values) in [("In", &[][..]), ("Exists", &["x"][..]), ("Like", &["x"][..])] {
            let bad = json!({"matchExpressions": [expression("k", operator, values)]});
            assert_eq!(selector(&bad), "<error>", "{operator}");
        }
    }
}
