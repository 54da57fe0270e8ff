//! Selectors of labels.

use serde_json::{Map, Value};
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::selector::{Labels, SelectorError, validate_label_selector};

use crate::validate::place::Place;
use crate::validate::read::{items, map};

/// Checks a selector.
pub(super) fn check(selector: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    errors.extend(validate_label_selector(selector, &at.path()));
}

/// Returns whether a selector says nothing.
pub(super) fn is_empty(selector: &Value) -> bool {
    map(selector, "matchLabels").is_none_or(Map::is_empty) && items(selector, "matchExpressions").is_empty()
}

/// Returns whether a selector selects these labels. None (null) selects nothing.
pub(super) fn selects(selector: &Value, labels: Option<&Value>) -> Result<bool, SelectorError> {
    let selector = Labels::from_object(selector)?;
    Ok(selector.matches(|key| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str)))
}
