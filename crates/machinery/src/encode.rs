//! How objects are laid out as bytes: JSON with `apiVersion`, `kind` and `metadata` first.
//!
//! In the store an object has no `resourceVersion`, because the store's own revision is it. It is put in when the
//! bytes are read, at the start of the metadata, without parsing them.

use serde_json::{Map, Value};

const METADATA: &[u8] = b"\"metadata\":{";

/// Lays out an object without its `metadata.resourceVersion`.
pub fn stored(object: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_object(object, false, &mut out);
    out
}

/// Lays out an object as it is.
pub fn plain(object: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_object(object, true, &mut out);
    out
}

/// Puts a revision into the bytes of a stored object.
pub fn with_revision(stored: &[u8], revision: i64) -> Vec<u8> {
    with_revision_between(b"", stored, revision, b"")
}

/// Puts a revision into the bytes of a stored object, and these between two others.
pub fn with_revision_between(head: &[u8], stored: &[u8], revision: i64, tail: &[u8]) -> Vec<u8> {
    let Some(at) = find(stored, METADATA) else { return [head, stored, tail].concat() };
    let (before, after) = stored.split_at(at + METADATA.len());
    let revision = format!("\"resourceVersion\":\"{revision}\"");
    let comma: &[u8] = if after.first() == Some(&b'}') { b"" } else { b"," };
    [head, before, revision.as_bytes(), comma, after, tail].concat()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn write_object(object: &Value, with_revision: bool, out: &mut Vec<u8>) {
    let Some(map) = object.as_object() else { return write(object, out) };
    out.push(b'{');
    let mut first = true;
    for key in ["apiVersion", "kind"] {
        if let Some(value) = map.get(key) {
            entry(key, value, &mut first, out);
        }
    }
    if let Some(metadata) = map.get("metadata").and_then(Value::as_object) {
        comma(&mut first, out);
        out.extend_from_slice(METADATA);
        write_metadata(metadata, with_revision, out);
        out.push(b'}');
    } else if let Some(other) = map.get("metadata") {
        entry("metadata", other, &mut first, out);
    }
    for (key, value) in map {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
            entry(key, value, &mut first, out);
        }
    }
    out.push(b'}');
}

fn write_metadata(metadata: &Map<String, Value>, with_revision: bool, out: &mut Vec<u8>) {
    let mut first = true;
    if let Some(revision) = metadata.get("resourceVersion").filter(|_| with_revision) {
        entry("resourceVersion", revision, &mut first, out);
    }
    for (key, value) in metadata {
        if key != "resourceVersion" {
            entry(key, value, &mut first, out);
        }
    }
}

fn entry(key: &str, value: &Value, first: &mut bool, out: &mut Vec<u8>) {
    comma(first, out);
    serde_json::to_writer(&mut *out, key).expect("a text can be written to memory");
    out.push(b':');
    write(value, out);
}

fn comma(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, value).expect("a JSON value can be written to memory");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_revision_goes_in_and_comes_out() {
        let object = json!({
            "kind": "ConfigMap", "apiVersion": "v1", "data": {"metadata": "x", "a\"metadata\":{": "y"},
            "metadata": {"name": "a", "resourceVersion": "7"},
        });
        let stored = stored(&object);
        assert_eq!(
            String::from_utf8_lossy(&stored),
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a\"metadata\":{":"y","metadata":"x"}}"#
        );
        let again: Value = serde_json::from_slice(&with_revision(&stored, 7)).expect("JSON");
        assert_eq!(again, object);
        assert_eq!(with_revision(&stored, 7), plain(&object));
        let bare = with_revision(br#"{"metadata":{}}"#, 1);
        assert_eq!(bare, br#"{"metadata":{"resourceVersion":"1"}}"#);
    }
}
