//! Which objects a list or watch wants.

use stanchion_machinery::Value;
use stanchion_machinery::path::JsonPath;
use stanchion_machinery::selector::{Fields, Labels};
use stanchion_machinery::status::Status;

use crate::cache::Entry;
use crate::http::Query;
use crate::resource::Resource;

/// A namespace, labels and fields.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    namespace: String,
    labels: Option<Labels>,
    fields: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    field: FieldRef,
    negated: bool,
    value: String,
}

#[derive(Clone, Debug)]
enum FieldRef {
    Name,
    Namespace,
    /// The place in the table of the kind.
    Known(usize),
    /// Read from the object each time: fields of custom resources.
    Path(JsonPath),
}

impl Selection {
    pub(crate) fn parse(resource: &Resource, namespace: &str, query: &Query) -> Result<Self, Status> {
        let labels = match query.text("labelSelector") {
            "" => None,
            text => {
                let labels = Labels::parse(text).map_err(|error| Status::bad_request(error.to_string()))?;
                (!labels.is_everything()).then_some(labels)
            }
        };
        let mut fields = Vec::new();
        let parsed = Fields::parse(query.text("fieldSelector"))
            .map_err(|error| Status::bad_request(error.to_string()))?;
        for term in parsed.terms() {
            let field = field(resource, &term.field)?;
            fields.push(Term { field, negated: term.negated, value: term.value.clone() });
        }
        Ok(Self { namespace: namespace.to_owned(), labels, fields })
    }

    /// Narrows it to one object, unless the name is empty.
    pub(crate) fn of_name(mut self, name: &str) -> Self {
        if !name.is_empty() {
            self.fields.push(Term { field: FieldRef::Name, negated: false, value: name.to_owned() });
        }
        self
    }

    /// Returns the one name that the field selector of a query asks for, if it asks for just one.
    pub(crate) fn named(query: &Query) -> Option<String> {
        let fields = Fields::parse(query.text("fieldSelector")).ok()?;
        let exact = fields.terms().iter().find(|term| term.field == "metadata.name" && !term.negated);
        exact.map(|term| term.value.clone())
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns whether everything in the namespace is wanted.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        (self.namespace.is_empty() || entry.namespace() == self.namespace)
            && self.fields.iter().all(|term| term.matches(entry))
            && self.labels.as_ref().is_none_or(|labels| labels.matches(|key| entry.label(key)))
    }
}

impl Term {
    fn matches(&self, entry: &Entry) -> bool {
        let equal = match &self.field {
            FieldRef::Name => entry.name() == self.value,
            FieldRef::Namespace => entry.namespace() == self.value,
            FieldRef::Known(place) => entry.field(*place) == self.value,
            FieldRef::Path(path) => text(&entry.object(), path) == self.value,
        };
        equal != self.negated
    }
}

fn text(object: &Value, path: &JsonPath) -> String {
    match path.find(object).first() {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

fn field(resource: &Resource, label: &str) -> Result<FieldRef, Status> {
    match label {
        "metadata.name" => return Ok(FieldRef::Name),
        "metadata.namespace" => return Ok(FieldRef::Namespace),
        _ => {}
    }
    if let Some(place) = resource.fields().iter().position(|field| field.label == label) {
        return Ok(FieldRef::Known(place));
    }
    if let Resource::Custom(custom) = resource
        && let Some(path) = custom.selectable_field(label)
    {
        return Ok(FieldRef::Path(path.clone()));
    }
    let plain = matches!(resource, Resource::BuiltIn(_)) && resource.fields().is_empty();
    Err(Status::bad_request(if plain {
        format!("{label:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    } else {
        format!("field label not supported: {label}")
    }))
}
