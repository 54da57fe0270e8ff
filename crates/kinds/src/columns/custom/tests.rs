use serde_json::{Value, json};

use super::*;

fn now() -> i64 {
    age::parse("2026-05-01T12:00:00Z").expect("a point in time")
}

fn column(kind: &str, path: &str) -> Value {
    json!({"name": "X", "type": kind, "jsonPath": path})
}

#[test]
fn cells_have_the_type_of_their_column() {
    let object = json!({
        "metadata": {"name": "x", "creationTimestamp": "2026-05-01T11:00:00Z"},
        "spec": {
            "text": "a", "whole": 3, "float": 2.75, "round": 5.0, "tiny": 0.000_001_5, "huge": 1e21, "yes": true,
            "none": null, "list": [1, "<b>"], "map": {"b": 1, "a": 2}, "bad": "soon", "empty": "",
        },
    });
    let cases = [
        ("string", ".spec.text", json!("a")),
        ("string", ".spec.whole", json!("3")),
        ("string", ".spec.float", json!("2.75")),
        ("string", ".spec.round", json!("5")),
        ("string", ".spec.tiny", json!("1.5e-06")),
        ("string", ".spec.huge", json!("1e+21")),
        ("string", ".spec.yes", json!("true")),
        ("string", ".spec.none", json!("<no value>")),
        ("string", ".spec.list", json!("[1,\"\\u003cb\\u003e\"]")),
        ("string", ".spec.map", json!("{\"a\":2,\"b\":1}")),
        ("string", ".spec.missing", json!(null)),
        ("integer", ".spec.whole", json!(3)),
        ("integer", ".spec.float", json!(2)),
        ("integer", ".spec.text", json!(null)),
        ("number", ".spec.whole", json!(3)),
        ("number", ".spec.float", json!(2.75)),
        ("number", ".spec.round", json!(5)),
        ("number", ".spec.text", json!(null)),
        ("boolean", ".spec.yes", json!(true)),
        ("boolean", ".spec.text", json!(null)),
        ("date", ".metadata.creationTimestamp", json!("60m")),
        ("date", ".spec.bad", json!("<invalid>")),
        ("date", ".spec.empty", json!("<unknown>")),
        ("date", ".spec.whole", json!(null)),
        ("object", ".spec.map", json!(null)),
    ];
    for (kind, path, expected) in cases {
        let columns = custom(&[column(kind, path)]);
        assert_eq!(columns.cells(&object, now()), [json!("x"), expected], "{kind} {path}");
    }
}

#[test]
fn without_columns_the_age_is_shown() {
    let columns = custom(&[]);
    let shown: Vec<(&str, &str)> = columns.columns().into_iter().map(|c| (c.name, c.kind)).collect();
    assert_eq!(shown, [("Name", "string"), ("Age", "date")]);
    let object = json!({"metadata": {"name": "x", "creationTimestamp": "2026-05-01T11:59:00Z"}});
    assert_eq!(columns.cells(&object, now()), [json!("x"), json!("60s")]);
    assert_eq!(columns.cells(&json!({}), now()), [json!(null), json!(null)]);
}

#[test]
fn definitions_say_what_the_resource_says() {
    let columns = custom(&[
        json!({"name": "A", "type": "integer", "format": "int32", "jsonPath": ".spec.a", "priority": 1, "description": "An a."}),
        column("string", ".spec.b"),
    ]);
    let expected = json!([
        {"name": "A", "type": "integer", "format": "int32", "description": "An a.", "priority": 1},
        {
            "name": "X", "type": "string", "format": "", "priority": 0,
            "description": "Custom resource definition column (in JSONPath format): .spec.b",
        },
    ]);
    assert_eq!(Value::from(columns.definitions()[1..].to_vec()), expected);
}

#[test]
fn a_path_that_cannot_be_read_ends_the_columns() {
    let columns = custom(&[column("string", ".a"), column("string", "{.b}"), column("string", ".c")]);
    assert_eq!(columns.columns().len(), 2);
    assert_eq!(columns.cells(&json!({"a": "1", "c": "3"}), 0), [json!(null), json!("1")]);
}
