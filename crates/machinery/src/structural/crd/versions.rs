//! The versions of a CRD: names, schemas, subresources, columns, selectable fields.

use std::collections::HashSet;

use serde_json::Value;

use super::super::{Structural, Type};
use super::{label_error, text};
use crate::field::{FieldError, FieldErrors, Path};

const COLUMN_TYPES: &str = "boolean,date,integer,number,string";
const COLUMN_FORMATS: &str = "byte,date,date-time,double,float,int32,int64,password";
const MAX_SELECTABLE: usize = 8;
/// What the root of a schema may have beside the subresource `status`.
const AT_ROOT: [&str; 22] = [
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];
const AT_ROOT_WORDS: &str = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum \
     MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs \
     Example XPreserveUnknownFields XValidations]";

/// Returns where the schema of a version stands.
pub(super) fn schema_path(index: usize) -> Path {
    Path::new("spec").child("versions").index(index).child("schema").child("openAPIV3Schema")
}

/// Checks `spec.versions`.
pub(super) fn validate(spec: &Value, path: &Path, errors: &mut FieldErrors) {
    let path = path.child("versions");
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    let mut seen = HashSet::new();
    let mut unique = true;
    for (index, version) in versions.iter().enumerate() {
        let here = path.index(index);
        unique &= seen.insert(text(&version["name"]));
        label_error(&here.child("name"), text(&version["name"]), errors);
        one(version, index, &here, errors);
    }
    if !unique {
        let why = "must contain unique version names";
        errors.push(FieldError::invalid(&path, spec["versions"].clone(), why));
    }
    if versions.iter().filter(|v| v["storage"] == true).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid(&path, spec["versions"].clone(), why));
    }
}

fn one(version: &Value, index: usize, path: &Path, errors: &mut FieldErrors) {
    deprecation(version, path, errors);
    let schema = version.get("schema").and_then(|s| s.get("openAPIV3Schema")).filter(|s| !s.is_null());
    let here = schema_path(index);
    let mut parsed = None;
    if let Some(schema) = schema {
        if version["subresources"].get("status").is_some_and(|s| !s.is_null()) {
            at_root(schema, &here, errors);
        }
        match Structural::parse(schema, &here) {
            Ok(structural) => parsed = Some(structural),
            Err(mut found) => errors.append(&mut found),
        }
    } else if version["served"] == true {
        errors.push(FieldError::required(&here, "schemas are required"));
    }
    scale(&version["subresources"]["scale"], &path.child("subresources").child("scale"), errors);
    let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
    for (index, entry) in columns.enumerate() {
        column(entry, &path.child("additionalPrinterColumns").index(index), errors);
    }
    selectable(&version["selectableFields"], parsed.as_ref(), &path.child("selectableFields"), errors);
}

fn deprecation(version: &Value, path: &Path, errors: &mut FieldErrors) {
    let Some(warning) = version["deprecationWarning"].as_str() else { return };
    let here = path.child("deprecationWarning");
    if version["deprecated"] != true {
        errors.push(FieldError::invalid(&here, warning, "can only be set for deprecated versions"));
    }
    if warning.is_empty() {
        errors.push(FieldError::invalid(&here, warning, "must not be an empty string"));
    }
    if warning.len() > 256 {
        errors.push(FieldError::too_long(&here, 256));
    }
    if warning.chars().any(char::is_control) {
        errors.push(FieldError::invalid(
            &here,
            warning,
            "must only contain printable UTF-8 characters; non-printable characters found",
        ));
    }
}

fn at_root(schema: &Value, path: &Path, errors: &mut FieldErrors) {
    let Some(map) = schema.as_object() else { return };
    let set = |v: &Value| match v {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Object(_) => true,
    };
    if map.get("type").is_some_and(|kind| set(kind) && kind != "object") {
        let why = r#"only "object" is allowed as the type at the root of the schema if the status subresource is enabled"#;
        errors.push(FieldError::invalid(&path.child("type"), map["type"].clone(), why));
    } else if map.iter().any(|(key, value)| set(value) && !AT_ROOT.contains(&key.as_str())) {
        let why = format!(
            "only {AT_ROOT_WORDS} fields are allowed at the root of the schema if the status subresource is enabled"
        );
        errors.push(FieldError::invalid(path, schema.clone(), why));
    }
}

fn simple_path(value: &str, path: &Path, errors: &mut FieldErrors) -> bool {
    if value.starts_with('.') {
        return true;
    }
    errors.push(FieldError::invalid(path, value, "must be a simple json path starting with ."));
    false
}

fn scale(scale: &Value, path: &Path, errors: &mut FieldErrors) {
    if scale.is_null() {
        return;
    }
    for (key, below) in
        [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status."), ("labelSelectorPath", "")]
    {
        let here = path.child(key);
        let value = text(&scale[key]);
        let optional = below.is_empty();
        if value.is_empty() {
            if !optional {
                errors.push(FieldError::required(&here, ""));
            }
        } else if simple_path(value, &here, errors) {
            if optional && !value.starts_with(".status.") && !value.starts_with(".spec.") {
                let why = "should be a json path under either .status or .spec";
                errors.push(FieldError::invalid(&here, value, why));
            } else if !value.starts_with(below) {
                let why = format!("should be a json path under {}", below.trim_end_matches('.'));
                errors.push(FieldError::invalid(&here, value, why));
            }
        }
    }
}

fn column(column: &Value, path: &Path, errors: &mut FieldErrors) {
    if text(&column["name"]).is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    let known = |all: &str, word: &str| all.split(',').any(|known| known == word);
    let here = path.child("type");
    let why = format!("must be one of {COLUMN_TYPES}");
    match text(&column["type"]) {
        "" => errors.push(FieldError::required(&here, why)),
        kind if !known(COLUMN_TYPES, kind) => errors.push(FieldError::invalid(&here, kind, why)),
        _ => {}
    }
    let format = text(&column["format"]);
    if !format.is_empty() && !known(COLUMN_FORMATS, format) {
        let why = format!("must be one of {COLUMN_FORMATS}");
        errors.push(FieldError::invalid(&path.child("format"), format, why));
    }
    let here = path.child("jsonPath");
    match text(&column["jsonPath"]) {
        "" => errors.push(FieldError::required(&here, "")),
        value => {
            simple_path(value, &here, errors);
        }
    }
}

fn selectable(fields: &Value, schema: Option<&Structural>, path: &Path, errors: &mut FieldErrors) {
    let Some(fields) = fields.as_array() else { return };
    if fields.len() > MAX_SELECTABLE {
        errors.push(FieldError::too_many(path, fields.len(), MAX_SELECTABLE));
    }
    let mut seen = HashSet::new();
    for (index, entry) in fields.iter().enumerate() {
        let here = path.index(index).child("jsonPath");
        let value = text(&entry["jsonPath"]);
        if value.is_empty() {
            errors.push(FieldError::required(&here, ""));
            continue;
        }
        if !seen.insert(value) {
            errors.push(FieldError::duplicate(&here, value));
        }
        let Some(mut schema) = schema else { continue };
        if !value.starts_with('.') {
            let why = format!("is an invalid path: expected [ or . but got: {}", first(value));
            errors.push(FieldError::invalid(&here, value, why));
            continue;
        }
        if value == ".metadata" || value.starts_with(".metadata.") {
            errors.push(FieldError::invalid(&here, value, "must not point to fields in metadata"));
            continue;
        }
        let mut found = true;
        for step in value[1..].split('.') {
            match schema.properties.get(step) {
                Some(property) => schema = property,
                None => found = false,
            }
        }
        if value.contains('[') {
            let why = "is an invalid path: array notation is not allowed";
            errors.push(FieldError::invalid(&here, value, why));
        } else if !found {
            let why = "is an invalid path: does not refer to a valid field";
            errors.push(FieldError::invalid(&here, value, why));
        } else if !matches!(schema.kind, Some(Type::String | Type::Boolean | Type::Integer)) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            errors.push(FieldError::invalid(&here, value, why));
        }
    }
}

fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
