//! Objects in the form a client wants.

use bytes::Bytes;
use serde_json::json;
use stanchion_kinds::columns::{self, Columns, Include};
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, encode};

use crate::cache::Entry;
use crate::clock;
use crate::http::accept::Form;
use crate::http::{Query, Reply};
use crate::resource::Resource;

/// What a table without rows ends with.
const NO_ROWS: &[u8] = b"[]}";

/// The form of one answer: what every object of it goes through.
#[derive(Debug)]
pub(crate) struct Presenter {
    resource: Resource,
    form: Form,
    include: Include,
    now: i64,
}

impl Presenter {
    pub(crate) fn new(resource: &Resource, form: Form, query: &Query) -> Result<Self, Status> {
        let include = match query.text("includeObject") {
            "" | "Metadata" => Include::Metadata,
            "None" => Include::Nothing,
            "Object" => Include::Object,
            other => {
                return Err(Status::bad_request(format!(
                    "includeObject: {other:?} is not None, Metadata or Object"
                )));
            }
        };
        Ok(Self { resource: resource.clone(), form, include, now: clock::seconds() })
    }

    /// Returns whether objects are shown as the cache has them.
    pub(crate) fn as_stored(&self) -> bool {
        self.form == Form::Object && self.resource.is_stored_form()
    }

    /// Returns the bytes of one object in its form.
    pub(crate) fn entry(&self, entry: &Entry, with_columns: bool) -> Bytes {
        match self.form {
            Form::Object if self.as_stored() => entry.body(),
            Form::Metadata(version) if self.resource.is_stored_form() => {
                Bytes::from(encode::plain(&metadata(entry.part(&["metadata"]), version)))
            }
            Form::Object | Form::Table(_) | Form::Metadata(_) => {
                let mut object = entry.object();
                self.resource.read_stored(&mut object);
                Bytes::from(encode::plain(&self.object(object, with_columns)))
            }
        }
    }

    /// Returns an object of this version in the form.
    pub(crate) fn object(&self, object: Value, with_columns: bool) -> Value {
        match self.form {
            Form::Object => object,
            Form::Metadata(version) => metadata(object, version),
            Form::Table(version) => {
                let metadata =
                    json!({"resourceVersion": stanchion_machinery::meta::resource_version(&object)});
                let columns = self.columns();
                let rows = [columns.row(&object, self.now, self.include)];
                table(version, &metadata, with_columns.then_some(columns), &rows)
            }
        }
    }

    /// Answers with one object.
    pub(crate) fn reply(&self, code: u16, object: Value) -> Reply {
        Reply::object(code, &self.object(object, true))
    }

    fn columns(&self) -> &Columns {
        match &self.resource {
            Resource::BuiltIn(kind) => columns::of(kind.group, kind.kind),
            Resource::Custom(custom) => custom.columns(),
        }
    }

    /// Returns the bytes of a list.
    pub(crate) fn list(&self, metadata: &Value, entries: &[std::sync::Arc<Entry>]) -> Vec<u8> {
        match self.form {
            Form::Table(version) => self.rows(version, metadata, entries),
            Form::Metadata(version) => {
                let head = ("PartialObjectMetadataList", format!("meta.k8s.io/{version}"));
                self.items(&head.0.into(), &head.1, metadata, entries)
            }
            Form::Object => {
                self.items(&self.resource.list_kind(), &self.resource.api_version(), metadata, entries)
            }
        }
    }

    /// Lays out the rows one by one: all of them together would take many times the size of the answer.
    fn rows(&self, version: &str, metadata: &Value, entries: &[std::sync::Arc<Entry>]) -> Vec<u8> {
        let columns = self.columns();
        let mut out = encode::plain(&table(version, metadata, Some(columns), &[]));
        let end = out.split_off(out.len() - NO_ROWS.len());
        debug_assert_eq!(end, NO_ROWS, "rows come last");
        out.push(b'[');
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let mut object = entry.object();
            self.resource.read_stored(&mut object);
            let row = columns.row(&object, self.now, self.include);
            out.extend_from_slice(row.to_string().as_bytes());
        }
        out.extend_from_slice(b"]}");
        out
    }

    fn items(
        &self,
        kind: &String,
        api_version: &str,
        metadata: &Value,
        entries: &[std::sync::Arc<Entry>],
    ) -> Vec<u8> {
        let size: usize = entries.iter().map(|entry| entry.size() + 1).sum();
        let mut out = Vec::with_capacity(size + 256);
        let head = format!(
            "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{metadata},\"items\":[",
            json!(kind),
            json!(api_version)
        );
        out.extend_from_slice(head.as_bytes());
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if self.as_stored() {
                out.extend_from_slice(entry.bytes());
            } else {
                out.extend_from_slice(&self.entry(entry, true));
            }
        }
        out.extend_from_slice(b"]}");
        out
    }
}

fn metadata(mut object: Value, version: &str) -> Value {
    let metadata = object.get_mut("metadata").map(Value::take).unwrap_or_default();
    json!({"kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": metadata})
}

fn table(version: &str, metadata: &Value, columns: Option<&Columns>, rows: &[Value]) -> Value {
    let definitions = columns.map_or(Value::Null, |columns| Value::Array(columns.definitions()));
    json!({
        "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cache::What;

    #[test]
    fn a_table_laid_out_by_rows_is_the_table() {
        let pods = stanchion_kinds::table::resource("", "v1", "pods").expect("the table has Pods");
        let resource = Resource::BuiltIn(pods);
        let presenter = Presenter::new(&resource, Form::Table("v1"), &Query::default()).expect("a form");
        let entry = |revision: i64| {
            let stored = br#"{"kind":"Pod","metadata":{"name":"a"},"spec":{}}"#;
            let key = Arc::from("default/a");
            Arc::new(Entry::new(key, revision, stored, pods.fields, What::Added).expect("it is JSON"))
        };
        let (metadata, columns) = (json!({"resourceVersion": "9"}), presenter.columns());
        for entries in [vec![], vec![entry(1)], vec![entry(1), entry(2)]] {
            let row = |entry: &Arc<Entry>| columns.row(&entry.object(), presenter.now, presenter.include);
            let rows: Vec<Value> = entries.iter().map(row).collect();
            let whole = encode::plain(&table("v1", &metadata, Some(columns), &rows));
            assert_eq!(presenter.list(&metadata, &entries), whole);
        }
    }
}
