use serde_json::json;

use super::*;

fn shown(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn meta_of(metadata: &Value) -> Value {
    json!({ "metadata": metadata })
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

#[test]
fn names_follow_the_rule_of_their_kind() {
    for (rule, name, is_prefix, is_fine) in [
        (NameRule::DnsSubdomain, "a.b-c", false, true),
        (NameRule::DnsSubdomain, "a-", false, false),
        (NameRule::DnsSubdomain, "a-", true, true),
        (NameRule::DnsSubdomain, "-", true, false),
        (NameRule::DnsLabel, "a.b", false, false),
        (NameRule::DnsLabel, "1a", false, true),
        (NameRule::Dns1035Label, "1a", false, false),
        (NameRule::PathSegment, "system:node", false, true),
        (NameRule::PathSegment, "..", false, false),
        (NameRule::PathSegment, "..", true, true),
        (NameRule::PathSegment, "a/b", false, false),
        (NameRule::IpAddress, "10.0.0.1", false, true),
        (NameRule::IpAddress, "2001:DB8::1", false, false),
    ] {
        assert_eq!(rule.check(name, is_prefix).is_empty(), is_fine, "{rule:?} {name}");
    }
    assert_eq!(name_rule("", "Service"), NameRule::DnsLabel);
    assert_eq!(name_rule("rbac.authorization.k8s.io", "Role"), NameRule::PathSegment);
    assert_eq!(name_rule("apps", "Deployment"), NameRule::DnsSubdomain);
    assert!(requires_resource_version("policy", "PodDisruptionBudget"));
    assert!(!requires_resource_version("", "Secret"));
}

#[test]
fn new_metadata_in_the_words_of_the_server() {
    let owner = json!({ "apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true });
    let controllers = "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"controller\":true,\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\"},{\"apiVersion\":\"v1\",\"controller\":true,\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\"}]: Only one reference can have Controller set to true. Found \"true\" in references for Pod/p and Pod/p";
    let cases: Vec<(Value, bool, Vec<String>)> = vec![
        (json!({ "name": "a", "namespace": "n" }), true, vec![]),
        (
            json!({ "namespace": "n" }),
            true,
            vec!["metadata.name: Required value: name or generateName is required".to_owned()],
        ),
        (
            json!({ "name": "A_b" }),
            false,
            vec![format!("metadata.name: Invalid value: \"A_b\": {SUBDOMAIN}")],
        ),
        (
            json!({ "name": "a", "namespace": "n" }),
            false,
            vec!["metadata.namespace: Forbidden: not allowed on this type".to_owned()],
        ),
        (json!({ "name": "a" }), true, vec!["metadata.namespace: Required value".to_owned()]),
        (
            json!({ "name": "a", "generation": -1 }),
            false,
            vec!["metadata.generation: Invalid value: -1: must be greater than or equal to 0".to_owned()],
        ),
        (
            json!({ "name": "a", "finalizers": ["orphan", "foregroundDeletion"] }),
            false,
            vec!["metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set".to_owned()],
        ),
        (json!({ "name": "a", "ownerReferences": [owner, owner] }), false, vec![controllers.to_owned()]),
        (
            json!({ "name": "a", "ownerReferences": [{ "apiVersion": "a/b/c", "kind": "K", "name": "n" }] }),
            false,
            vec![
                "metadata.ownerReferences[0].apiVersion: Invalid value: \"a/b/c\": must be <group>/<version> or <version>".to_owned(),
                "metadata.ownerReferences[0].uid: Required value: must not be empty".to_owned(),
            ],
        ),
        (
            json!({ "name": "a", "managedFields": [{ "operation": "X", "fieldsType": "V2" }] }),
            false,
            vec![
                "metadata.managedFields[0].operation: Unsupported value: \"X\": supported values: \"Apply\", \"Update\"".to_owned(),
                "metadata.managedFields[0].fieldsType: Invalid value: \"V2\": must be `FieldsV1`".to_owned(),
            ],
        ),
    ];
    for (metadata, namespaced, expected) in cases {
        let found = create(&meta_of(&metadata), namespaced, NameRule::DnsSubdomain);
        assert_eq!(shown(&found), expected, "{metadata}");
    }
}

#[test]
fn metadata_that_must_not_change() {
    let old = json!({
        "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "4", "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a.io/x"],
    });
    let mut deleting = old.clone();
    deleting["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    let with = |from: &Value, key: &str, value: Value| {
        let mut metadata = from.clone();
        metadata[key] = value;
        meta_of(&metadata)
    };
    let cases = [
        (old.clone(), with(&old, "generation", json!(4)), vec![]),
        (
            old.clone(),
            with(&old, "name", json!("b")),
            vec!["metadata.name: Invalid value: \"b\": field is immutable"],
        ),
        (
            old.clone(),
            with(&old, "uid", json!("v")),
            vec!["metadata.uid: Invalid value: \"v\": field is immutable"],
        ),
        (old.clone(), with(&old, "uid", json!("")), vec![]),
        (
            old.clone(),
            with(&old, "resourceVersion", json!("")),
            vec!["metadata.resourceVersion: Invalid value: \"\": must be specified for an update"],
        ),
        (
            old.clone(),
            with(&old, "generation", json!(2)),
            vec!["metadata.generation: Invalid value: 2: must not be decremented"],
        ),
        (old.clone(), with(&old, "finalizers", json!(["a.io/x", "b.io/y"])), vec![]),
        (
            old.clone(),
            with(&old, "finalizers", json!(["orphan", "foregroundDeletion"])),
            vec![
                "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set",
            ],
        ),
        (
            deleting.clone(),
            with(&deleting, "finalizers", json!(["c.io/z", "a.io/x", "b.io/y"])),
            vec![
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"b.io/y\", \"c.io/z\"}",
            ],
        ),
        (
            old.clone(),
            with(&old, "deletionTimestamp", json!("2026-01-02T00:00:00Z")),
            vec!["metadata.deletionTimestamp: Invalid value: \"2026-01-02T00:00:00Z\": field is immutable"],
        ),
        (
            old.clone(),
            with(&old, "labels", json!({ "-": "v" })),
            vec![
                "metadata.labels: Invalid value: \"-\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ],
        ),
    ];
    for (old, new, expected) in cases {
        assert_eq!(shown(&update(&new, &meta_of(&old))), expected, "{new}");
    }
}
