//! The rules of structural schemas.

mod lists;

use serde_json::Value;

use super::{Additional, Checks, ListType, Structural, Type, validate};
use crate::field::{FieldError, FieldErrors, Path};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Checks a whole schema; errors are sorted by their text.
pub(super) fn check(schema: &Structural, path: &Path) -> FieldErrors {
    let mut errors = Vec::new();
    invariants(schema, Level::Root, path, &mut errors);
    complete_checks(schema, &schema.checks, path, path, &mut errors);
    complete_below(schema, path, &mut errors);
    lists::check(schema, path, &mut errors);
    if errors.is_empty() {
        defaults(schema, path, true, &mut errors);
    }
    errors.sort_by_cached_key(ToString::to_string);
    errors.dedup();
    errors
}

fn type_name(schema: &Structural) -> &'static str {
    schema.kind.map_or("", Type::as_str)
}

fn invariants(s: &Structural, level: Level, path: &Path, errors: &mut FieldErrors) {
    if s.kind == Some(Type::Array) && s.items.is_none() {
        errors.push(FieldError::required(&path.child("items"), "must be specified"));
    }
    if let Some(items) = &s.items {
        invariants(items, Level::Item, &path.child("items"), errors);
    }
    for (name, property) in &s.properties {
        invariants(property, Level::Field, &path.child("properties").key(name), errors);
    }
    let additional = path.child("additionalProperties");
    if s.additional != Additional::Undefined && level == Level::Root {
        errors.push(FieldError::forbidden(&additional, "must not be used at the root"));
    }
    if let Some(values) = s.additional.schema() {
        invariants(values, Level::Field, &additional, errors);
    }
    if s.int_or_string && s.preserve_unknown {
        let here = path.child("x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(&here, true, "must be false if x-kubernetes-int-or-string is true"));
    }
    if s.int_or_string && s.embedded_resource {
        let here = path.child("x-kubernetes-embedded-resource");
        errors.push(FieldError::invalid(&here, true, "must be false if x-kubernetes-int-or-string is true"));
    }
    let skip_any = is_int_or_string(&s.checks.any_of);
    let skip_first = s.checks.all_of.first().is_some_and(|first| is_int_or_string(&first.checks.any_of));
    junctors(&s.checks, skip_any, skip_first, path, errors);
    kinds(s, level, path, errors);
    if s.embedded_resource && s.additional != Additional::Undefined {
        let why = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(FieldError::forbidden(&additional, why));
    }
    resource_fields(s, level, path, errors);
    if s.embedded_resource && !s.preserve_unknown && s.properties.is_empty() {
        let why = "must not be empty if x-kubernetes-embedded-resource is true \
                   without x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(&path.child("properties"), why));
    }
}

fn kinds(s: &Structural, level: Level, path: &Path, errors: &mut FieldErrors) {
    let here = path.child("type");
    if s.embedded_resource && s.kind != Some(Type::Object) {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match s.kind {
            None => FieldError::required(&here, why),
            Some(kind) => FieldError::invalid(&here, kind.as_str(), why),
        });
    } else if s.kind.is_none() && !s.int_or_string && !s.preserve_unknown {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(FieldError::required(&here, why));
    }
    if level == Level::Root && s.kind.is_some_and(|kind| kind != Type::Object) {
        errors.push(FieldError::invalid(&here, type_name(s), "must be object at the root"));
    }
}

fn resource_fields(s: &Structural, level: Level, path: &Path, errors: &mut FieldErrors) {
    let resource = level == Level::Root || s.embedded_resource;
    let properties = path.child("properties");
    for name in ["kind", "apiVersion"] {
        if let Some(found) =
            s.properties.get(name).filter(|found| resource && found.kind != Some(Type::String))
        {
            let here = properties.key(name).child("type");
            errors.push(FieldError::invalid(&here, type_name(found), "must be string"));
        }
    }
    let Some(metadata) = s.properties.get("metadata") else { return };
    let here = properties.key("metadata");
    if resource && metadata.kind != Some(Type::Object) {
        errors.push(FieldError::invalid(&here.child("type"), type_name(metadata), "must be object"));
    }
    if level == Level::Root {
        let allowed = metadata.properties.keys().all(|key| key == "name" || key == "generateName");
        let mut rest = metadata.clone();
        rest.kind = None;
        rest.default = None;
        rest.words = super::parse::Words::default();
        let described = metadata.words != rest.words;
        rest.properties.clear();
        if !allowed || described || rest != Structural::default() {
            let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
            errors.push(FieldError::forbidden(&here, why));
        }
    }
}

fn is_int_or_string(any_of: &[Structural]) -> bool {
    let only = |kind| Structural { kind: Some(kind), ..Structural::default() };
    matches!(any_of, [a, b] if *a == only(Type::Integer) && *b == only(Type::String))
}

fn junctors(c: &Checks, skip_any: bool, skip_first: bool, path: &Path, errors: &mut FieldErrors) {
    if !skip_any {
        for (i, nested) in c.any_of.iter().enumerate() {
            forbidden(nested, false, &path.child("anyOf").index(i), errors);
        }
    }
    for (i, nested) in c.all_of.iter().enumerate() {
        forbidden(nested, skip_first && i == 0, &path.child("allOf").index(i), errors);
    }
    for (i, nested) in c.one_of.iter().enumerate() {
        forbidden(nested, false, &path.child("oneOf").index(i), errors);
    }
    if let Some(nested) = &c.not {
        forbidden(nested, false, &path.child("not"), errors);
    }
}

/// Finds what must not stand under a junctor.
fn forbidden(s: &Structural, skip_any: bool, path: &Path, errors: &mut FieldErrors) {
    junctors(&s.checks, skip_any, false, path, errors);
    if let Some(items) = &s.items {
        forbidden(items, false, &path.child("items"), errors);
    }
    for (name, property) in &s.properties {
        forbidden(property, false, &path.child("properties").key(name), errors);
    }
    let empty = "must be empty to be structural";
    let undefined = "must be undefined to be structural";
    let unset = "must be false to be structural";
    let found = [
        (s.kind.is_some(), "type", empty),
        (s.additional != Additional::Undefined, "additionalProperties", undefined),
        (s.default.is_some(), "default", undefined),
        (s.words.title, "title", empty),
        (s.words.description, "description", empty),
        (s.nullable, "nullable", unset),
        (s.words.external_docs, "externalDocs", undefined),
        (s.preserve_unknown, "x-kubernetes-preserve-unknown-fields", unset),
        (s.embedded_resource, "x-kubernetes-embedded-resource", unset),
        (s.int_or_string, "x-kubernetes-int-or-string", unset),
        (!s.list_map_keys.is_empty(), "x-kubernetes-list-map-keys", empty),
        (s.list_type.is_some(), "x-kubernetes-list-type", undefined),
        (s.map_atomic.is_some(), "x-kubernetes-map-type", undefined),
        (!s.rules.is_empty(), "x-kubernetes-validations", empty),
    ];
    for (_, name, why) in found.into_iter().filter(|(there, _, _)| *there) {
        errors.push(FieldError::forbidden(&path.child(name), why));
    }
    if s.properties.contains_key("metadata") {
        let why = "must not be specified in a nested context";
        errors.push(FieldError::forbidden(&path.child("properties").key("metadata"), why));
    }
}

fn complete_below(s: &Structural, path: &Path, errors: &mut FieldErrors) {
    for (name, property) in &s.properties {
        let here = path.child("properties").key(name);
        complete_checks(property, &property.checks, &here, &here, errors);
        complete_below(property, &here, errors);
    }
    for (below, name) in [(s.items.as_deref(), "items"), (s.additional.schema(), "additionalProperties")] {
        if let Some(below) = below {
            let here = path.child(name);
            complete_checks(below, &below.checks, &here, &here, errors);
            complete_below(below, &here, errors);
        }
    }
}

fn complete_checks(s: &Structural, c: &Checks, path: &Path, at: &Path, errors: &mut FieldErrors) {
    for (name, list) in [("allOf", &c.all_of), ("anyOf", &c.any_of), ("oneOf", &c.one_of)] {
        for (i, nested) in list.iter().enumerate() {
            complete_nested(Some(s), nested, path, &at.child(name).index(i), errors);
        }
    }
    if let Some(nested) = &c.not {
        complete_nested(Some(s), nested, path, &at.child("not"), errors);
    }
}

/// Finds fields that are spoken of under a junctor but are nowhere described.
fn complete_nested(
    s: Option<&Structural>,
    nested: &Structural,
    path: &Path,
    at: &Path,
    errors: &mut FieldErrors,
) {
    let Some(s) = s else {
        errors.push(FieldError::required(path, format!("because it is defined in {at}")));
        return;
    };
    complete_checks(s, &nested.checks, path, at, errors);
    if let Some(items) = &nested.items {
        complete_nested(s.items.as_deref(), items, &path.child("items"), &at.child("items"), errors);
    }
    for (name, property) in &nested.properties {
        let here = path.child("properties").key(name);
        complete_nested(s.properties.get(name), property, &here, &at.child("properties").key(name), errors);
    }
}

/// Checks that defaults are valid and hold nothing unknown.
fn defaults(s: &Structural, path: &Path, root: bool, errors: &mut FieldErrors) {
    if let Some(default) = &s.default {
        let here = path.child("default");
        let mut pruned: Value = default.clone();
        let gone = super::prune::prune(s, &mut pruned, root || s.embedded_resource);
        if gone.is_empty() {
            let mut filled = pruned;
            super::defaults::default(s, &mut filled);
            errors.append(&mut validate::validate(s, &filled, None, &here));
            errors.append(&mut super::embedded::validate(s, &filled, &here));
            errors.append(&mut super::lists::duplicates(s, &filled, &here));
        } else {
            errors.push(FieldError::invalid(&here, default.clone(), "must not have unknown fields"));
        }
    }
    for (name, property) in &s.properties {
        defaults(property, &path.child("properties").key(name), false, errors);
    }
    if let Some(items) = &s.items {
        defaults(items, &path.child("items"), false, errors);
    }
    if let Some(values) = s.additional.schema() {
        defaults(values, &path.child("additionalProperties"), false, errors);
    }
}
