use proptest::prelude::*;
use serde_json::json;

use super::*;

fn object() -> Value {
    json!({
        "spec": {"a": 1, "list": [10, 20, 30, 40], "name.with": {"dots": true}, "none": null},
        "labels": {"app.kubernetes.io/name": "web"},
        "status": {"conditions": [
            {"type": "Ready", "status": "True", "n": 1},
            {"type": "Synced", "status": "False", "n": 2.5, "reason": "Slow) really"},
        ]},
    })
}

#[test]
fn paths_lead_to_their_first_value() {
    let cases = [
        (".spec.a", json!(1)),
        ("$.spec.a", json!(1)),
        ("@.spec['a']", json!(1)),
        ("['spec']['a']", json!(1)),
        ("['spec.a']", json!(1)),
        (".labels['app\\.kubernetes\\.io/name']", json!("web")),
        (".labels.app\\.kubernetes\\.io/name", json!("web")),
        (".spec.list[0]", json!(10)),
        (".spec.list[-1]", json!(40)),
        (".spec.list[-2]", json!(30)),
        (".spec.list[1:3]", json!(20)),
        (".spec.list[-2:]", json!(30)),
        (".spec.list[:-1]", json!(10)),
        (".spec.list[]", json!(10)),
        (".spec.list[*]", json!(10)),
        (".spec.list.*", json!(10)),
        (".spec.list[2,0]", json!(30)),
        (".spec['missing','a']", json!(1)),
        ("..reason", json!("Slow) really")),
        (".status.conditions[?(@.type==\"Ready\")].status", json!("True")),
        (".status.conditions[?(@.type=='Synced')].status", json!("False")),
        (".status.conditions[?(@.type!='Ready')].type", json!("Synced")),
        (".status.conditions[?(@.reason)].type", json!("Synced")),
        (".status.conditions[?(@.reason=='Slow) really')].type", json!("Synced")),
        (".status.conditions[?(@.type > \"Ready\")].type", json!("Synced")),
        (".status.conditions[?(@.type<='Ready')].type", json!("Ready")),
        (".spec.none", json!(null)),
    ];
    let object = object();
    for (text, expected) in cases {
        let path = Path::parse(text).unwrap_or_else(|| panic!("{text} can be read"));
        assert_eq!(path.first(&object), Some(&expected), "{text}");
    }
}

#[test]
fn some_paths_lead_nowhere() {
    let cases = [
        ".spec.missing",
        ".spec.a.b",
        ".spec.none.b",
        ".spec.list[4]",
        ".spec.list[-5]",
        ".spec.list[3:2]",
        ".spec.list[1:1]",
        ".spec.list[0:4:0]",
        ".spec[0]",
        ".spec[?(@.a)]",
        "spec.a",
        // Numbers with a fraction do not compare with whole ones, nor with texts.
        ".status.conditions[?(@.n==1)].type",
        ".status.conditions[?(@.n=='1')].type",
        ".status.conditions[?(@.type=~'R.*')].type",
    ];
    let object = object();
    for text in cases {
        let path = Path::parse(text).unwrap_or_else(|| panic!("{text} can be read"));
        assert_eq!(path.first(&object), None, "{text}");
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for text in
        ["{.spec}", ".spec[", ".spec[a]", ".spec[1:2:3:4]", ".a[?(@.b=='c']", "....a", "'open", "\n", ".a[-]"]
    {
        assert_eq!(Path::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_can_be_tried(text in "[.\\[\\]?(@)'\"a-c0-2:,*$=<!~ \\\\-]{0,40}") {
        let object = json!({"a": [{"b": 1, "c": "x"}, {"b": 2}], "b": {"a": [[1, 2], []]}, "c": null});
        if let Some(path) = Path::parse(&text) {
            path.first(&object);
        }
    }

    #[test]
    fn an_index_finds_the_item(list in prop::collection::vec(any::<i32>(), 1..9), pick in any::<prop::sample::Index>()) {
        let at = pick.index(list.len());
        let object = json!({ "list": list });
        let back = list.len() - at;
        for text in [format!(".list[{at}]"), format!(".list[-{back}]"), format!(".list[{at}:]")] {
            let path = Path::parse(&text).expect("an index can be read");
            prop_assert_eq!(path.first(&object), Some(&json!(list[at])), "{}", text);
        }
    }
}
