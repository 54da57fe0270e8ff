//! Fields that a part of an object cannot own, and those that every object has by itself.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::json;
use stanchion_kinds::table::ROWS;
use stanchion_machinery::apply::FieldSet;
use stanchion_machinery::schema::{Presence, Scalar, Schema, Shape};
use stanchion_machinery::{Map, Value};

use crate::resource::Resource;

fn fields(of: &Value) -> FieldSet {
    FieldSet::from_fields_v1(of).expect("the constants below are field sets")
}

/// None.
pub(crate) static NOTHING: LazyLock<FieldSet> = LazyLock::new(|| fields(&json!({})));
/// What is observed: not through the object itself.
pub(crate) static STATUS: LazyLock<FieldSet> = LazyLock::new(|| fields(&json!({"f:status": {}})));
/// What is wanted: not through the status.
pub(crate) static SPEC: LazyLock<FieldSet> = LazyLock::new(|| fields(&json!({"f:spec": {}})));

/// The objects of built-in kinds in which nobody has set anything: what is there belongs to nobody.
static EMPTY: LazyLock<HashMap<&'static str, Value>> =
    LazyLock::new(|| ROWS.iter().map(|row| (row.type_name, empty(row.schema()))).collect());

/// Returns the object of a kind in which nobody has set anything; nothing for custom resources.
pub(crate) fn untouched(resource: &Resource) -> Option<&'static Value> {
    match resource {
        Resource::BuiltIn(kind) => EMPTY.get(kind.type_name),
        Resource::Custom(_) => None,
    }
}

/// Lays out a struct of Go with nothing set: structs within are there, pointers and optional values are not.
fn empty(schema: Schema<'_>) -> Value {
    let Shape::Struct { fields, .. } = schema.shape() else { return Value::Null };
    let mut object = Map::new();
    for field in fields {
        let inner = schema.at(field.node);
        let value = match inner.shape() {
            Shape::Struct { .. } if field.presence == Presence::Pointer => continue,
            Shape::Struct { .. } => empty(inner),
            Shape::List { .. } | Shape::Map { .. } if field.required => Value::Null,
            Shape::Scalar(scalar) if field.required && field.presence != Presence::Pointer => zero(*scalar),
            Shape::Scalar(_) | Shape::List { .. } | Shape::Map { .. } | Shape::Any => continue,
        };
        object.insert(field.name.clone(), value);
    }
    Value::Object(object)
}

fn zero(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Boolean => json!(false),
        Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::IntOrString => json!(0),
        Scalar::String | Scalar::Duration => json!(""),
        Scalar::Quantity => json!("0"),
        Scalar::Bytes | Scalar::Time | Scalar::MicroTime => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untouched_pod_has_its_structs() {
        let pods = stanchion_kinds::table::resource("", "v1", "pods").expect("the table has Pods");
        let pod = untouched(&Resource::BuiltIn(pods)).expect("built in");
        assert_eq!(*pod, json!({"metadata": {}, "spec": {"containers": null}, "status": {}}));
    }
}
