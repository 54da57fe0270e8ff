//! Fields read from values, where what is missing reads as what Go would have there.

use serde_json::{Map, Value};
use stanchion_machinery::field::FieldErrors;

use super::place::Place;

/// Returns what stands under a key, if it is anything.
pub(crate) fn part<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|found| !found.is_null())
}

/// Returns the string under a key, empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Returns the items under a key, none if there is no list.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the strings in the list under a key.
pub(crate) fn texts<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> + Clone {
    items(value, key).iter().filter_map(Value::as_str)
}

/// Returns the entries of the map under a key.
pub(crate) fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    map(value, key).into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// Returns the map under a key.
pub(crate) fn map<'a>(value: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    value.get(key).and_then(Value::as_object)
}

/// Returns the whole number under a key.
pub(crate) fn int(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_i64)
}

/// Returns whether `true` stands under a key.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

/// The words about a number less than zero.
pub(crate) const NEGATIVE: &str = "must be greater than or equal to 0";

/// The words about a field that may not change.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// Checks that the number under a key is not less than zero.
pub(crate) fn nonnegative(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(number) = int(value, key).filter(|number| *number < 0) {
        at.child(key).invalid(errors, number, NEGATIVE);
    }
}

/// Checks that the number under a key is in a range.
pub(crate) fn in_range(
    value: &Value,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    if let Some(number) = int(value, key).filter(|number| !range.contains(number)) {
        let detail = format!("must be between {} and {}, inclusive", range.start(), range.end());
        at.child(key).invalid(errors, number, detail);
    }
}

/// Checks that there is a string under a key.
pub(crate) fn present(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if text(value, key).is_empty() {
        at.child(key).required(errors, "");
    }
}

/// Checks that there is a string under a key and that it is one of these.
pub(crate) fn one_of(value: &Value, key: &str, allowed: &[&str], at: &Place<'_>, errors: &mut FieldErrors) {
    let found = text(value, key);
    if found.is_empty() {
        at.child(key).required(errors, "");
    } else if !allowed.contains(&found) {
        at.child(key).not_supported(errors, found, allowed);
    }
}

/// Checks that what stands under a key, if anything, is one of these strings.
pub(crate) fn none_or_one_of(
    value: &Value,
    key: &str,
    allowed: &[&str],
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    if let Some(found) = value.get(key).and_then(Value::as_str).filter(|found| !allowed.contains(found)) {
        at.child(key).not_supported(errors, found, allowed);
    }
}

/// Checks that a field is the same as before.
pub(crate) fn unchanged(new: &Value, old: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if part(new, key) != part(old, key) {
        let value = new.get(key).cloned().unwrap_or_default();
        at.child(key).invalid(errors, value, IMMUTABLE);
    }
}

/// Checks that a string, if there is one, passes a check of names.
pub(crate) fn named(
    value: &Value,
    key: &str,
    check: fn(&str) -> Vec<String>,
    at: &Place<'_>,
    errors: &mut FieldErrors,
) {
    let found = text(value, key);
    if !found.is_empty() {
        let reasons = check(found);
        if !reasons.is_empty() {
            at.child(key).invalid_for(errors, found, reasons);
        }
    }
}
