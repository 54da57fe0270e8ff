//! Places in an object, put together as paths only when something is wrong there.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};

/// A place in an object: a step from another place, or a field of the object itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    from: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Place<'a> {
    /// The object itself.
    pub(crate) const ROOT: Place<'static> = Place { from: None, step: Step::Root };

    /// A field of the object.
    pub(crate) fn new(name: &'a str) -> Self {
        Self { from: None, step: Step::Field(name) }
    }

    /// Goes on to a field.
    pub(crate) fn child(&'a self, name: &'a str) -> Self {
        Self { from: Some(self), step: Step::Field(name) }
    }

    /// Goes on to an item of a list.
    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self { from: Some(self), step: Step::Index(index) }
    }

    /// Goes on to the value of a key of a map.
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self { from: Some(self), step: Step::Key(key) }
    }

    /// Puts the path together.
    pub(crate) fn path(&self) -> Path {
        let path = self.from.map_or_else(Path::root, Self::path);
        match self.step {
            Step::Root => path,
            Step::Field(name) => path.child(name),
            Step::Index(index) => path.index(index),
            Step::Key(key) => path.key(key),
        }
    }

    /// A value is missing here.
    pub(crate) fn required(&self, errors: &mut FieldErrors, detail: impl Into<String>) {
        errors.push(FieldError::required(&self.path(), detail));
    }

    /// A value here cannot be.
    pub(crate) fn invalid(
        &self,
        errors: &mut FieldErrors,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) {
        errors.push(FieldError::invalid(&self.path(), value, detail));
    }

    /// A value here cannot be, and is not worth showing.
    pub(crate) fn wrong(&self, errors: &mut FieldErrors, detail: impl Into<String>) {
        errors.push(FieldError { value: None, ..FieldError::invalid(&self.path(), Value::Null, detail) });
    }

    /// A value here cannot be, for each of these reasons.
    pub(crate) fn invalid_for(&self, errors: &mut FieldErrors, value: &str, reasons: Vec<String>) {
        for reason in reasons {
            self.invalid(errors, value, reason);
        }
    }

    /// A value here is not one of those supported.
    pub(crate) fn not_supported(
        &self,
        errors: &mut FieldErrors,
        value: impl Into<Value>,
        supported: &[&str],
    ) {
        errors.push(FieldError::not_supported(&self.path(), value, supported));
    }

    /// A value is not allowed here.
    pub(crate) fn forbidden(&self, errors: &mut FieldErrors, detail: impl Into<String>) {
        errors.push(FieldError::forbidden(&self.path(), detail));
    }

    /// A value stands here that stood before.
    pub(crate) fn duplicate(&self, errors: &mut FieldErrors, value: impl Into<Value>) {
        errors.push(FieldError::duplicate(&self.path(), value));
    }

    /// Something named here does not exist.
    pub(crate) fn not_found(&self, errors: &mut FieldErrors, value: impl Into<Value>) {
        errors.push(FieldError::not_found(&self.path(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn places_are_written_as_paths() {
        let spec = Place::new("spec");
        let containers = spec.child("containers");
        let first = containers.index(0);
        let limits = first.child("limits");
        assert_eq!(limits.key("cpu").path().as_str(), "spec.containers[0].limits[cpu]");
        assert_eq!(Place::ROOT.path().as_str(), "<nil>");
    }
}
