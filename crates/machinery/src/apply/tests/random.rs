//! What holds for all objects and configurations.

use super::*;

fn any_inner() -> impl Strategy<Value = Value> {
    let flat = || {
        (prop::option::of(0..3i32), prop::option::of("[ab]"), prop::option::of(any_labels())).prop_map(
            |(x, y, map)| {
                let mut inner = Map::new();
                put(&mut inner, "x", x.map(Value::from));
                put(&mut inner, "y", y.map(Value::from));
                put(&mut inner, "map", map);
                Value::Object(inner)
            },
        )
    };
    (flat(), prop::option::of(flat())).prop_map(|(mut inner, deep)| {
        put(inner.as_object_mut().expect("an object"), "deep", deep);
        inner
    })
}

fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

fn any_labels() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]", "[ab]", 0..3).prop_map(|map| json!(map))
}

fn any_items() -> impl Strategy<Value = Value> {
    let parts =
        (prop::option::of(0..3i32), prop::option::of(any_inner()), prop::option::of(any_set_of_text()));
    let item = parts.prop_map(|(value, inner, tags)| {
        let mut item = Map::new();
        put(&mut item, "value", value.map(Value::from));
        put(&mut item, "inner", inner);
        put(&mut item, "tags", tags);
        item
    });
    prop::collection::btree_map("[a-d]", item, 0..4).prop_map(|items| {
        let named = |(name, mut item): (String, Map<String, Value>)| {
            item.insert("name".to_owned(), name.into());
            Value::Object(item)
        };
        Value::Array(items.into_iter().map(named).collect())
    })
}

fn any_set_of_text() -> impl Strategy<Value = Value> {
    prop::collection::btree_set("[a-d]", 0..4).prop_map(|set| json!(set)).prop_shuffle_list()
}

trait ShuffleList: Strategy<Value = Value> + Sized {
    fn prop_shuffle_list(self) -> impl Strategy<Value = Value> {
        self.prop_map(|list| list.as_array().expect("a list").clone()).prop_shuffle().prop_map(Value::Array)
    }
}

impl<S: Strategy<Value = Value>> ShuffleList for S {}

fn any_open() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![(0..2i32).prop_map(Value::from), Just(json!([1])), Just(json!({})), Just(json!("s"))];
    let content = leaf.prop_recursive(2, 8, 3, |inner| {
        prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map))
    });
    prop::collection::btree_map("[a-c]", content, 0..3).prop_map(|map| json!(map))
}

/// Makes any fields of a toy.
fn any_fields() -> impl Strategy<Value = Value> {
    let first = (
        prop::option::of(any::<bool>().prop_map(Value::from)),
        prop::option::of(any_inner()),
        prop::option::of(any_items().prop_shuffle_list()),
        prop::option::of(any_set_of_text()),
        prop::option::of(any_open()),
        prop::option::of(prop::collection::btree_map("[ab]", any_inner(), 0..3).prop_map(|map| json!(map))),
        prop::option::of(any_labels()),
    );
    first.prop_map(|(flag, inner, items, set, open, maps, frozen)| {
        let mut fields = Map::new();
        let all = [
            ("flag", flag),
            ("inner", inner),
            ("items", items),
            ("set", set),
            ("open", open),
            ("maps", maps),
            ("frozen", frozen),
        ];
        for (key, value) in all {
            put(&mut fields, key, value);
        }
        Value::Object(fields)
    })
}

/// Leaves out empty maps and lists, which are there for as long as somebody has something in them.
fn filled(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            let map: Map<String, Value> =
                map.into_iter().filter_map(|(key, value)| Some((key, filled(value)?))).collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        Value::Array(list) => {
            let list: Vec<Value> = list.into_iter().filter_map(filled).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        other => Some(other),
    }
}

fn any_filled_fields() -> impl Strategy<Value = Value> {
    any_fields().prop_map(|fields| filled(fields).unwrap_or_else(|| json!({})))
}

fn fields_owned(object: &Value, name: &str) -> FieldSet {
    let entries = managed_fields(object).and_then(Value::as_array).into_iter().flatten();
    let mut set = FieldSet::EMPTY;
    for entry in entries.filter(|entry| entry["manager"] == name) {
        set.extend(FieldSet::from_fields_v1(&entry["fieldsV1"]).expect("fields"));
    }
    set
}

fn of_config(fields: &Value) -> FieldSet {
    FieldSet::of(&a_toy(fields.clone()), toy()).difference(&UNOWNED)
}

/// Makes any JSON with the keys of toys and of managed fields in it.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec!["Apply", "Update", "FieldsV1", "v1", "toys/v1", "u", ""]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let keys = "apiVersion metadata managedFields uid name labels annotations flag inner items set ports number open \
                maps rigid frozen any map x manager operation fieldsType fieldsV1 time f:inner f:items \
                k:{\"name\":\"u\"} . v:1 i:0";
    let keys = prop::sample::select(keys.split(' ').collect::<Vec<_>>()).prop_map(str::to_owned);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let map = prop::collection::btree_map(keys.clone(), inner.clone(), 0..6);
        prop_oneof![
            3 => map.prop_map(|map| json!(map)),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let entries = prop::collection::vec(any_json(), 0..2);
    (any_json(), entries, any_set()).prop_map(|(mut object, mut entries, set)| {
        if let Some(map) = object.as_object_mut() {
            map.insert("apiVersion".to_owned(), json!("toys/v1"));
            entries.push(json!({
                "apiVersion": "toys/v1", "operation": "Apply", "manager": "kubectl", "fieldsType": "FieldsV1",
                "fieldsV1": set.to_fields_v1(),
            }));
            map.insert("metadata".to_owned(), json!({"name": "t", "managedFields": entries}));
        }
        object
    })
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(
        live in any_fields(), before in any_fields(), config in any_filled_fields(),
    ) {
        let live = created(live, &who("zero", 0));
        let live = applied(Some(&live), before, &who("one", 1), true).expect("forced");
        let once = applied(Some(&live), config.clone(), &who("one", 2), true).expect("forced");
        let twice = applied(Some(&once), config.clone(), &who("one", 3), false).expect("nothing is left to conflict");
        prop_assert_eq!(fields_owned(&once, "one"), of_config(&config));
        if managed_fields(&once).is_some() {
            prop_assert_eq!(&twice, &once);
        } else {
            // Nobody owns it any more: what it still has counts as there before the first apply, as in kube-apiserver.
            let left = FieldSet::of(&once, toy()).difference(&UNOWNED);
            let found = fields_owned(&twice, "before-first-apply");
            prop_assert!(left.difference(&found).is_empty(), "{left:?} but {found:?}");
            prop_assert_eq!(fields_owned(&twice, "one"), FieldSet::EMPTY);
            let mut fields = twice;
            fields["metadata"].as_object_mut().expect("it is an object").remove("managedFields");
            prop_assert_eq!(&fields, &once);
        }
    }

    #[test]
    fn an_update_that_changes_nothing_changes_nothing(first in any_fields(), second in any_fields()) {
        let live = created(first, &who("one", 0));
        let live = updated(&live, second.clone(), &who("two", 1));
        prop_assert_eq!(updated(&live, second, &who("three", 2)), live);
    }

    #[test]
    fn all_fields_have_an_owner_after_an_update(first in any_fields(), second in any_fields()) {
        let live = created(first, &who("one", 0));
        prop_assume!(managed_fields(&live).is_some());
        let live = updated(&live, second.clone(), &who("two", 1));
        let all = fields_owned(&live, "one").union(&fields_owned(&live, "two"));
        let leaves = of_config(&second);
        prop_assert!(leaves.difference(&all).is_empty(), "{leaves:?} but {all:?}");
        let everything = everything(Place::root(toy()), &a_toy(second)).difference(&UNOWNED);
        prop_assert!(all.difference(&everything).is_empty(), "nothing is owned that is gone");
        prop_assert!(!fields_owned(&live, "one").intersects(&fields_owned(&live, "two")));
    }

    #[test]
    fn comparing_tells_all_that_differs(old in any_fields(), new in any_fields()) {
        let there = compare(&old, &new, toy());
        let back = compare(&new, &old, toy());
        prop_assert_eq!(&there.added, &back.removed);
        prop_assert_eq!(&there.modified, &back.modified);
        prop_assert!(!there.added.intersects(&there.modified) && !there.removed.intersects(&there.modified));
        prop_assert!(compare(&old, &old, toy()).is_empty());
    }

    #[test]
    fn what_two_apply_is_what_both_want(a in any_filled_fields(), b in any_filled_fields()) {
        let live = applied(None, a.clone(), &who("a", 0), false).expect("nothing there");
        let Ok(both) = applied(Some(&live), b.clone(), &who("b", 1), false) else { return Ok(()) };
        prop_assert_eq!(fields_owned(&both, "a"), of_config(&a));
        prop_assert_eq!(fields_owned(&both, "b"), of_config(&b));
        // When one of them goes, what is left is what the other wants.
        let left = applied(Some(&both), json!({}), &who("a", 2), false).expect("takes nothing from others");
        prop_assert_eq!(fields_owned(&left, "a"), FieldSet::EMPTY);
        prop_assert_eq!(fields_owned(&left, "b"), of_config(&b));
        let still = FieldSet::of(&left, toy()).difference(&UNOWNED);
        prop_assert!(of_config(&b).difference(&still).is_empty(), "{left}");
        let only_a = of_config(&a).difference(&of_config(&b));
        let kept = only_a.intersection(&still);
        prop_assert!(kept.is_empty(), "{:?} left in {left}", kept);
    }

    #[test]
    fn nonsense_does_no_harm(live in any_object(), new in any_object(), config in any_json(), force: bool) {
        let mut updated = new.clone();
        update(toy(), Some(&live), &mut updated, &who("one", 0), NOTHING);
        prop_assert_eq!(bare(updated), bare(new.clone()));
        for config in [&config, &bare(new)] {
            match apply(toy(), Some(&live), config, &who("kubectl", 0), force, NOTHING) {
                Ok(object) => prop_assert!(object.is_object()),
                Err(failure) => prop_assert!(!failure.to_string().is_empty()),
            }
        }
        prop_assert!(compare(&live, &live, toy()).is_empty());
    }

    #[test]
    fn owners_that_make_no_sense_for_the_type_do_no_harm(
        live in any_fields(), config in any_fields(), set in any_set(), real in any_fields(),
    ) {
        let mut live = a_toy(live);
        let fields = of_config(&real).union(&set).to_fields_v1();
        let owner = json!([{
            "apiVersion": "toys/v0", "operation": "Apply", "manager": "one", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }]);
        put_managed_fields(&mut live, Some(owner));
        let next = applied(Some(&live), config.clone(), &who("one", 1), true).expect("forced");
        prop_assert_eq!(fields_owned(&next, "one"), of_config(&config));
        prop_assert_eq!(&next["metadata"]["name"], "t");
    }
}
