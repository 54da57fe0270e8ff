//! The annotation of client-side apply, beside which `kubectl apply --server-side` takes over without conflicts.

use serde_json::Value;

use super::check::{Duplicates, check};
use super::compare::compare;
use super::set::FieldSet;
use super::values;
use crate::meta;
use crate::schema::Schema;

/// The name under which kubectl applies; only it takes part in the take-over.
pub(super) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
const MAX_ANNOTATIONS: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    meta::map(object, "annotations")?.get(ANNOTATION)?.as_str().filter(|text| !text.is_empty())
}

/// Returns the fields that client-side apply set and nobody changed since.
pub(super) fn untouched(schema: Schema<'_>, live: &Value, api_version: &str) -> Option<FieldSet> {
    let last: Value = serde_json::from_str(annotation(live)?).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    check(schema, &last, Duplicates::Refused).ok()?;
    let differing = compare(&last, live, schema);
    let mut fields = FieldSet::of(&last, schema);
    fields.subtract(&differing.modified);
    fields.subtract(&differing.added);
    fields.subtract(&differing.removed);
    Some(fields)
}

/// Brings the annotation, if there is one, up to date with what was applied.
pub(super) fn refresh(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = annotations_mut(&mut config) {
        annotations.remove(ANNOTATION);
    }
    let mut text = String::new();
    values::json(&config, &mut text);
    text.push('\n');
    let Some(annotations) = annotations_mut(object) else { return };
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    let size: usize =
        annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if size > MAX_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    }
}

fn annotations_mut(object: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    object.get_mut("metadata")?.get_mut("annotations")?.as_object_mut()
}
