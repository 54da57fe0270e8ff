use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::field::Path;

fn selects(selector: &Labels, labels: &[(&str, &str)]) -> bool {
    let map: BTreeMap<String, String> =
        labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    selector.matches(|key| map.get(key).map(String::as_str))
}

#[test]
fn label_selectors_select() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], bool);
    let table: &[Case] = &[
        ("", &[], true),
        ("a=b", &[("a", "b")], true),
        ("a=b", &[("a", "c")], false),
        ("a==b", &[("a", "b")], true),
        ("a!=b", &[], true),
        ("a!=b", &[("a", "b")], false),
        ("a", &[("a", "")], true),
        ("a", &[], false),
        ("!a", &[], true),
        ("! a , b", &[("b", "x")], true),
        ("a in (b, c)", &[("a", "c")], true),
        ("a in (b,c)", &[], false),
        ("a in (,b)", &[("a", "")], true),
        ("a in ()", &[("a", "")], true),
        ("a notin (b,c)", &[("a", "d")], true),
        ("a notin (b,c)", &[], true),
        ("a notin (b,c)", &[("a", "b")], false),
        ("a>5", &[("a", "6")], true),
        ("a>5", &[("a", "5")], false),
        ("a>5", &[("a", "x")], false),
        ("a<5", &[("a", "4")], true),
        ("a<5", &[], false),
        ("a=", &[("a", "")], true),
        ("in in (in,notin)", &[("in", "notin")], true),
        ("x/y=z,b", &[("x/y", "z"), ("b", "")], true),
    ];
    for (text, labels, expected) in table {
        let selector = Labels::parse(text).expect(text);
        assert_eq!(selects(&selector, labels), *expected, "{text} on {labels:?}");
    }
}

#[test]
fn label_selectors_fail_in_known_words() {
    let table = [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
        ("/a=b", "unable to parse requirement: <nil>: Invalid value: \"/a\": prefix part must be non-empty"),
    ];
    for (text, expected) in table {
        assert_eq!(Labels::parse(text).expect_err(text).to_string(), expected, "{text}");
    }
    let value = Labels::parse("a=-").expect_err("no label value").to_string();
    assert!(
        value.starts_with("unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label")
    );
}

#[test]
fn selectors_read_canonically() {
    let shown = |text: &str| Labels::parse(text).expect(text).to_string();
    assert_eq!(shown("z, b in (y,x,y) ,!a"), "!a,b in (x,y),z");
    assert_eq!(shown("a==1,b!=2,c>3,d<4,e notin (f)"), "a==1,b!=2,c>3,d<4,e notin (f)");
}

#[test]
fn selectors_in_objects() {
    let selector = |value| Labels::from_object(&value).expect("a selector");
    assert!(selector(json!(null)).is_nothing());
    assert!(!selects(&selector(json!(null)), &[]));
    assert!(selector(json!({})).is_everything());
    let both = selector(json!({"matchLabels": {"a": "b"},
        "matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["d"]}]}));
    assert_eq!(both.to_string(), "a=b,c notin (d)");
    assert!(selects(&both, &[("a", "b")]));
    let wrong = Labels::from_object(&json!({"matchExpressions": [{"key": "c", "operator": "gt"}]}));
    assert_eq!(wrong.expect_err("no operator").to_string(), "\"gt\" is not a valid label selector operator");
    assert_eq!(Labels::from_map(&json!({"b": "1", "a": "2"})).expect("labels").to_string(), "a=2,b=1");
}

#[test]
fn selectors_in_objects_are_checked() {
    let selector = json!({"matchExpressions": [
        {"key": "a", "operator": "In"},
        {"key": "a", "operator": "Exists", "values": ["x"]},
        {"key": "a", "operator": "Is"},
        {"key": "a", "operator": "In", "values": ["x y"]},
    ]});
    let errors = validate_label_selector(&selector, &Path::new("spec").child("selector"));
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[..3],
        [
            "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
            "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            "spec.selector.matchExpressions[2].operator: Invalid value: \"Is\": not a valid selector operator",
        ]
    );
    assert!(shown[3].starts_with("spec.selector.matchExpressions[3].values[0]: Invalid value: \"x y\""));
}

#[test]
fn field_selectors() {
    let fields = Fields::parse(r"metadata.name=a\,b,status.phase!=Running,,x==y").expect("a selector");
    assert_eq!(fields.exact("metadata.name"), Some("a,b"));
    assert_eq!(fields.exact("status.phase"), None);
    assert_eq!(fields.to_string(), r"metadata.name=a\,b,status.phase!=Running,x=y");
    let with = |phase: &'static str| {
        fields.matches(|field| match field {
            "metadata.name" => "a,b",
            "x" => "y",
            _ => phase,
        })
    };
    assert!(with("Pending") && !with("Running"));
    let fails = |text: &str| Fields::parse(text).expect_err(text).to_string();
    assert_eq!(fails("a,b=c"), "invalid selector: 'a,b=c'; can't understand 'a'");
    assert_eq!(fails(r"a=\x"), r"invalid field selector: invalid escape sequence: \x");
    assert_eq!(fails("a=b=c"), "invalid field selector: unescaped character in value: 61");
    assert!(Fields::parse("").expect("empty").is_everything());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-c!=<>(), \\\\é]{0,12}") {
        if let Ok(selector) = Labels::parse(&text) {
            let again = Labels::parse(&selector.to_string()).expect("what is shown can be read");
            prop_assert_eq!(selector, again);
        }
        if let Ok(selector) = Fields::parse(&text) {
            let again = Fields::parse(&selector.to_string()).expect("what is shown can be read");
            prop_assert_eq!(selector.to_string(), again.to_string());
        }
    }
}
