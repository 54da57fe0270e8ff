use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::{ListKind, Node, Scalar, Shape};

fn read(spec: &Value) -> Structural {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    Structural::parse(&schema, &Path::new("s")).expect("a structural schema")
}

fn shown(errors: &FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn refused(schema: &Value) -> Vec<String> {
    shown(&Structural::parse(schema, &Path::new("s")).expect_err("it is refused"))
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn schemas_that_are_not_structural_are_refused() {
    let of = |spec: Value| json!({"type": "object", "properties": {"a": spec}});
    for (schema, wanted) in [
        (json!({}), "s.type: Required value: must not be empty at the root"),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            "s.type: Invalid value: \"array\": must be object at the root",
        ),
        (
            of(json!({})),
            "s.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (of(json!({"type": "array"})), "s.properties[a].items: Required value: must be specified"),
        (
            of(json!({"type": "array", "items": {}})),
            "s.properties[a].items.type: Required value: must not be empty for specified array items",
        ),
        (
            of(json!({"type": "strin"})),
            "s.properties[a].type: Unsupported value: \"strin\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
        ),
        (
            of(json!({"type": "string", "anyOf": [{"type": "string"}]})),
            "s.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            of(json!({"type": "string", "not": {"description": "x"}})),
            "s.properties[a].not.description: Forbidden: must be empty to be structural",
        ),
        (
            of(json!({"type": "object", "allOf": [{"properties": {"x": {"minimum": 1}}}]})),
            "s.properties[a].properties[x]: Required value: because it is defined in s.properties[a].allOf[0].properties[x]",
        ),
        (
            of(json!({"type": "string", "pattern": "("})),
            "s.properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: ",
        ),
        (
            of(json!({"type": "string", "default": 1})),
            "s.properties[a].default: Invalid value: \"integer\":  in body must be of type string: \"integer\"",
        ),
        (
            of(json!({"type": "object", "default": {"x": 1}})),
            "s.properties[a].default: Invalid value: {\"x\":1}: must not have unknown fields",
        ),
        (
            of(
                json!({"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
            ),
            "s.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            "s.additionalProperties: Forbidden: must not be used at the root",
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
            "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ),
        (
            json!({"type": "object", "properties": {"kind": {"type": "integer"}}}),
            "s.properties[kind].type: Invalid value: \"integer\": must be string",
        ),
        (
            of(json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}})),
            "s.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ),
        (
            of(json!({"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}})),
            "s.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ),
        (
            of(
                json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"k": {"type": "string"}}}}),
            ),
            "s.properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
        (
            of(json!({"type": "string", "x-kubernetes-list-type": "set"})),
            "s.properties[a].type: Invalid value: \"string\": must be array if x-kubernetes-list-type is specified",
        ),
        (
            of(json!({"x-kubernetes-int-or-string": true, "x-kubernetes-preserve-unknown-fields": true})),
            "s.properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true",
        ),
        (
            of(json!({"type": "object", "x-kubernetes-embedded-resource": true})),
            "s.properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ),
        (
            of(json!({"type": "object", "$ref": "#/x"})),
            "s.properties[a].$ref: Forbidden: $ref is not supported",
        ),
    ] {
        let errors = refused(&schema);
        assert!(errors.iter().any(|e| e.starts_with(wanted)), "{wanted}: {errors:#?}");
    }
    let fine =
        of(json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}));
    Structural::parse(&fine, &Path::new("s")).expect("the pattern of int-or-string");
    let metadata = json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}}});
    Structural::parse(&metadata, &Path::new("s")).expect("names may be restricted");
}

#[test]
fn a_schema_has_a_limit_of_depth() {
    let mut schema = json!({"type": "string"});
    for _ in 0..MAX_DEPTH + 2 {
        schema = json!({"type": "array", "items": schema});
    }
    let errors = refused(&json!({"type": "object", "properties": {"a": schema}}));
    assert!(errors[0].ends_with("nested too deeply"), "{errors:?}");
}

#[test]
fn unknown_fields_are_pruned() {
    let schema = read(&json!({"type": "object", "properties": {
        "a": {"type": "string"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "closed": {"type": "object", "properties": {"k": {"type": "string"}}}}},
        "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        "raw": {"x-kubernetes-preserve-unknown-fields": true},
    }}));
    let mut object = json!({
        "apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "foo": 1}, "extra": 1,
        "spec": {
            "a": "x", "b": 1, "list": [{"k": "1", "x": 2}], "map": {"m": {"k": "1", "x": {}}},
            "open": {"y": {"z": 1}, "closed": {"k": "1", "q": 1}},
            "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "bar": 1}, "spec": {"any": 1}},
            "raw": [1, {"a": 1}],
        },
    });
    let pruned = schema.prune(&mut object);
    let gone = [
        "extra",
        "metadata.foo",
        "spec.b",
        "spec.list[0].x",
        "spec.map.m.x",
        "spec.open.closed.q",
        "spec.pod.metadata.bar",
    ];
    assert_eq!(pruned, gone);
    assert_eq!(object["spec"]["open"], json!({"y": {"z": 1}, "closed": {"k": "1"}}));
    assert_eq!(object["spec"]["raw"], json!([1, {"a": 1}]));
    assert_eq!(object["kind"], "X");
    assert!(schema.prune(&mut object).is_empty());
}

#[test]
fn defaults_fill_what_is_missing_and_null() {
    let schema = read(&json!({"type": "object", "default": {}, "properties": {
        "n": {"type": "integer", "default": 3},
        "free": {"type": "string", "nullable": true, "default": "x"},
        "none": {"type": "string"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string", "default": "d"}}}},
    }}));
    let mut object = json!({});
    schema.set_defaults(&mut object);
    assert_eq!(object, json!({"spec": {"n": 3, "free": "x"}}));
    let mut object = json!({"spec": {"n": null, "free": null, "none": null, "list": [{}, {"k": "v"}]}});
    schema.set_defaults(&mut object);
    assert_eq!(object, json!({"spec": {"n": 3, "free": null, "list": [{"k": "d"}, {"k": "v"}]}}));
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn values_are_checked_in_the_words_clients_know() {
    for (spec, value, wanted) in [
        (
            json!({"type": "integer"}),
            json!("x"),
            "spec: Invalid value: \"string\": spec in body must be of type integer: \"string\"",
        ),
        (
            json!({"type": "integer"}),
            json!(1.5),
            "spec: Invalid value: \"number\": spec in body must be of type integer: \"number\"",
        ),
        (
            json!({"type": "integer"}),
            json!(null),
            "spec: Invalid value: \"null\": spec in body must be of type integer: \"null\"",
        ),
        (
            json!({"type": "integer", "minimum": 1}),
            json!(0),
            "spec: Invalid value: 0: spec in body should be greater than or equal to 1",
        ),
        (
            json!({"type": "integer", "maximum": 1, "exclusiveMaximum": true}),
            json!(1),
            "spec: Invalid value: 1: spec in body should be less than 1",
        ),
        (
            json!({"type": "number", "multipleOf": 0.5}),
            json!(0.7),
            "spec: Invalid value: 0.7: spec in body should be a multiple of 0.5",
        ),
        (
            json!({"type": "integer", "format": "int32"}),
            json!(3_000_000_000_u64),
            "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in spec",
        ),
        (
            json!({"type": "string", "pattern": "^a$"}),
            json!("b"),
            "spec: Invalid value: \"b\": spec in body should match '^a$'",
        ),
        (
            json!({"type": "string", "minLength": 2}),
            json!("b"),
            "spec: Invalid value: \"b\": spec in body should be at least 2 chars long",
        ),
        (
            json!({"type": "string", "maxLength": 2}),
            json!("bbb"),
            "spec: Too long: may not be more than 2 bytes",
        ),
        (
            json!({"type": "string", "enum": ["a", "b"]}),
            json!("c"),
            "spec: Unsupported value: \"c\": supported values: \"a\", \"b\"",
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("c"),
            "spec: Invalid value: \"c\": spec in body must be of type date-time: \"c\"",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 1}),
            json!(["a", "b"]),
            "spec: Too many: 2: must have at most 1 item",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            json!([]),
            "spec: Invalid value: 0: spec in body should have at least 1 items",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            json!(["a", 2]),
            "spec[1]: Invalid value: \"integer\": spec[1] in body must be of type string: \"integer\"",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
            json!(["a", "a"]),
            "spec[1]: Duplicate value: \"a\"",
        ),
        (
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
            json!({}),
            "spec.a: Required value",
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"k": 1}),
            "spec.k: Invalid value: \"integer\": spec.k in body must be of type string: \"integer\"",
        ),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            "spec: Invalid value: \"boolean\": spec in body must be of type integer,string: \"boolean\"",
        ),
        (
            json!({"type": "string", "not": {"enum": ["a"]}}),
            json!("a"),
            "<nil>: Invalid value: \"\": \"spec\" must not validate the schema (not)",
        ),
        (
            json!({"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "b$"}]}),
            json!("ab"),
            "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives",
        ),
        (
            json!({"type": "string", "oneOf": [{"pattern": "^a"}]}),
            json!("c"),
            "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid",
        ),
        (
            json!({"type": "string", "anyOf": [{"pattern": "^a"}]}),
            json!("c"),
            "<nil>: Invalid value: \"\": \"spec\" must validate at least one schema (anyOf)",
        ),
        (
            json!({"type": "string", "allOf": [{"pattern": "^a"}, {"minLength": 1}]}),
            json!("c"),
            "<nil>: Invalid value: \"\": \"spec\" must validate all the schemas (allOf)",
        ),
    ] {
        let schema = read(&spec);
        let errors = shown(&schema.validate(&json!({"spec": value}), None, &Path::root()));
        assert!(errors.iter().any(|e| e == wanted), "{wanted}: {errors:#?}");
    }
    for (spec, value) in [
        (json!({"type": "integer"}), json!(2.0)),
        (json!({"type": "number"}), json!(2)),
        (json!({"type": "string", "nullable": true}), json!(null)),
        (json!({"type": "integer", "enum": [1]}), json!(1.0)),
        (
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
            json!("25%"),
        ),
    ] {
        let errors = read(&spec).validate(&json!({"spec": value}), None, &Path::root());
        assert!(errors.is_empty(), "{spec} {value}: {errors:?}");
    }
}

#[test]
fn what_did_not_change_is_forgiven() {
    let schema = read(&json!({"type": "object", "properties": {
        "a": {"type": "string", "maxLength": 1}, "b": {"type": "string", "maxLength": 1},
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
            "type": "object", "required": ["k"],
            "properties": {"k": {"type": "string"}, "v": {"type": "integer", "maximum": 1}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    }}));
    let old = json!({"spec": {"a": "long", "b": "long", "set": ["x", "x"], "list": [{"k": "1", "v": 5}, {"k": "2", "v": 5}]}});
    let mut new = old.clone();
    assert!(schema.validate(&new, Some(&old), &Path::root()).is_empty());
    new["spec"]["b"] = json!("also");
    new["spec"]["set"] = json!(["y", "y"]);
    new["spec"]["list"] = json!([{"k": "2", "v": 5}, {"k": "3", "v": 5}]);
    let errors = shown(&schema.validate(&new, Some(&old), &Path::root()));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("spec.b: Too long"));
    assert!(errors[1].starts_with("spec.list[1].v: "));
}

#[test]
fn formats_hold_or_do_not() {
    for (format, good, bad) in [
        ("date", "2024-02-29", "2023-02-29"),
        ("date-time", "2024-01-01T00:00:00.5+01:00", "2024-01-01 00:00:00"),
        ("duration", "1h30m", "1x"),
        ("duration", "2 days", "days"),
        ("byte", "aGk=", "a"),
        ("email", "a.b@example.com", "a@"),
        ("hostname", "a-b.example.com", "a_b"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
        ("mac", "01:23:45:67:89:ab", "01:23"),
        ("uri", "https://example.com/x", "not a uri"),
        ("uuid", "123e4567-e89b-42d3-a456-426614174000", "123e4567"),
        ("uuid4", "123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("isbn10", "0-306-40615-2", "0-306-40615-3"),
        ("isbn13", "978-0-306-40615-7", "978-0-306-40615-8"),
        ("creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("hexcolor", "#a1b2c3", "#a1"),
        ("k8s-short-name", "ab-c", "Ab"),
    ] {
        assert!(super::format::holds(format, good), "{format} {good}");
        assert!(!super::format::holds(format, bad), "{format} {bad}");
    }
    assert!(super::format::holds("password", "anything"));
}

#[test]
fn embedded_objects_say_what_they_are() {
    let schema = read(
        &json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
    );
    let errors = shown(&schema.validate(&json!({"spec": {"kind": "Pod"}}), None, &Path::root()));
    assert_eq!(errors, ["spec.apiVersion: Required value: must not be empty"]);
}

#[test]
fn the_schema_for_apply_says_how_lists_merge() {
    let schema = read(
        &json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "required": ["a"], "properties": {
            "a": {"type": "string"},
            "plain": {"type": "array", "items": {"type": "string"}},
            "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
                "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}},
        }}),
    );
    let mut metas = SchemaSet::default();
    let text = metas.add(Node { name: String::new(), shape: Shape::Scalar(Scalar::String) });
    let labels = metas.add(Node { name: String::new(), shape: Shape::Map { values: text, atomic: false } });
    let id = metas.add(Node { name: "M".to_owned(), shape: Shape::Map { values: labels, atomic: false } });
    let (set, root) = schema.to_schema(metas.at(id));
    let root = set.at(root);
    assert!(root.child("metadata").and_then(|m| m.child("x")).is_some_and(|m| m.child("y").is_some()));
    assert!(root.field("kind").is_some() && root.field("apiVersion").is_some());
    let spec = root.child("spec").expect("a spec");
    assert!(matches!(spec.shape(), Shape::Struct { open: true, .. }));
    assert!(spec.field("a").is_some_and(|f| f.required));
    let kind = |name: &str| match spec.child(name).map(crate::schema::Schema::shape) {
        Some(Shape::List { kind, .. }) => kind.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("plain"), ListKind::Atomic);
    assert_eq!(kind("keyed"), ListKind::Map(vec!["k".to_owned()]));
}

#[test]
fn some_errors_keep_expressions_from_being_evaluated() {
    let blocked = blocks_rules(&[FieldError::required(&Path::new("a"), "")]).expect("blocked");
    assert!(
        blocked.to_string().starts_with("<nil>: Invalid value: null: some validation rules were not checked")
    );
    assert_eq!(blocks_rules(&[FieldError::invalid(&Path::new("a"), 1, "")]), None);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pruned_and_defaulted_objects_stay_so(mut object in json_value(), old in json_value()) {
        let schema = read(&json!({"type": "object", "default": {"a": 1}, "properties": {
            "a": {"type": "integer", "default": 1}, "b": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}}}));
        let _gone = schema.prune(&mut object);
        schema.set_defaults(&mut object);
        let once = object.clone();
        prop_assert_eq!(schema.prune(&mut object), Vec::<String>::new());
        schema.set_defaults(&mut object);
        prop_assert_eq!(&object, &once);
        prop_assert!(schema.validate(&object, Some(&object), &Path::root()).is_empty() || !object.is_object());
        let _errors = schema.validate(&object, Some(&old), &Path::root());
    }
}
