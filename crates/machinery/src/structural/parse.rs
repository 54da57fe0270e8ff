//! Reading `openAPIV3Schema`.

use serde_json::{Map, Value};

use super::{Additional, Checks, ListType, MAX_DEPTH, Pattern, Rule, Structural, Type};
use crate::field::{FieldError, FieldErrors, Path};

/// Which words that only describe are there; they are refused under `allOf` and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) title: bool,
    pub(super) description: bool,
    pub(super) external_docs: bool,
}

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// Keywords of JSON schema that a CRD cannot have.
const REFUSED: [&str; 6] =
    ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];

/// Reads a schema with everything below it.
pub(super) fn parse(schema: &Value, path: &Path) -> Result<Structural, FieldErrors> {
    let mut reader = Reader { errors: Vec::new() };
    let parsed = reader.schema(schema, path, 0);
    if reader.errors.is_empty() { Ok(parsed) } else { Err(reader.errors) }
}

struct Reader {
    errors: FieldErrors,
}

impl Reader {
    fn schema(&mut self, value: &Value, path: &Path, depth: usize) -> Structural {
        let mut parsed = Structural::default();
        let Some(map) = value.as_object() else {
            self.errors.push(FieldError::type_invalid(path, value.clone(), "must be an object"));
            return parsed;
        };
        if depth > MAX_DEPTH {
            self.errors.push(FieldError::forbidden(path, "the schema is nested too deeply"));
            return parsed;
        }
        self.refused(map, path);
        self.structure(map, path, depth, &mut parsed);
        self.extensions(map, path, &mut parsed);
        parsed.checks = self.checks(map, path, depth);
        parsed.words = Words {
            title: !text(map, "title").is_empty(),
            description: !text(map, "description").is_empty(),
            external_docs: map.get("externalDocs").is_some_and(|v| !v.is_null()),
        };
        parsed
    }

    fn refused(&mut self, map: &Map<String, Value>, path: &Path) {
        for name in REFUSED {
            let empty = |v: &Value| match v {
                Value::Null => true,
                Value::String(text) => text.is_empty() && name == "id",
                Value::Object(map) => map.is_empty() && matches!(name, "patternProperties" | "definitions"),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
            };
            if map.get(name).is_some_and(|v| !empty(v)) {
                self.errors
                    .push(FieldError::forbidden(&path.child(name), format!("{name} is not supported")));
            }
        }
        if flag(map, "uniqueItems") {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.errors.push(FieldError::forbidden(&path.child("uniqueItems"), why));
        }
    }

    fn structure(&mut self, map: &Map<String, Value>, path: &Path, depth: usize, into: &mut Structural) {
        into.kind = match text(map, "type") {
            "" => None,
            "array" => Some(Type::Array),
            "boolean" => Some(Type::Boolean),
            "integer" => Some(Type::Integer),
            "number" => Some(Type::Number),
            "object" => Some(Type::Object),
            "string" => Some(Type::String),
            "null" => {
                let why = "type cannot be set to null, use nullable as an alternative";
                self.errors.push(FieldError::forbidden(&path.child("type"), why));
                None
            }
            other => {
                self.errors.push(FieldError::not_supported(&path.child("type"), other, &TYPES));
                None
            }
        };
        into.nullable = flag(map, "nullable");
        into.default = map.get("default").filter(|v| !v.is_null()).cloned();
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            let here = path.child("properties");
            for (name, property) in properties {
                let parsed = self.schema(property, &here.key(name), depth + 1);
                into.properties.insert(name.clone(), parsed);
            }
        }
        let here = path.child("additionalProperties");
        into.additional = match map.get("additionalProperties") {
            None | Some(Value::Null) => Additional::Undefined,
            Some(Value::Bool(allowed)) => Additional::Allowed(*allowed),
            Some(other) => Additional::Schema(Box::new(self.schema(other, &here, depth + 1))),
        };
        if !into.properties.is_empty()
            && !matches!(into.additional, Additional::Undefined | Additional::Allowed(true))
        {
            let why = "additionalProperties and properties are mutual exclusive";
            self.errors.push(FieldError::forbidden(&here, why));
        }
        into.items = match map.get("items") {
            None | Some(Value::Null) => None,
            Some(Value::Array(_)) => {
                let why = "items must be a schema object and not an array";
                self.errors.push(FieldError::forbidden(&path.child("items"), why));
                None
            }
            Some(items) => Some(Box::new(self.schema(items, &path.child("items"), depth + 1))),
        };
    }

    fn extensions(&mut self, map: &Map<String, Value>, path: &Path, into: &mut Structural) {
        let preserve = "x-kubernetes-preserve-unknown-fields";
        into.preserve_unknown = flag(map, preserve);
        if map.get(preserve) == Some(&Value::Bool(false)) {
            let why = "must be true or undefined";
            self.errors.push(FieldError::invalid(&path.child(preserve), false, why));
        }
        into.embedded_resource = flag(map, "x-kubernetes-embedded-resource");
        into.int_or_string = flag(map, "x-kubernetes-int-or-string");
        let name = "x-kubernetes-list-type";
        into.list_type = match map.get(name).and_then(Value::as_str) {
            None => None,
            Some("atomic") => Some(ListType::Atomic),
            Some("set") => Some(ListType::Set),
            Some("map") => Some(ListType::Map),
            Some(other) => {
                let known = ["atomic", "map", "set"];
                self.errors.push(FieldError::not_supported(&path.child(name), other, &known));
                None
            }
        };
        into.list_map_keys = texts(map, "x-kubernetes-list-map-keys");
        let name = "x-kubernetes-map-type";
        into.map_atomic = match map.get(name).and_then(Value::as_str) {
            None => None,
            Some("atomic") => Some(true),
            Some("granular") => Some(false),
            Some(other) => {
                let known = ["atomic", "granular"];
                self.errors.push(FieldError::not_supported(&path.child(name), other, &known));
                None
            }
        };
        let rules = map.get("x-kubernetes-validations").and_then(Value::as_array);
        into.rules = rules.into_iter().flatten().filter_map(Value::as_object).map(rule).collect();
    }

    fn checks(&mut self, map: &Map<String, Value>, path: &Path, depth: usize) -> Checks {
        Checks {
            required: texts(map, "required"),
            allowed: map.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            pattern: self.pattern(map, path),
            format: text(map, "format").to_owned(),
            minimum: number(map, "minimum"),
            exclusive_minimum: flag(map, "exclusiveMinimum"),
            maximum: number(map, "maximum"),
            exclusive_maximum: flag(map, "exclusiveMaximum"),
            multiple_of: number(map, "multipleOf"),
            min_length: count(map, "minLength"),
            max_length: count(map, "maxLength"),
            min_items: count(map, "minItems"),
            max_items: count(map, "maxItems"),
            min_properties: count(map, "minProperties"),
            max_properties: count(map, "maxProperties"),
            unique_items: flag(map, "uniqueItems"),
            all_of: self.several(map, "allOf", path, depth),
            any_of: self.several(map, "anyOf", path, depth),
            one_of: self.several(map, "oneOf", path, depth),
            not: match map.get("not") {
                None | Some(Value::Null) => None,
                Some(not) => Some(Box::new(self.schema(not, &path.child("not"), depth + 1))),
            },
        }
    }

    fn pattern(&mut self, map: &Map<String, Value>, path: &Path) -> Option<Pattern> {
        let source = text(map, "pattern");
        if source.is_empty() {
            return None;
        }
        match Pattern::new(source) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                let why = format!("must be a valid regular expression, but isn't: {why}");
                self.errors.push(FieldError::invalid(&path.child("pattern"), source, why));
                None
            }
        }
    }

    fn several(&mut self, map: &Map<String, Value>, key: &str, path: &Path, depth: usize) -> Vec<Structural> {
        let here = path.child(key);
        let list = map.get(key).and_then(Value::as_array).into_iter().flatten();
        list.enumerate().map(|(i, schema)| self.schema(schema, &here.index(i), depth + 1)).collect()
    }
}

fn rule(map: &Map<String, Value>) -> Rule {
    Rule {
        rule: text(map, "rule").to_owned(),
        message: text(map, "message").to_owned(),
        message_expression: text(map, "messageExpression").to_owned(),
        reason: text(map, "reason").to_owned(),
        field_path: text(map, "fieldPath").to_owned(),
        optional_old_self: map.get("optionalOldSelf").and_then(Value::as_bool),
    }
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or("")
}

fn texts(map: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = map.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn flag(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn number(map: &Map<String, Value>, key: &str) -> Option<f64> {
    map.get(key).and_then(Value::as_f64)
}

fn count(map: &Map<String, Value>, key: &str) -> Option<u64> {
    let value = map.get(key)?;
    value.as_u64().or_else(|| value.as_i64().map(|_| 0))
}
