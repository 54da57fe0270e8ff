//! Structural schemas: what a CRD says of its objects, and what follows from it.
//!
//! A [`Structural`] is read once when a CRD is accepted and then only walked: pruning, defaulting and validation
//! never go deeper than the schema does, and the schema is never deeper than [`MAX_DEPTH`]. Expressions of
//! `x-kubernetes-validations` are kept as they are; `stanchion-rules` evaluates them.

mod check;
mod convert;
pub mod crd;
mod defaults;
mod embedded;
mod format;
mod lists;
mod parse;
mod pattern;
mod prune;
mod trail;
mod validate;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::{ErrorKind, FieldError, FieldErrors, Path};
use crate::schema::{NodeId, Schema, SchemaSet};
pub use pattern::Pattern;

/// How deep a schema may be.
pub const MAX_DEPTH: usize = 96;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A list.
    Array,
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// Fields or a map.
    Object,
    /// A string.
    String,
}

impl Type {
    /// Returns the word for it in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// What `x-kubernetes-list-type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// One value.
    Atomic,
    /// Every item once.
    Set,
    /// Every combination of keys once.
    Map,
}

/// What `additionalProperties` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Additional {
    /// Nothing.
    #[default]
    Undefined,
    /// `true` or `false`.
    Allowed(bool),
    /// What all values look like.
    Schema(Box<Structural>),
}

impl Additional {
    /// Returns what the values look like.
    pub fn schema(&self) -> Option<&Structural> {
        match self {
            Self::Schema(schema) => Some(schema),
            Self::Undefined | Self::Allowed(_) => None,
        }
    }
}

/// One of `x-kubernetes-validations`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_field_names, reason = "a rule is what the rule of a rule is called in a schema")]
pub struct Rule {
    /// The expression.
    pub rule: String,
    /// What to say when it does not hold; empty for a made one.
    pub message: String,
    /// An expression for what to say, tried first.
    pub message_expression: String,
    /// The reason of the error; empty for `FieldValueInvalid`.
    pub reason: String,
    /// Where the error is told, from where the rule stands.
    pub field_path: String,
    /// `oldSelf` is an optional, and the rule is evaluated without an old value too.
    pub optional_old_self: Option<bool>,
}

/// What is asked of a value beyond its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks {
    /// Fields that have to be there.
    pub required: Vec<String>,
    /// Values it can be, if there are any.
    pub allowed: Vec<Value>,
    /// What a string matches.
    pub pattern: Option<Pattern>,
    /// The format, empty for none.
    pub format: String,
    /// The least number.
    pub minimum: Option<f64>,
    /// Whether `minimum` itself is too small.
    pub exclusive_minimum: bool,
    /// The greatest number.
    pub maximum: Option<f64>,
    /// Whether `maximum` itself is too great.
    pub exclusive_maximum: bool,
    /// What a number is a multiple of.
    pub multiple_of: Option<f64>,
    /// The least count of characters.
    pub min_length: Option<u64>,
    /// The greatest count of characters.
    pub max_length: Option<u64>,
    /// The least count of items.
    pub min_items: Option<u64>,
    /// The greatest count of items.
    pub max_items: Option<u64>,
    /// The least count of fields.
    pub min_properties: Option<u64>,
    /// The greatest count of fields.
    pub max_properties: Option<u64>,
    /// Items are all different; refused in a CRD.
    pub unique_items: bool,
    /// All hold.
    pub all_of: Vec<Structural>,
    /// One or more hold.
    pub any_of: Vec<Structural>,
    /// Exactly one holds.
    pub one_of: Vec<Structural>,
    /// Does not hold.
    pub not: Option<Box<Structural>>,
}

/// A schema, or a part of one. Parts under `allOf` and the like have checks only.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the independent flags of a schema")]
pub struct Structural {
    /// The type, if it is said.
    pub kind: Option<Type>,
    /// Whether null is a value.
    pub nullable: bool,
    /// What stands there if nothing is given.
    pub default: Option<Value>,
    /// The fields.
    pub properties: BTreeMap<String, Structural>,
    /// The values under other keys.
    pub additional: Additional,
    /// The items.
    pub items: Option<Box<Structural>>,
    /// Unknown fields are kept.
    pub preserve_unknown: bool,
    /// It is an object with `apiVersion`, `kind` and `metadata`.
    pub embedded_resource: bool,
    /// An integer or a string.
    pub int_or_string: bool,
    /// How items are told apart.
    pub list_type: Option<ListType>,
    /// The fields that tell items of a map apart.
    pub list_map_keys: Vec<String>,
    /// `x-kubernetes-map-type`: whether it is `atomic`, if it is said.
    pub map_atomic: Option<bool>,
    /// `x-kubernetes-validations`.
    pub rules: Vec<Rule>,
    /// What is asked beyond the type.
    pub checks: Checks,
    /// Whether words that only describe are there: `title`, `description`, `externalDocs`.
    words: parse::Words,
}

impl Structural {
    /// Reads `openAPIV3Schema` and checks that it is structural; `path` is where it stands in the CRD.
    pub fn parse(schema: &Value, path: &Path) -> Result<Self, FieldErrors> {
        let parsed = parse::parse(schema, path)?;
        let errors = check::check(&parsed, path);
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }

    /// Takes out what the schema does not know. Returns the paths of what went, sorted, such as `spec.foo`.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(self, object, true)
    }

    /// Puts in the defaults and takes out nulls that cannot be.
    pub fn set_defaults(&self, object: &mut Value) {
        defaults::default(self, object);
        defaults::drop_nulls(self, object);
    }

    /// Checks an object; what did not change since `old` is not held against it.
    pub fn validate(&self, new: &Value, old: Option<&Value>, path: &Path) -> FieldErrors {
        let mut errors = validate::validate(self, new, old, path);
        errors.append(&mut embedded::validate(self, new, path));
        let mut doubles = lists::duplicates(self, new, path);
        if !doubles.is_empty() && old.is_none_or(|old| lists::duplicates(self, old, path).is_empty()) {
            errors.append(&mut doubles);
        }
        errors
    }

    /// Makes the schema that patches and apply walk; `object_meta` is copied into it.
    pub fn to_schema(&self, object_meta: Schema<'_>) -> (SchemaSet, NodeId) {
        convert::convert(self, object_meta)
    }

    /// Returns whether there are `x-kubernetes-validations` anywhere.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
            || self.properties.values().any(Self::has_rules)
            || self.items.as_deref().is_some_and(Self::has_rules)
            || self.additional.schema().is_some_and(Self::has_rules)
    }
}

/// Returns the error that says why expressions were not evaluated, if others make that pointless.
pub fn blocks_rules(errors: &[FieldError]) -> Option<FieldError> {
    let blocks = |kind: ErrorKind| match kind {
        ErrorKind::Required
        | ErrorKind::NotSupported
        | ErrorKind::TooLong
        | ErrorKind::TooMany
        | ErrorKind::TypeInvalid => true,
        ErrorKind::NotFound
        | ErrorKind::Duplicate
        | ErrorKind::Invalid
        | ErrorKind::Forbidden
        | ErrorKind::Internal => false,
    };
    let why = "some validation rules were not checked because the object was invalid; \
               correct the existing errors to complete validation";
    errors.iter().any(|e| blocks(e.kind)).then(|| FieldError::invalid(&Path::root(), Value::Null, why))
}

#[cfg(test)]
mod tests;
