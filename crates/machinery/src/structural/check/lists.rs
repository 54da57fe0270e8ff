//! What `x-kubernetes-list-type`, `-list-map-keys` and `-map-type` ask of the schema they stand in.

use std::collections::HashSet;

use serde_json::json;

use super::{ListType, Structural, Type, type_name};
use crate::field::{FieldError, FieldErrors, Path};

/// Checks a schema with everything below it.
pub(super) fn check(s: &Structural, path: &Path, errors: &mut FieldErrors) {
    types(s, path, errors);
    match s.list_type {
        Some(ListType::Map) => map(s, path, errors),
        Some(ListType::Set) => set(s, path, errors),
        Some(ListType::Atomic) | None => {}
    }
    for (name, property) in &s.properties {
        check(property, &path.child("properties").key(name), errors);
    }
    if let Some(items) = &s.items {
        check(items, &path.child("items"), errors);
    }
    if let Some(values) = s.additional.schema() {
        check(values, &path.child("additionalProperties"), errors);
    }
}

fn wants(s: &Structural, kind: Type, path: &Path, why: &str, errors: &mut FieldErrors) {
    let here = path.child("type");
    match s.kind {
        Some(found) if found == kind => {}
        Some(found) => errors.push(FieldError::invalid(&here, found.as_str(), why)),
        None => errors.push(FieldError::required(&here, why)),
    }
}

fn types(s: &Structural, path: &Path, errors: &mut FieldErrors) {
    if s.list_type.is_some() {
        wants(s, Type::Array, path, "must be array if x-kubernetes-list-type is specified", errors);
    }
    if s.map_atomic.is_some() {
        wants(s, Type::Object, path, "must be object if x-kubernetes-map-type is specified", errors);
    }
    if !s.list_map_keys.is_empty() && s.list_type != Some(ListType::Map) {
        let here = path.child("x-kubernetes-list-type");
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(match s.list_type {
            None => FieldError::required(&here, why),
            Some(ListType::Set) => FieldError::invalid(&here, "set", why),
            Some(ListType::Atomic | ListType::Map) => FieldError::invalid(&here, "atomic", why),
        });
    }
}

fn map(s: &Structural, path: &Path, errors: &mut FieldErrors) {
    let keys_path = path.child("x-kubernetes-list-map-keys");
    if s.list_map_keys.is_empty() {
        let why = "must not be empty if x-kubernetes-list-type is map";
        errors.push(FieldError::required(&keys_path, why));
    }
    let here = path.child("items");
    let Some(items) = &s.items else {
        errors.push(FieldError::required(&here, "must have a schema if x-kubernetes-list-type is map"));
        return;
    };
    if items.kind != Some(Type::Object) {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(FieldError::invalid(&here.child("type"), type_name(items), why));
    }
    if items.nullable {
        let why = "cannot be nullable when x-kubernetes-list-type is map";
        errors.push(FieldError::forbidden(&here.child("nullable"), why));
    }
    let mut seen = HashSet::new();
    for key in &s.list_map_keys {
        if !seen.insert(key) {
            let why = "must not contain duplicate entries";
            errors.push(FieldError::invalid(&keys_path, json!(s.list_map_keys), why));
        }
        let property_path = here.child("properties").key(key);
        let Some(property) = items.properties.get(key) else {
            let why = "entries must all be names of item properties";
            errors.push(FieldError::invalid(&keys_path, json!(s.list_map_keys), why));
            continue;
        };
        if matches!(property.kind, Some(Type::Array | Type::Object)) {
            let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            errors.push(FieldError::invalid(&property_path.child("type"), type_name(property), why));
        }
        if property.default.is_none() && !items.checks.required.contains(key) {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            errors.push(FieldError::required(&property_path.child("default"), why));
        }
        if property.nullable {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(FieldError::forbidden(&property_path.child("nullable"), why));
        }
    }
}

fn set(s: &Structural, path: &Path, errors: &mut FieldErrors) {
    let Some(items) = &s.items else { return };
    let here = path.child("items");
    if items.nullable {
        let why = "cannot be nullable when x-kubernetes-list-type is set";
        errors.push(FieldError::forbidden(&here.child("nullable"), why));
    }
    match items.kind {
        Some(Type::Array) if items.list_type.is_some_and(|kind| kind != ListType::Atomic) => {
            let found = if items.list_type == Some(ListType::Map) { "map" } else { "set" };
            let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
            errors.push(FieldError::invalid(&here.child("x-kubernetes-list-type"), found, why));
        }
        Some(Type::Object) if items.map_atomic != Some(true) => {
            let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
            let path = here.child("x-kubernetes-map-type");
            errors.push(match items.map_atomic {
                None => FieldError::required(&path, why),
                Some(_) => FieldError::invalid(&path, "granular", why),
            });
        }
        Some(_) | None => {}
    }
}
