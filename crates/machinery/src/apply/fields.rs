//! Sets of fields as they stand in `managedFields`: the format `FieldsV1`.

use serde_json::{Map, Value};

use super::conflict::ApplyError;
use super::element::PathElement;
use super::set::FieldSet;

impl FieldSet {
    /// Reads `FieldsV1`. Steps of a sort that is not known are left out.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, ApplyError> {
        match fields {
            Value::Null => Ok(Self::default()),
            Value::Object(map) => Ok(read(map).map_err(ApplyError::internal)?.0),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(ApplyError::internal(format!("error decoding set: expected an object, got {fields}")))
            }
        }
    }

    /// Writes `FieldsV1`.
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(self.write(false))
    }

    fn write(&self, member: bool) -> Map<String, Value> {
        let mut map = Map::new();
        if member && !self.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for node in self.nodes() {
            map.insert(node.element.encode(), Value::Object(node.children.write(node.member)));
        }
        map
    }
}

/// Returns what is below a step, and whether the step itself is a member.
fn read(map: &Map<String, Value>) -> Result<(FieldSet, bool), String> {
    let mut set = FieldSet::with_capacity(map.len());
    let mut member = false;
    for (key, value) in map {
        if key == "." {
            member = true;
            continue;
        }
        let Some(element) = PathElement::decode(key).map_err(|e| format!("error decoding set: {e}"))? else {
            continue;
        };
        let (children, member) = match value {
            Value::Object(below) => read(below)?,
            Value::Null => (FieldSet::default(), true),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(format!("error decoding set: expected an object at {key:?}, got {value}"));
            }
        };
        set.push(element, member, children);
    }
    set.sort();
    let leaf = set.is_empty();
    Ok((set, member || leaf))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::apply::tests::any_set;

    #[test]
    fn members_leaves_and_parents_are_told_apart() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}}},
                "f:finalizers": {"v:\"kubernetes\"": {}},
            },
        });
        let set = FieldSet::from_fields_v1(&fields).expect("fields");
        let paths: Vec<String> = set.paths().map(|path| path.to_string()).collect();
        assert_eq!(
            paths,
            [
                ".metadata.labels",
                ".metadata.labels.app",
                ".spec.containers[name=\"c\"]",
                ".spec.containers[name=\"c\"].image",
                ".spec.containers[name=\"c\"].name",
                ".spec.finalizers[=\"kubernetes\"]",
            ]
        );
        assert_eq!(set.to_fields_v1(), fields);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for fields in [json!(1), json!({"f:a": 1}), json!({"a": {}}), json!({"f:a": {"k:": {}}}), json!([])] {
            assert!(FieldSet::from_fields_v1(&fields).is_err(), "{fields}");
        }
        let unknown = FieldSet::from_fields_v1(&json!({"q:1": {}, "f:a": null})).expect("skips the unknown");
        assert_eq!(unknown.to_fields_v1(), json!({"f:a": {}}));
    }

    proptest! {
        #[test]
        fn a_set_is_read_back(set in any_set()) {
            prop_assert_eq!(FieldSet::from_fields_v1(&set.to_fields_v1()).expect("fields"), set);
        }
    }
}
