//! Nothing an object can be makes a decision panic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const WORDS: &[&str] = &[
    "cpu",
    "pods",
    "Pod",
    "Container",
    "True",
    "x",
    "",
    "1",
    "-1Gi",
    "9223372036854775807E",
    "Exists",
    "In",
    "Running",
    "PriorityClass",
    "User",
    "Role",
];
const KEYS: &[&str] = &[
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "labels",
    "annotations",
    "rules",
    "verbs",
    "subjects",
    "kind",
    "roleRef",
    "containers",
    "initContainers",
    "resources",
    "requests",
    "limits",
    "cpu",
    "hard",
    "used",
    "pods",
    "min",
    "max",
    "type",
    "default",
    "scopes",
    "selector",
    "conditions",
    "disruptionsAllowed",
    "tolerations",
    "aggregationRule",
    "clusterRoleSelectors",
    "volumes",
    "finalizers",
    "taints",
    "maxLimitRequestRatio",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(prop::sample::select(KEYS).prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn no_object_makes_a_decision_panic(objects in prop::collection::vec(any_value(), 1..4)) {
        let object = &objects[0];
        let mut policy = rbac::Policy::default();
        for object in &objects {
            policy.set_role(object);
            policy.set_cluster_role(object);
            policy.set_role_binding(object);
            policy.set_cluster_role_binding(object);
        }
        let request = rbac::Request { user: "x", groups: &[""], verb: "x", resource: None, path: "x" };
        prop_assert!(!policy.authorize(&request).allowed);
        for (resource, kind) in [("pods", "Pod"), ("persistentvolumeclaims", "PersistentVolumeClaim"), ("services", "")] {
            prop_assert!(quota::check(&objects, "", resource, object, Some(object)).is_ok_and(|u| u.is_empty())
                || quota::check(&objects, "", resource, object, None).is_err());
            limits::validate(&objects, "", kind, object);
        }
        let decided = eviction::decide(object, &objects, "now");
        prop_assert_eq!(&decided, &eviction::decide(object, &objects, "now"));
        let mut changed = object.clone();
        limits::apply(&objects, &mut changed);
        pods::default_tolerations(&mut changed);
        pods::node_taints(&mut changed);
        pods::storage_protection("", "persistentvolumes", &mut changed);
        pods::default_storage_class(&mut changed, &objects);
        if let Err(why) = pods::priority(&mut changed, &objects) {
            prop_assert!(!why.is_empty());
        }
        if let Err(why) = pods::service_account(&mut changed, Some(&json!({})), "x") {
            prop_assert!(!why.is_empty());
        }
        prop_assert!(changed.is_object());
    }
}
