//! `LabelSelector` as it stands in objects: `{matchLabels: {}, matchExpressions: []}`.

use serde_json::Value;

use super::SelectorError;
use super::labels::{Labels, Operator, Requirement};
use crate::field::{FieldError, FieldErrors, Path};
use crate::name;

impl Labels {
    /// Reads a `LabelSelector`. None (null) selects nothing, an empty one everything.
    pub fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or("").to_owned();
            requirements.push(Requirement::new(key, Operator::Equals, vec![value])?);
        }
        for expression in expressions(selector) {
            let word = text(expression, "operator");
            let operator = operator(word)
                .ok_or_else(|| SelectorError(format!("{word:?} is not a valid label selector operator")))?;
            let values = values(expression).map(str::to_owned).collect();
            requirements.push(Requirement::new(text(expression, "key"), operator, values)?);
        }
        Ok(Self::all_of(requirements))
    }

    /// Reads a plain map of labels, as the selector of a Service is. An empty one selects everything.
    pub fn from_map(labels: &Value) -> Result<Self, SelectorError> {
        let labels = labels.as_object().into_iter().flatten();
        let requirements = labels.map(|(key, value)| {
            Requirement::new(key, Operator::Equals, vec![value.as_str().unwrap_or("").to_owned()])
        });
        requirements.collect::<Result<_, _>>().map(Self::all_of)
    }
}

/// Checks a `LabelSelector` in a field.
pub fn validate_label_selector(selector: &Value, path: &Path) -> FieldErrors {
    let mut errors = match selector.get("matchLabels") {
        Some(labels) => name::labels(labels, &path.child("matchLabels")),
        None => FieldErrors::new(),
    };
    let list = path.child("matchExpressions");
    for (index, expression) in expressions(selector).enumerate() {
        check_expression(expression, &list.index(index), &mut errors);
    }
    errors
}

fn check_expression(expression: &Value, path: &Path, errors: &mut FieldErrors) {
    let at_values = path.child("values");
    let any = values(expression).next().is_some();
    match text(expression, "operator") {
        "In" | "NotIn" if !any => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&at_values, detail));
        }
        "Exists" | "DoesNotExist" if any => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&at_values, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            errors.push(FieldError::invalid(&path.child("operator"), other, "not a valid selector operator"));
        }
    }
    errors.extend(name::label_key(text(expression, "key"), &path.child("key")));
    for (index, value) in values(expression).enumerate() {
        let problems = name::label_value(value).into_iter();
        errors.extend(problems.map(|why| FieldError::invalid(&at_values.index(index), value, why)));
    }
}

fn operator(word: &str) -> Option<Operator> {
    Some(match word {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => return None,
    })
}

fn expressions(selector: &Value) -> impl Iterator<Item = &Value> {
    selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(expression: &'a Value, key: &str) -> &'a str {
    expression.get(key).and_then(Value::as_str).unwrap_or("")
}

fn values(expression: &Value) -> impl Iterator<Item = &str> {
    let list = expression.get("values").and_then(Value::as_array);
    list.into_iter().flatten().map(|value| value.as_str().unwrap_or(""))
}
