use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use stanchion_machinery::field::{FieldErrors, Path};
use stanchion_machinery::structural::Structural;

use super::*;

fn read(spec: &Value) -> Structural {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    Structural::parse(&schema, &Path::new("s")).expect("a structural schema")
}

fn shown(errors: &FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// Evaluates one rule of a small schema.
fn run(rule: &str, spec: &Value) -> Vec<String> {
    let schema = read(
        &json!({"type": "object", "x-kubernetes-validations": [{"rule": rule}], "properties": {
            "n": {"type": "integer"}, "d": {"type": "number"}, "s": {"type": "string", "maxLength": 100}, "b": {"type": "boolean"},
            "when": {"type": "string", "format": "date-time"}, "lasts": {"type": "string", "format": "duration"},
            "raw": {"type": "string", "format": "byte"},
            "port": {"x-kubernetes-int-or-string": true},
            "a-b": {"type": "integer"}, "namespace": {"type": "string"}, "x__y": {"type": "integer"},
            "list": {"type": "array", "maxItems": 20, "items": {"type": "integer"}},
            "words": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 20}},
            "set": {"type": "array", "maxItems": 9, "x-kubernetes-list-type": "set", "items": {"type": "string", "maxLength": 9}},
            "map": {"type": "object", "maxProperties": 20, "additionalProperties": {"type": "string", "maxLength": 20}},
            "maybe": {"type": "string", "nullable": true, "maxLength": 9},
        }}),
    );
    let rules = match Rules::compile(&schema, &Path::new("s")) {
        Ok(rules) => rules,
        Err(errors) => return shown(&errors),
    };
    shown(&rules.validate(&schema, &json!({"spec": spec}), None, &Path::root(), OBJECT_BUDGET))
}

#[test]
fn expressions_that_hold() {
    let spec = json!({
        "n": 3, "d": 2, "s": "hello", "b": true, "when": "2024-02-29T12:30:00Z", "lasts": "1h30m", "raw": "aGk=",
        "port": "http", "a-b": 1, "namespace": "x", "x__y": 5, "list": [1, 2, 3], "words": ["a", "b"],
        "set": ["x", "y"], "map": {"k": "v", "l": "w"}, "maybe": null,
    });
    for rule in [
        "self.n == 3 && self.n + 2 * 3 - 1 == 8 && 7 / 2 == 3 && -7 % 3 == -1 && -self.n == -3",
        "self.d == 2.0 && self.d > self.n - 2 && 1 < 1.5 && 0x10 == 16 && 1e3 == 1000.0 && 5u > 3u",
        "self.b ? self.s.startsWith('he') : false",
        "self.s.endsWith(\"lo\") && self.s.contains('ell') && self.s.matches('^h.*o$') && size(self.s) == 5 && self.s.size() == 5",
        "self.s in ['hello', 'x'] && !('k2' in self.map) && 'k' in self.map && 2 in self.list",
        "has(self.n) && has(self.map.k) && !has(self.map.z)",
        "self.list.all(x, x > 0) && self.list.exists(x, x == 2) && self.list.exists_one(x, x == 2)",
        "self.list.map(x, x * 2) == [2, 4, 6] && self.list.filter(x, x > 1).size() == 2 && self.list.map(x, x > 1, x + 1) == [3, 4]",
        "self.map.all(k, self.map[k].size() == 1) && self.map.all(k, v, k != v)",
        "self.list.transformList(i, v, i + v) == [1, 3, 5] && self.map.transformMap(k, v, v + k)['k'] == 'vk'",
        "self.a__dash__b == 1 && self.__namespace__ == 'x' && self.x__underscores__y == 5",
        "self.port == 'http' && (type(self.port) == int ? self.port > 1 : self.port.size() > 1)",
        "self.maybe == null",
        "self.when < timestamp('2025-01-01T00:00:00Z') && self.when.getFullYear() == 2024 && self.when.getMonth() == 1 && self.when.getDate() == 29",
        "self.when.getDayOfWeek() == 4 && self.when.getHours('+02:00') == 14 && string(self.when) == '2024-02-29T12:30:00Z'",
        "self.lasts > duration('1h') && self.lasts.getMinutes() == 90 && self.when + self.lasts > self.when",
        "self.raw == b'hi' && string(self.raw) == 'hi'",
        "self.set == ['y', 'x'] && self.set + ['y', 'z'] == ['x', 'y', 'z']",
        "self.list.sum() == 6 && self.list.min() == 1 && self.list.max() == 3 && self.list.isSorted() && self.list.indexOf(3) == 2",
        "self.words.join(',') == 'a,b' && 'a,b'.split(',') == self.words && ' x '.trim() == 'x' && 'aXb'.lowerAscii() == 'axb'",
        "'hello'.substring(1, 3) == 'el' && 'hello'.charAt(1) == 'e' && 'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3 && 'hello'.replace('l', 'L', 1) == 'heLlo'",
        "'%s-%d-%.2f'.format(['a', 1, 1.5]) == 'a-1-1.50' && '%x'.format([255]) == 'ff'",
        "'abc 123'.find('[0-9]+') == '123' && '1 22'.findAll('[0-9]+').size() == 2",
        "sets.contains([1, 2], [1]) && sets.equivalent([1, 1], [1]) && sets.intersects([1], [1, 3])",
        "int('3') == 3 && string(3) == '3' && double('1.5') == 1.5 && uint(3) == 3u && int(3.9) == 3 && bool('true')",
        "self.?n.orValue(0) == 3 && self.?n.hasValue() && !optional.none().hasValue()",
        "self.map[?'zz'].orValue('none') == 'none' && optional.of(1).value() == 1 && self.?n.optMap(v, v + 1).orValue(0) == 4",
        "[?optional.none(), 1] == [1] && {?'a': optional.of(1)} == {'a': 1}",
        "isIP('10.0.0.1') && ip('::1').family() == 6 && cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('11.0.0.0/16')",
        "url('https://example.com:80/p?q=1').getPort() == '80' && isURL('https://a.b') && url('https://a.b/p').getEscapedPath() == '/p'",
        "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1500m').compareTo(quantity('1.5')) == 0 && isQuantity('1k') && quantity('2k').asInteger() == 2000",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.2.3-rc.1').isLessThan(semver('1.2.3')) && semver('1.2.3').minor() == 2",
        "!format.dns1123Label().validate('abc').hasValue() && format.dns1123Label().validate('A').hasValue()",
        "(1 / 0 == 1) || true",
        "!(self.list.all(x, 1 / (x - 1) > 100) && false)",
        "r'\\d' == '\\\\d' && 'a\\u0062' == 'ab' && '''x''' == 'x' // a remark",
    ] {
        assert_eq!(run(rule, &spec), Vec::<String>::new(), "{rule}");
    }
}

#[test]
fn expressions_that_fail_say_why() {
    let spec = json!({"n": 3, "list": [1], "port": 1, "s": "x"});
    for (rule, wanted) in [
        ("self.n > 5", "spec: Invalid value: \"object\": failed rule: self.n > 5"),
        ("self.b", "spec: Invalid value: \"object\": no such key: b evaluating rule: self.b"),
        (
            "self.list[3] == 1",
            "spec: Invalid value: \"object\": index out of bounds: 3 evaluating rule: self.list[3] == 1",
        ),
        ("1 / (self.n - 3) == 1", "spec: Invalid value: \"object\": division by zero evaluating rule"),
        ("self.n + 9223372036854775807 > 0", "integer overflow evaluating rule"),
        (
            "self.port.size() > 1",
            "spec: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.port.size() > 1",
        ),
    ] {
        let errors = run(rule, &spec);
        assert!(errors.len() == 1 && errors[0].contains(wanted), "{wanted}: {errors:#?}");
    }
}

#[test]
fn bad_rules_are_refused_with_the_crd() {
    for (rule, wanted) in [
        (
            "self.n >",
            "compilation failed: ERROR: <input>:1:9: Syntax error: unexpected input '<EOF>'\n | self.n >\n | ........^",
        ),
        ("self.nope == 1", "compilation failed: ERROR: <input>:1:5: undefined field 'nope'"),
        ("other == 1", "undeclared reference to 'other' (in container '')"),
        ("self.n == 'x'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("self.n + 's' == 's'", "found no matching overload for '_+_' applied to '(int, string)'"),
        ("self.n", "cel expression must evaluate to a bool"),
        ("foo(self.n)", "undeclared reference to 'foo' (in container '')"),
        ("self.n.startsWith('x')", "found no matching overload for 'startsWith'"),
        ("self.s.matches('(')", "invalid matches argument"),
        ("self.n.all(x, x)", "cannot be range of a comprehension"),
        ("", "s.properties[spec].x-kubernetes-validations[0].rule: Required value: rule is not specified"),
        ("self.n == 1 &&\nself.n == 1", "message must be specified if rule contains line breaks"),
        ("'abc", "Syntax error"),
        ("self.n == 99999999999999999999", "invalid int literal"),
        ("if == 1", "reserved identifier: if"),
    ] {
        let errors = run(rule, &json!({}));
        assert!(errors.iter().any(|e| e.contains(wanted)), "{wanted}: {errors:#?}");
    }
    let prefix =
        "s.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {\"rule\":\"self.n\"}: ";
    assert!(run("self.n", &json!({}))[0].starts_with(prefix));
}

#[test]
fn metadata_and_transitions() {
    let schema = json!({
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.metadata.name.startsWith('a') && self.kind == 'X'"}],
        "properties": {"spec": {"type": "object",
            "x-kubernetes-validations": [
                {"rule": "self.n >= oldSelf.n", "message": "must not shrink", "reason": "FieldValueForbidden", "fieldPath": ".n"},
                {"rule": "oldSelf.hasValue() || self.n == 1", "optionalOldSelf": true, "messageExpression": "'first must be 1, not ' + string(self.n)"},
            ],
            "properties": {"n": {"type": "integer"}}}},
    });
    let schema = Structural::parse(&schema, &Path::new("s")).expect("structural");
    let rules = Rules::compile(&schema, &Path::new("s")).expect("rules");
    let object = |name: &str, n: i64| json!({"kind": "X", "metadata": {"name": name}, "spec": {"n": n}});
    let check = |new: &Value, old: Option<&Value>| {
        shown(&rules.validate(&schema, new, old, &Path::root(), OBJECT_BUDGET))
    };
    assert!(check(&object("a", 1), None).is_empty());
    assert_eq!(check(&object("a", 2), None), ["spec: Invalid value: \"object\": first must be 1, not 2"]);
    assert_eq!(check(&object("a", 1), Some(&object("a", 2))), ["spec.n: Forbidden: must not shrink"]);
    assert!(check(&object("a", 3), Some(&object("a", 2))).is_empty());
    assert_eq!(
        check(&object("b", 1), None),
        [
            "<nil>: Invalid value: \"object\": failed rule: self.metadata.name.startsWith('a') && self.kind == 'X'"
        ]
    );
    assert!(check(&object("b", 1), Some(&object("b", 1))).is_empty(), "what did not change is forgiven");
}

#[test]
fn items_of_maps_are_compared_by_their_keys() {
    let rule = json!([{"rule": "self.v >= oldSelf.v"}]);
    let items = json!({"type": "object", "required": ["k"], "x-kubernetes-validations": rule, "properties": {
        "k": {"type": "string"}, "v": {"type": "integer"}}});
    let keyed = json!({"type": "array", "maxItems": 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": items});
    let schema = read(&keyed);
    let rules = Rules::compile(&schema, &Path::new("s")).expect("rules");
    let old = json!({"spec": [{"k": "a", "v": 5}, {"k": "b", "v": 1}]});
    let new = json!({"spec": [{"k": "b", "v": 2}, {"k": "a", "v": 3}, {"k": "c", "v": 0}]});
    let errors = shown(&rules.validate(&schema, &new, Some(&old), &Path::root(), OBJECT_BUDGET));
    assert_eq!(errors, ["spec[1]: Invalid value: \"object\": failed rule: self.v >= oldSelf.v"]);
    let loose = read(&json!({"type": "array", "maxItems": 5, "items": items}));
    let errors = shown(&Rules::compile(&loose, &Path::new("s")).expect_err("refused"));
    assert!(
        errors[0].ends_with(
            "oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[spec]"
        ),
        "{errors:?}"
    );
}

#[test]
fn dear_rules_are_refused_with_the_crd() {
    let of = |bounds: Value, rule: &str| {
        let mut spec = json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": [{"rule": rule}]});
        spec.as_object_mut().expect("an object").extend(bounds.as_object().expect("an object").clone());
        let schema = read(&spec);
        Rules::compile(&schema, &Path::new("s")).map_err(|errors| shown(&errors)).err().unwrap_or_default()
    };
    let nested = "self.all(x, self.all(y, x == y))";
    assert_eq!(
        of(json!({}), nested)[0],
        "s.properties[spec].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    );
    assert_eq!(
        of(json!({"maxItems": 10, "items": {"type": "string", "maxLength": 10}}), nested),
        Vec::<String>::new()
    );
    assert_eq!(of(json!({}), "self.all(x, x != '')"), Vec::<String>::new());
}

#[test]
fn a_hostile_rule_is_stopped_while_it_runs() {
    let rule = "self.all(x, self.all(y, self.all(z, x + y + z >= 0)))";
    let schema = read(
        &json!({"type": "array", "maxItems": 10, "items": {"type": "integer"}, "x-kubernetes-validations": [{"rule": rule}]}),
    );
    let rules = Rules::compile(&schema, &Path::new("s")).expect("small by its bounds");
    let items: Vec<u32> = (0..10_000).collect();
    let object = json!({"spec": items});
    let start = Instant::now();
    let errors = shown(&rules.validate(&schema, &object, None, &Path::root(), OBJECT_BUDGET));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(
        errors,
        [format!(
            "spec: Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: {rule}"
        )]
    );
    let errors = shown(&rules.validate(&schema, &object, None, &Path::root(), 1000));
    assert_eq!(
        errors,
        [
            "spec: Invalid value: \"array\": validation failed due to running out of cost budget, no further validation rules will be run"
        ]
    );
}

#[test]
fn values_cannot_grow_without_bound() {
    let mut rule = "'xxxxxxxxxx'".to_owned();
    for _ in 0..40 {
        rule = format!("[{rule}].map(v, v + v)[0]");
    }
    let errors = run(&format!("{rule} == ''"), &json!({}));
    assert!(errors[0].contains("exceeds budget") || errors[0].contains("recursion limit"), "{errors:?}");
    let start = Instant::now();
    for rule in [
        "self.list.all(a, self.list.map(x, self.list.map(y, self.list)).size() > 0)",
        "self.words.exists(w, w.matches(self.s + w + 'q'))",
        "self.map.all(k, self.map == self.map)",
    ] {
        let many: Vec<u32> = (0..20_000).collect();
        let words: Vec<String> = many.iter().map(|n| format!("w{n}")).collect();
        let map: serde_json::Map<String, Value> = words.iter().map(|w| (w.clone(), json!("v"))).collect();
        let errors = run(rule, &json!({"list": many, "words": words, "map": map, "s": "(a|b)*c"}));
        assert!(errors.len() == 1 && errors[0].contains("cost"), "{rule}: {errors:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn long_and_deep_expressions_are_refused() {
    for rule in [
        "(".repeat(50_000),
        "!".repeat(90_000),
        "[".repeat(90_000),
        format!("{}1", "1+".repeat(40_000)),
        format!("self{}", ".a".repeat(40_000)),
        "x".repeat(200_000),
        format!("{}true", "true ? true : ".repeat(5_000)),
    ] {
        assert!(!run(&rule, &json!({})).is_empty());
    }
    let wide = vec!["self.n == 1"; 5_000].join(" || ");
    assert_eq!(run(&wide, &json!({"n": 1})), Vec::<String>::new());
}

#[test]
fn deep_but_allowed_expressions_fit_on_the_stack() {
    let rule = format!("{}true{}", "(".repeat(90), ")".repeat(90));
    assert_eq!(run(&rule, &json!({})), Vec::<String>::new());
    let rule = format!("{}true{}", "[".repeat(45), "].all(x, x)".repeat(45));
    run(&rule, &json!({}));
}

proptest! {
    #[test]
    fn anything_is_a_rule_or_refused(source in "[a-z0-9 .()\\[\\]{}'\"?:&|!=<>+*/%,-]{0,60}") {
        run(&source, &json!({"n": 1}));
    }

    #[test]
    fn combinations_of_pieces_never_panic(pieces in prop::collection::vec(0_usize..24, 0..12)) {
        let words = [
            "self", ".n", ".list", ".all(x, ", ")", "(", "x", "+", "1", "'a'", " == ", "[0]", " && ", ".map(x, ",
            ".size()", "!", "-", "self.s", ".split('')", "{'a': 1}", " in ", "? ", " : ", ".format([1])",
        ];
        let source: String = pieces.iter().map(|i| words[*i]).collect();
        run(&source, &json!({"n": 1, "list": [1, 2], "s": "ab"}));
    }
}

#[test]
fn conversions_and_tests_for_presence_are_cheap_by_their_estimate() {
    let rule = "!(has(self.a) && has(self.b) && duration(self.a) != duration('0s') && duration(self.b) > duration(self.a))";
    let text = json!({"type": "string", "pattern": "^[0-9]+s$"});
    let item = json!({"type": "object", "properties": {"a": text, "b": text}, "x-kubernetes-validations": [{"rule": rule}]});
    let schema = read(&json!({"type": "array", "maxItems": 16, "items": item}));
    let rules = Rules::compile(&schema, &Path::new("s")).expect("it is not dear");
    let check = |a: &str, b: &str| {
        let object = json!({"spec": [{"a": a, "b": b}]});
        shown(&rules.validate(&schema, &object, None, &Path::root(), OBJECT_BUDGET))
    };
    assert!(check("5s", "4s").is_empty());
    assert_eq!(check("5s", "6s"), [format!("spec[0]: Invalid value: \"object\": failed rule: {rule}")]);
}
