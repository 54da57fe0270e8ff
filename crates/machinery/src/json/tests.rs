use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::facts;
use crate::schema::SchemaSet;

fn set() -> SchemaSet {
    let table = "type io.k8s.api.v1.Pod\n  apiVersion 0 string\n  spec 1 =io.k8s.api.v1.PodSpec\n  \
                 labels 2 {}string\n  when 3 time\n  moment 4 microTime\n  data 5 {}bytes\n  sizes 6 {}quantity\n  \
                 any 7 any\n\
                 type io.k8s.api.v1.PodSpec\n  containers 1 []=io.k8s.api.v1.Container\n  replicas 2 int32\n  \
                 port 3 intOrString\n  wait 4 duration\n\
                 type io.k8s.api.v1.Container\n  name 1 string\n  args 2 []string\n  tty 3 bool\n";
    facts::parse(table).expect("a table")
}

fn read(text: &str) -> Decoded {
    decode_json(text.as_bytes()).expect(text)
}

#[test]
fn json_is_read() {
    assert_eq!(
        read(r#"{"a":[1,-2,1.5,true,null,"x\n"]}"#).value,
        json!({"a": [1, -2, 1.5, true, null, "x\n"]})
    );
    assert_eq!(read("9223372036854775807").value, json!(i64::MAX));
    assert_eq!(read("9223372036854775808").value, json!(9_223_372_036_854_775_808.0));
    assert_eq!(read("-0").value, json!(0));
    assert_eq!(decode_json(b"\"a\xffb\"").expect("replaced").value, json!("a\u{fffd}b"));
}

#[test]
fn duplicates_are_noted_and_the_last_counts() {
    let decoded = read(r#"{"spec":{"x":1,"x":2,"l":[{"k":1},{"k":1,"k":1}],"x":3},"a.b":{"c":1,"c":1}}"#);
    assert_eq!(decoded.value["spec"]["x"], json!(3));
    let expected =
        ["duplicate field \"spec.x\"", "duplicate field \"spec.l[1].k\"", "duplicate field \"a.b.c\""];
    assert_eq!(decoded.duplicates, expected);
    assert_eq!(strict_error(&decoded.duplicates[..1]), "strict decoding error: duplicate field \"spec.x\"");
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(decode_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        let error = decode_json(nested(MAX_DEPTH + 1).as_bytes()).expect_err("too deep");
        assert_eq!(error.to_string(), "exceeded max depth");
        assert!(decode_json(open.repeat(1_000_000).as_bytes()).is_err());
    }
    assert!(decode_yaml("[".repeat(2000).as_bytes()).is_err());
    assert!(decode_yaml("- ".repeat(2000).as_bytes()).is_err());
}

#[test]
fn what_is_no_json_is_said_as_go_does() {
    let table = [
        ("", "unexpected end of JSON input"),
        ("{\"a\":", "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{1:2}", "invalid character '1' looking for beginning of object key string"),
    ];
    for (text, expected) in table {
        assert_eq!(decode_json(text.as_bytes()).expect_err(text).to_string(), expected, "{text}");
    }
}

#[test]
fn yaml_is_read() {
    let yaml = |text: &str| decode_yaml(text.as_bytes()).expect(text).value;
    assert_eq!(
        yaml(
            "a: yes\nb: 'yes'\nc: 017\nd: 0x1F\ne: 1.50\nf: 1e3\ng: ~\nh:\ni: 1.0\nj: 1_000\nk: 2001-01-01\n1: x\ntrue: y\n"
        ),
        json!({"a": true, "b": "yes", "c": 15, "d": 31, "e": 1.5, "f": "1e3", "g": null, "h": null, "i": 1,
            "j": 1000, "k": "2001-01-01", "1": "x", "true": true})
    );
    assert_eq!(yaml("- &a {x: 1}\n- *a\n- <<: *a\n  z: 2\n"), json!([{"x": 1}, {"x": 1}, {"x": 1, "z": 2}]));
    assert_eq!(yaml("--- \na: |\n  b\n  c\n...\n"), json!({"a": "b\nc\n"}));
    assert_eq!(yaml("!!str 1"), json!("1"));
    assert_eq!(yaml(""), json!(null));
    assert_eq!(yaml(r#"{"a": [1, "b"]}"#), json!({"a": [1, "b"]}));
}

#[test]
fn yaml_that_cannot_be_is_refused() {
    let fails = |text: &str| decode_yaml(text.as_bytes()).expect_err(text).to_string();
    assert_eq!(fails("a: 1\n---\nb: 2\n"), "yaml: only one document is allowed in a request");
    assert_eq!(fails("a: .inf"), "json: unsupported value: +Inf");
    assert!(fails("[a]: b").starts_with("unsupported map key"));
    assert!(fails("a: [b").starts_with("yaml: line "));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..20 {
        let alias = format!("*a{},", level - 1).repeat(10);
        bomb = format!("{bomb}a{level}: &a{level} [{alias}]\n");
    }
    assert_eq!(fails(&bomb), "yaml: document contains excessive aliasing");
    let duplicate = decode_yaml(b"a: 1\nb: 2\na: 3\n").expect("read anyway");
    assert_eq!(duplicate.value["a"], json!(3));
    assert_eq!(duplicate.duplicates, ["yaml: unmarshal errors:\n  line 3: key \"a\" already set in map"]);
}

#[test]
fn unknown_fields_are_told_and_dropped() {
    let set = set();
    let pod = set.named("io.k8s.api.v1.Pod").expect("a pod");
    let mut value = json!({"foo": {"bar": 1}, "labels": {"x": "y"}, "any": {"x": 1}, "ApiVersion": "v1",
        "spec": {"containers": [{"name": "a"}, {"image": "b"}], "Replicas": 1}});
    assert_eq!(
        unknown_fields(&value, pod),
        [
            "unknown field \"ApiVersion\"",
            "unknown field \"foo\"",
            "unknown field \"spec.Replicas\"",
            "unknown field \"spec.containers[1].image\""
        ]
    );
    drop_unknown_fields(&mut value, pod);
    assert_eq!(
        value,
        json!({"labels": {"x": "y"}, "any": {"x": 1}, "spec": {"containers": [{"name": "a"}, {}]}})
    );
    let mut nulls = json!({"labels": {"x": null}, "any": {"x": null}, "spec": {"replicas": null,
        "containers": [null, {"tty": null, "args": [null]}]}});
    normalize(&mut nulls, pod);
    assert_eq!(
        nulls,
        json!({"labels": {"x": ""}, "any": {"x": null}, "spec": {"containers": [{}, {"args": [""]}]}})
    );
}

#[test]
fn types_are_checked_in_words_of_go() {
    let set = set();
    let pod = set.named("io.k8s.api.v1.Pod").expect("a pod");
    let fine = json!({"spec": {"replicas": 3, "port": "http", "wait": "1m", "containers": null}, "any": [1],
        "when": "2026-11-21T16:00:00Z", "moment": "2026-11-21T16:00:00.000000Z", "data": {"a": "YQ==", "b": "YWI\nj"},
        "sizes": {"a": "1Gi", "b": 1.5}});
    assert_eq!(check_types(&fine, pod), Ok(()));
    let field = "json: cannot unmarshal";
    let table = [
        (json!([]), format!("{field} array into Go value of type v1.Pod")),
        (json!({"spec": 1}), format!("{field} number into Go struct field Pod.spec of type v1.PodSpec")),
        (json!({"spec": {"replicas": "3"}}), format!("{field} string into Go struct field PodSpec.spec.replicas of type int32")),
        (json!({"spec": {"replicas": 1.5}}), format!("{field} number 1.5 into Go struct field PodSpec.spec.replicas of type int32")),
        (json!({"spec": {"replicas": 3_000_000_000_u32}}), format!("{field} number 3000000000 into Go struct field PodSpec.spec.replicas of type int32")),
        (json!({"spec": {"port": true}}), format!("{field} bool into Go struct field PodSpec.spec.port of type int32")),
        (json!({"spec": {"containers": {}}}), format!("{field} object into Go struct field PodSpec.spec.containers of type []v1.Container")),
        (json!({"spec": {"containers": [{"name": 1}]}}), format!("{field} number into Go struct field Container.spec.containers.name of type string")),
        (json!({"labels": {"a": 1}}), format!("{field} number into Go struct field Pod.labels of type string")),
        (json!({"labels": []}), format!("{field} array into Go struct field Pod.labels of type map[string]string")),
        (json!({"sizes": {"a": "x"}}), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned()),
        (json!({"spec": {"wait": "1"}}), "time: missing unit in duration \"1\"".to_owned()),
        (json!({"when": "now"}), "parsing time \"now\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"now\" as \"2006\"".to_owned()),
        (json!({"moment": "2026-11-21T16:00:00Z"}), "parsing time \"2026-11-21T16:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"".to_owned()),
        (json!({"data": {"a": "YQ"}}), "illegal base64 data at input byte 0".to_owned()),
        (json!({"data": {"a": "YQ==YQ=="}}), "illegal base64 data at input byte 4".to_owned()),
        (json!({"data": {"a": "Y*=="}}), "illegal base64 data at input byte 1".to_owned()),
    ];
    for (value, expected) in table {
        assert_eq!(check_types(&value, pod).expect_err("a wrong type").to_string(), expected, "{value}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9 :#'\"-]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in any_value()) {
        let text = value.to_string();
        prop_assert_eq!(&read(&text).value, &value);
        prop_assert_eq!(decode_yaml(text.as_bytes()).expect("JSON is YAML").value, value);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}:,\"'a1&*!<>|#%?\\n -]{0,40}|\\PC{0,20}") {
        let json = decode_json(text.as_bytes());
        prop_assert_eq!(json.is_ok(), serde_json::from_str::<Value>(&text).is_ok());
        if let Err(error) = decode_yaml(text.as_bytes()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_value_is_checked(value in any_value()) {
        let set = set();
        let pod = set.named("io.k8s.api.v1.Pod").expect("a pod");
        let mut value = value;
        drop_unknown_fields(&mut value, pod);
        prop_assert_eq!(unknown_fields(&value, pod), Vec::<String>::new());
        normalize(&mut value, pod);
        if let Err(error) = check_types(&value, pod) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn what_was_stored_is_read_whatever_its_depth() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [1, 127, 128, 129, MAX_DEPTH, MAX_DEPTH + 20, 2 * MAX_DEPTH] {
        let text = nested(depth);
        assert_eq!(decode_stored(text.as_bytes()).expect("it is within bounds").to_string(), text);
        assert_eq!(decode_json(text.as_bytes()).is_ok(), depth <= MAX_DEPTH, "{depth}");
    }
    for text in [nested(2 * MAX_DEPTH + 1), nested(1_000_000), "[".repeat(1_000_000), "{".to_owned()] {
        assert!(decode_stored(text.as_bytes()).is_err());
    }
}

#[test]
fn floats_are_read_as_they_are_written() {
    for text in ["2.2222222222222227e+48", "0.1", "5e-324", "1.7976931348623157e+308", "9007199254740993.5"] {
        let number: f64 = text.parse().expect("a float");
        let once = read(text).value;
        assert_eq!(once.as_f64().map(f64::to_bits), Some(number.to_bits()), "{text}");
        assert_eq!(read(&once.to_string()).value, once, "{text}");
    }
}
