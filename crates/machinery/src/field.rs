//! Errors about fields of an object, with the wording clients of Kubernetes know.

use std::fmt;

use serde_json::Value;

/// The path of a field, such as `spec.containers[0].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// Starts at a field of the object.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Starts at the object itself.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Goes on to a field.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// Goes on to an item of a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Goes on to the value of a key of a map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    /// Returns the path as clients see it; `<nil>` at the object itself.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "<nil>" } else { &self.0 }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a field. The variants are the reasons of a cause in a `Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A reference to something that does not exist.
    NotFound,
    /// A value that is missing.
    Required,
    /// A value that stands twice where it may stand once.
    Duplicate,
    /// A value of the right type that cannot be.
    Invalid,
    /// A value that is not one of a set.
    NotSupported,
    /// A value that is fine but not allowed here.
    Forbidden,
    /// A string with too many bytes.
    TooLong,
    /// A list with too many items.
    TooMany,
    /// A value of the wrong type.
    TypeInvalid,
    /// The server failed.
    Internal,
}

impl ErrorKind {
    /// Returns the reason as it stands in a cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }
}

/// One thing that is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// What sort of wrong.
    pub kind: ErrorKind,
    /// Where.
    pub path: Path,
    /// The value found, where the message shows it.
    pub value: Option<Value>,
    /// More words, possibly none.
    pub detail: String,
}

impl FieldError {
    fn new(kind: ErrorKind, path: &Path, value: Option<Value>, detail: String) -> Self {
        Self { kind, path: path.clone(), value, detail }
    }

    /// A value is missing.
    pub fn required(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Required, path, None, detail.into())
    }

    /// A value cannot be.
    pub fn invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, path, Some(value.into()), detail.into())
    }

    /// A value has the wrong type.
    pub fn type_invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::TypeInvalid, path, Some(value.into()), detail.into())
    }

    /// A value is not one of those that are supported, which are listed in the order given.
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|v| format!("{v:?}")).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(ErrorKind::NotSupported, path, Some(value.into()), detail)
    }

    /// A value is not allowed here.
    pub fn forbidden(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, path, None, detail.into())
    }

    /// A value stands twice.
    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorKind::Duplicate, path, Some(value.into()), String::new())
    }

    /// Something named does not exist.
    pub fn not_found(path: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorKind::NotFound, path, Some(value.into()), String::new())
    }

    /// A string has more than `max` bytes.
    pub fn too_long(path: &Path, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        Self::new(ErrorKind::TooLong, path, None, format!("may not be more than {max} {unit}"))
    }

    /// A list has more than `max` items.
    pub fn too_many(path: &Path, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        Self::new(ErrorKind::TooMany, path, Some(actual.into()), format!("must have at most {max} {unit}"))
    }

    /// The server failed while looking at a field.
    pub fn internal(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, path, None, detail.into())
    }

    /// Returns the message without the path, as it stands in a cause.
    pub fn body(&self) -> String {
        let words = self.kind.words();
        let mut text = match (&self.kind, &self.value) {
            (ErrorKind::Required | ErrorKind::Forbidden | ErrorKind::TooLong | ErrorKind::Internal, _)
            | (_, None) => words.to_owned(),
            (_, Some(value)) => format!("{words}: {value}"),
        };
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

impl std::error::Error for FieldError {}

/// Everything that is wrong with an object.
pub type FieldErrors = Vec<FieldError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_clients_know_them() {
        let path = Path::new("spec").child("containers").index(0).child("name");
        let shown = |error: FieldError| error.to_string();
        assert_eq!(shown(FieldError::required(&path, "")), "spec.containers[0].name: Required value");
        assert_eq!(
            shown(FieldError::invalid(&path, "A b", "must be lower case")),
            "spec.containers[0].name: Invalid value: \"A b\": must be lower case"
        );
        assert_eq!(
            shown(FieldError::not_supported(&Path::new("kind"), "x", &["A", "B"])),
            "kind: Unsupported value: \"x\": supported values: \"A\", \"B\""
        );
        assert_eq!(shown(FieldError::duplicate(&Path::new("a").key("k"), 3)), "a[k]: Duplicate value: 3");
        assert_eq!(
            shown(FieldError::too_long(&path, 63)),
            "spec.containers[0].name: Too long: may not be more than 63 bytes"
        );
        assert_eq!(shown(FieldError::forbidden(&Path::root(), "no")), "<nil>: Forbidden: no");
    }
}
