//! The names of a kind.

use serde_json::Value;

use super::{label_error, text};
use crate::field::{FieldError, FieldErrors, Path};

/// Checks `names`; in the spec most of them are required, in the status they are not.
pub(super) fn validate(names: &Value, path: &Path, required: bool, errors: &mut FieldErrors) {
    if required {
        for key in ["plural", "singular", "kind", "listKind"] {
            if text(&names[key]).is_empty() {
                errors.push(FieldError::required(&path.child(key), ""));
            }
        }
    }
    for key in ["plural", "singular"] {
        let name = text(&names[key]);
        if !name.is_empty() {
            label_error(&path.child(key), name, errors);
        }
    }
    for key in ["kind", "listKind"] {
        let name = text(&names[key]);
        if let Some(why) = dns_1035_label(&name.to_lowercase()).filter(|_| !name.is_empty()) {
            let why = format!("may have mixed case, but should otherwise match: {why}");
            errors.push(FieldError::invalid(&path.child(key), name, why));
        }
    }
    let strings = |key: &str| names[key].as_array().cloned().unwrap_or_default();
    for key in ["shortNames", "categories"] {
        for (index, name) in strings(key).iter().enumerate() {
            label_error(&path.child(key).index(index), text(name), errors);
        }
    }
    let kind = text(&names["kind"]);
    if !kind.is_empty() && kind == text(&names["listKind"]) {
        errors.push(FieldError::invalid(
            &path.child("listKind"),
            kind,
            "kind and listKind may not be the same",
        ));
    }
}

/// Says why a name is no label of RFC 1035, if it is none.
pub(super) fn dns_1035_label(name: &str) -> Option<String> {
    let mut why = Vec::new();
    if name.len() > 63 {
        why.push("must be no more than 63 bytes".to_owned());
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let bytes = name.as_bytes();
    let good = bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(|b| *b != b'-')
        && bytes.iter().all(|b| inner(*b));
    if !good {
        why.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
             validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    (!why.is_empty()).then(|| why.join(","))
}

/// Says why a name is no subdomain of RFC 1123, if it is none.
pub(super) fn dns_1123_subdomain(name: &str) -> Option<String> {
    let mut why = Vec::new();
    if name.len() > 253 {
        why.push("must be no more than 253 bytes".to_owned());
    }
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(alphanumeric)
            && bytes.last().is_some_and(alphanumeric)
            && bytes.iter().all(|b| alphanumeric(b) || *b == b'-')
    };
    if !name.split('.').all(part) {
        why.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    (!why.is_empty()).then(|| why.join(","))
}
