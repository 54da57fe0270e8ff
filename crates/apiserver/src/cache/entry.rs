//! One object, as it is served.
//!
//! Its bytes are laid out once, as the event that brought it. Lists and reads take the object out of the middle, and
//! all watches that see the event as it happened share the bytes.

use std::sync::Arc;

use bytes::Bytes;
use stanchion_kinds::table::SelectableField;
use stanchion_machinery::{Map, Value, encode, json, meta};

/// Where an object has its labels.
const LABELS: &[&str] = &["metadata", "labels"];
/// What ends an event.
const END: &[u8] = b"}\n";

/// What happened to an object, as clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Added,
    Modified,
    Deleted,
}

impl What {
    /// Returns how an event begins; the object follows.
    pub(crate) fn head(self) -> &'static [u8] {
        match self {
            Self::Added => b"{\"type\":\"ADDED\",\"object\":",
            Self::Modified => b"{\"type\":\"MODIFIED\",\"object\":",
            Self::Deleted => b"{\"type\":\"DELETED\",\"object\":",
        }
    }
}

/// One object, as it is served.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `namespace/name`, or `name`.
    pub(crate) key: Arc<str>,
    /// The revision of its last write.
    pub(crate) revision: i64,
    /// What brought the object to this revision.
    what: What,
    /// The whole event, with the object and its revision as JSON.
    event: Bytes,
    /// Its labels.
    labels: Box<[(Box<str>, Box<str>)]>,
    /// The values of the selectable fields, in the order of the table.
    fields: Box<[Box<str>]>,
}

impl Entry {
    pub(crate) fn new(
        key: Arc<str>,
        revision: i64,
        stored: &[u8],
        fields: &[SelectableField],
        what: What,
    ) -> Option<Self> {
        let paths = fields.iter().map(|field| field.path).chain([LABELS]);
        let object = json::pick(stored, paths).ok()?;
        let labels = meta::map(&object, "labels").into_iter().flatten();
        let labels = labels.map(|(k, v)| (k.as_str().into(), v.as_str().unwrap_or("").into()));
        let fields = fields.iter().map(|field| field.read(&object).into());
        let (labels, fields) = (labels.collect(), fields.collect());
        let event = encode::with_revision_between(what.head(), stored, revision, END);
        Some(Self { key, revision, what, event: Bytes::from(event), labels, fields })
    }

    /// The object as it was, at the revision at which it went away or out of sight.
    pub(crate) fn at(&self, revision: i64) -> Self {
        let old = format!("\"resourceVersion\":\"{}\"", self.revision);
        let new = format!("\"resourceVersion\":\"{revision}\"");
        let (what, body) = (What::Deleted, self.bytes());
        let at = body.windows(old.len()).position(|window| window == old.as_bytes());
        let event = match at {
            Some(at) => [what.head(), &body[..at], new.as_bytes(), &body[at + old.len()..], END].concat(),
            None => [what.head(), body, END].concat(),
        };
        let (key, event) = (Arc::clone(&self.key), Bytes::from(event));
        Self { key, revision, what, event, labels: self.labels.clone(), fields: self.fields.clone() }
    }

    /// Returns the object as JSON.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.event[self.what.head().len()..self.event.len() - END.len()]
    }

    /// Returns the object as JSON, without copying it.
    pub(crate) fn body(&self) -> Bytes {
        self.event.slice(self.what.head().len()..self.event.len() - END.len())
    }

    /// Returns the whole event, if it is of this sort.
    pub(crate) fn event(&self, what: What) -> Option<Bytes> {
        (self.what == what).then(|| self.event.clone())
    }

    /// Returns the size of what is kept of the object.
    pub(crate) fn size(&self) -> usize {
        self.event.len()
    }

    /// Returns the value of a label.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        let found = self.labels.binary_search_by(|(label, _)| label.as_ref().cmp(key));
        found.ok().map(|at| self.labels[at].1.as_ref())
    }

    /// Returns the value of a selectable field by its place in the table.
    pub(crate) fn field(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", AsRef::as_ref)
    }

    pub(crate) fn name(&self) -> &str {
        self.key.rsplit_once('/').map_or(&self.key, |(_, name)| name)
    }

    pub(crate) fn namespace(&self) -> &str {
        self.key.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Reads what a path leads to and nothing else of the object.
    pub(crate) fn part(&self, path: &[&str]) -> Value {
        json::pick(self.bytes(), [path]).unwrap_or_else(|_| self.object())
    }

    /// Reads the object; an empty one for what somebody else has put into the store and that is none.
    pub(crate) fn object(&self) -> Value {
        match json::decode_stored(self.bytes()) {
            Ok(object) => object,
            Err(error) => {
                tracing::error!(key = %self.key, %error, "an object in the store is not JSON");
                Value::Object(Map::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[SelectableField] =
        &[SelectableField { label: "spec.nodeName", path: &["spec", "nodeName"], absent: "" }];

    fn entry(what: What) -> Entry {
        let stored = br#"{"kind":"Pod","metadata":{"labels":{"a":"b"}},"spec":{"nodeName":"n"}}"#;
        Entry::new(Arc::from("default/web"), 7, stored, FIELDS, what).expect("it is JSON")
    }

    #[test]
    fn an_entry_is_its_event_and_the_object_in_it() {
        let body =
            r#"{"kind":"Pod","metadata":{"resourceVersion":"7","labels":{"a":"b"}},"spec":{"nodeName":"n"}}"#;
        for (what, name) in [(What::Added, "ADDED"), (What::Modified, "MODIFIED")] {
            let entry = entry(what);
            let event = format!("{{\"type\":\"{name}\",\"object\":{body}}}\n");
            assert_eq!(entry.event(what).as_deref(), Some(event.as_bytes()));
            assert_eq!(entry.event(What::Deleted), None);
            assert_eq!((entry.bytes(), entry.body().as_ref()), (body.as_bytes(), body.as_bytes()));
            assert_eq!((entry.label("a"), entry.label("x"), entry.field(0)), (Some("b"), None, "n"));
            assert_eq!((entry.namespace(), entry.name()), ("default", "web"));
        }
    }

    #[test]
    fn the_last_of_an_object_has_the_revision_of_its_end() {
        let gone = entry(What::Modified).at(12);
        assert_eq!((gone.revision, gone.object()["metadata"]["resourceVersion"].as_str()), (12, Some("12")));
        assert!(gone.event(What::Deleted).is_some_and(|event| event.starts_with(b"{\"type\":\"DELETED\"")));
        assert_eq!(gone.label("a"), Some("b"));
        let metadata = serde_json::json!({"metadata": {"labels": {"a": "b"}, "resourceVersion": "12"}});
        assert_eq!(gone.part(&["metadata"]), metadata);
    }
}
