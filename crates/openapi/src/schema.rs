//! Schemas of types, from the facts.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use stanchion_kinds::schema::named;
use stanchion_machinery::schema::{Field, ListKind, PatchRule, Presence, Scalar, Schema, Shape};

use crate::META;
use crate::words::Words;

const SCHEMAS: &str = "#/components/schemas/";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
const MICRO_TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
const ANYTHING: &[&str] =
    &["JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray"];

/// Returns the schemas of types and of all that they refer to.
pub(crate) fn reachable<'a>(
    names: impl IntoIterator<Item = &'a str>,
    words: &mut Words,
) -> Map<String, Value> {
    let mut todo: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    let mut done = Map::new();
    while let Some(name) = todo.pop_first() {
        if let Some(schema) = of_type(&name, words) {
            references(&schema, &mut |name| {
                if !done.contains_key(name) {
                    todo.insert(name.to_owned());
                }
            });
            done.insert(name, schema);
        }
    }
    done
}

/// Returns a reference, wrapped so that words and defaults may stand beside it.
pub(crate) fn reference(name: &str) -> Value {
    json!({"allOf": [bare_reference(name)]})
}

/// Returns a reference that stands alone.
pub(crate) fn bare_reference(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

/// Returns the schema of the list of a kind. The words of what all kinds have are those of `Status`.
pub(crate) fn list(type_name: &str, kind: &str, schemas: &Map<String, Value>) -> Value {
    let mut items = reference(type_name);
    items["default"] = json!({});
    json!({
        "description": format!("{kind}List is a list of {kind}"),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": common_field("apiVersion", schemas),
            "kind": common_field("kind", schemas),
            "metadata": common_field("metadata", schemas),
            "items": {"description": format!("List of {kind}"), "type": "array", "items": items},
        },
    })
}

/// Returns the schema of a field as `Status` has it: the type, and the metadata of lists.
pub(crate) fn common_field(name: &str, schemas: &Map<String, Value>) -> Value {
    let field = schemas.get(&format!("{META}Status")).and_then(|status| status["properties"].get(name));
    field.cloned().unwrap_or_else(|| json!({"type": "string"}))
}

fn references(schema: &Value, visit: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(SCHEMAS))
            {
                visit(name);
            }
            map.values().for_each(|value| references(value, visit));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn of_type(name: &str, words: &mut Words) -> Option<Value> {
    let said = words.of(name);
    let mut schema = match named(name) {
        Some(schema) => of_known(schema, said),
        None => of_scalar_type(name).or_else(|| said.map(|said| with_wrapped_references(said.clone())))?,
    };
    if let Some(description) = said.and_then(|said| said.get("description")) {
        schema["description"] = description.clone();
    }
    Some(schema)
}

/// Returns the schemas of the types that the facts have as scalars.
fn of_scalar_type(name: &str) -> Option<Value> {
    match name {
        QUANTITY => Some(json!({"oneOf": [{"type": "string"}, {"type": "number"}]})),
        INT_OR_STRING => {
            Some(json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}))
        }
        TIME | MICRO_TIME => Some(json!({"format": "date-time", "type": "string"})),
        _ => None,
    }
}

/// A reference with words beside it has to be wrapped in a document of version 3.0.
fn with_wrapped_references(mut schema: Map<String, Value>) -> Value {
    if schema.len() > 1
        && let Some(reference) = schema.remove("$ref")
    {
        schema.insert("allOf".to_owned(), json!([{"$ref": reference}]));
    }
    for value in schema.values_mut() {
        if let Value::Object(inner) = value {
            *value = with_wrapped_references(std::mem::take(inner));
        }
    }
    Value::Object(schema)
}

fn of_known(schema: Schema<'_>, said: Option<&Map<String, Value>>) -> Value {
    let Shape::Struct { fields, atomic, .. } = schema.shape() else {
        let last = schema.name().rsplit('.').next().unwrap_or("");
        return if ANYTHING.contains(&last) { json!({}) } else { json!({"type": "object"}) };
    };
    let said = said.and_then(|said| said.get("properties")).and_then(Value::as_object);
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let description = said.and_then(|said| said.get(&field.name)).and_then(|p| p.get("description"));
            (field.name.clone(), of_field(field, schema.at(field.node), description))
        })
        .collect();
    let mut out = json!({"type": "object", "properties": properties});
    let required: Vec<&str> = fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
    if !required.is_empty() {
        out["required"] = required.into();
    }
    if *atomic {
        out["x-kubernetes-map-type"] = "atomic".into();
    }
    out
}

fn of_field(field: &Field, schema: Schema<'_>, description: Option<&Value>) -> Value {
    let mut out = of_node(schema);
    if let Some(description) = description {
        out["description"] = description.clone();
    }
    let zero = match field.presence {
        Presence::Always => zero(schema),
        Presence::Optional => matches!(schema.shape(), Shape::Struct { .. }).then(|| json!({})),
        Presence::Pointer => None,
    };
    if let Some(default) = field.default.clone().or(zero) {
        out["default"] = default;
    }
    match schema.shape() {
        Shape::List { kind, .. } => list_kind(kind, &field.patch, &mut out),
        Shape::Any | Shape::Scalar(_) | Shape::Struct { .. } | Shape::Map { .. } if field.atomic => {
            out["x-kubernetes-map-type"] = "atomic".into();
        }
        Shape::Any | Shape::Scalar(_) | Shape::Struct { .. } | Shape::Map { .. } => {}
    }
    patch_rule(&field.patch, &mut out);
    unwrapped(out)
}

fn list_kind(kind: &ListKind, patch: &PatchRule, out: &mut Value) {
    match kind {
        ListKind::Set => out["x-kubernetes-list-type"] = "set".into(),
        ListKind::Map(keys) => {
            out["x-kubernetes-list-type"] = "map".into();
            out["x-kubernetes-list-map-keys"] = keys.clone().into();
        }
        ListKind::Atomic if !patch.merge => out["x-kubernetes-list-type"] = "atomic".into(),
        ListKind::Atomic => {}
    }
}

fn patch_rule(patch: &PatchRule, out: &mut Value) {
    let strategy = match (patch.merge, patch.retain_keys) {
        (true, true) => "merge,retainKeys",
        (true, false) => "merge",
        (false, true) => "retainKeys",
        (false, false) => return,
    };
    out["x-kubernetes-patch-strategy"] = strategy.into();
    if let Some(key) = &patch.merge_key {
        out["x-kubernetes-patch-merge-key"] = key.clone().into();
    }
}

fn of_node(schema: Schema<'_>) -> Value {
    match schema.shape() {
        Shape::Scalar(kind) => of_scalar(*kind),
        Shape::Any if schema.name().is_empty() => json!({"type": "object"}),
        Shape::Any | Shape::Struct { .. } => reference(schema.name()),
        Shape::List { items, .. } => json!({"type": "array", "items": of_part(schema.at(*items))}),
        Shape::Map { values, .. } => {
            json!({"type": "object", "additionalProperties": of_part(schema.at(*values))})
        }
    }
}

/// Returns the schema of an item or a value: it has a default unless it is written in a way of its own.
fn of_part(schema: Schema<'_>) -> Value {
    let mut out = of_node(schema);
    let default = match schema.shape() {
        Shape::Struct { .. } => Some(json!({})),
        Shape::Scalar(_) => zero(schema),
        Shape::Any | Shape::List { .. } | Shape::Map { .. } => None,
    };
    match default {
        Some(default) => {
            out["default"] = default;
            out
        }
        None => unwrapped(out),
    }
}

/// A reference that nothing stands beside needs no wrapping.
fn unwrapped(schema: Value) -> Value {
    match schema.as_object().filter(|schema| schema.len() == 1).and_then(|schema| schema.get("allOf")) {
        Some(Value::Array(one)) => one.first().cloned().unwrap_or_default(),
        Some(_) | None => schema,
    }
}

fn of_scalar(kind: Scalar) -> Value {
    match kind {
        Scalar::Boolean => json!({"type": "boolean"}),
        Scalar::Int32 => json!({"type": "integer", "format": "int32"}),
        Scalar::Int64 => json!({"type": "integer", "format": "int64"}),
        Scalar::Double => json!({"type": "number", "format": "double"}),
        Scalar::String | Scalar::Duration => json!({"type": "string"}),
        Scalar::Bytes => json!({"type": "string", "format": "byte"}),
        Scalar::Quantity => reference(QUANTITY),
        Scalar::IntOrString => reference(INT_OR_STRING),
        Scalar::Time => reference(TIME),
        Scalar::MicroTime => reference(MICRO_TIME),
    }
}

fn zero(schema: Schema<'_>) -> Option<Value> {
    match schema.shape() {
        Shape::Scalar(Scalar::Boolean) => Some(false.into()),
        Shape::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Double) => Some(0.into()),
        Shape::Scalar(Scalar::String) => Some("".into()),
        Shape::Scalar(
            Scalar::Bytes
            | Scalar::Quantity
            | Scalar::IntOrString
            | Scalar::Time
            | Scalar::MicroTime
            | Scalar::Duration,
        )
        | Shape::Any
        | Shape::Struct { .. }
        | Shape::List { .. }
        | Shape::Map { .. } => None,
    }
}
