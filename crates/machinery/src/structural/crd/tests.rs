use super::*;

fn crd() -> Value {
    let mut crd = json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "size": {"type": "integer"}, "color": {"type": "string"}}}}}}}],
        },
    });
    default_crd(&mut crd);
    crd
}

fn shown(errors: &FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_name_the_rest() {
    let crd = crd();
    assert_eq!(crd["spec"]["names"]["singular"], "widget");
    assert_eq!(crd["spec"]["names"]["listKind"], "WidgetList");
    assert_eq!(crd["spec"]["conversion"], json!({"strategy": "None"}));
    assert_eq!(shown(&validate_crd(&crd, None)), Vec::<String>::new());
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn what_is_wrong_is_told() {
    let cases: [(&str, Value, &str); 17] = [
        (
            "/metadata/name",
            json!("x.example.com"),
            r#"metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group"#,
        ),
        (
            "/spec/scope",
            json!("Galaxy"),
            r#"spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced""#,
        ),
        (
            "/spec/versions/0/name",
            json!("1"),
            "spec.versions[0].name: Invalid value: \"1\": a DNS-1035 label must consist of",
        ),
        ("/spec/versions/0/storage", json!(false), "must have exactly one version marked as storage version"),
        (
            "/spec/versions/0/schema",
            json!({}),
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
        ),
        (
            "/spec/preserveUnknownFields",
            json!(true),
            "spec.preserveUnknownFields: Invalid value: true: cannot set to true",
        ),
        (
            "/spec/conversion/strategy",
            json!("Webhook"),
            "spec.conversion.strategy: Forbidden: conversion webhooks are not supported",
        ),
        ("/spec/conversion/strategy", json!("X"), r#"supported values: "None", "Webhook""#),
        ("/spec/names/listKind", json!("Widget"), "kind and listKind may not be the same"),
        (
            "/spec/names/kind",
            json!("Wid get"),
            "spec.names.kind: Invalid value: \"Wid get\": may have mixed case, but should otherwise match: a DNS-1035",
        ),
        (
            "/spec/versions/0/additionalPrinterColumns",
            json!([{"name": "a", "type": "thing", "jsonPath": "spec"}]),
            r#"spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "thing": must be one of boolean,date,integer,number,string"#,
        ),
        (
            "/spec/versions/0/additionalPrinterColumns",
            json!([{"name": "a", "type": "string", "jsonPath": "spec"}]),
            "must be a simple json path starting with .",
        ),
        (
            "/spec/versions/0/subresources",
            json!({"scale": {"specReplicasPath": ".status.a", "statusReplicasPath": ".status.a"}}),
            "should be a json path under .spec",
        ),
        (
            "/spec/versions/0/selectableFields",
            json!([{"jsonPath": ".spec.nope"}]),
            "is an invalid path: does not refer to a valid field",
        ),
        (
            "/spec/versions/0/selectableFields",
            json!([{"jsonPath": ".spec.color"}, {"jsonPath": ".spec.color"}]),
            "spec.versions[0].selectableFields[1].jsonPath: Duplicate value: \".spec.color\"",
        ),
        (
            "/spec/versions/0/selectableFields",
            json!([{"jsonPath": ".spec"}]),
            "must point to a field of type string, boolean or integer",
        ),
        (
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/type",
            json!(""),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
        ),
    ];
    for (pointer, value, wanted) in cases {
        let mut crd = crd();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = crd.pointer_mut(parent).expect("it is there");
        match parent {
            Value::Object(map) => drop(map.insert(key.to_owned(), value)),
            other => *other = value,
        }
        let errors = shown(&validate_crd(&crd, None));
        assert!(errors.iter().any(|e| e.contains(wanted)), "{wanted}: {errors:#?}");
    }
}

#[test]
fn an_established_crd_keeps_its_names() {
    let mut old = crd();
    old["status"] = compute_status(&old, &NamesInUse::default(), "2026-01-01T00:00:00Z");
    let mut new = old.clone();
    new["spec"]["scope"] = json!("Cluster");
    new["spec"]["names"]["kind"] = json!("Other");
    assert_eq!(
        shown(&validate_crd(&new, Some(&old))),
        [
            r#"spec.scope: Invalid value: "Cluster": field is immutable"#,
            r#"spec.names.kind: Invalid value: "Other": field is immutable"#
        ]
    );
    let mut new = old.clone();
    new["spec"]["versions"][0]["name"] = json!("v2");
    let errors = shown(&validate_crd(&new, Some(&old)));
    assert!(
        errors[0].starts_with(r#"status.storedVersions[0]: Invalid value: "v1": missing from spec.versions"#),
        "{errors:?}"
    );
}

#[test]
fn the_status_tells_of_names() {
    let mut one = crd();
    let status = compute_status(&one, &NamesInUse::default(), "t1");
    assert_eq!(status["storedVersions"], json!(["v1"]));
    assert_eq!(status["acceptedNames"]["listKind"], "WidgetList");
    assert_eq!(
        status["conditions"][0],
        json!({"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": "t1"})
    );
    assert_eq!(status["conditions"][1]["reason"], "InitialNamesAccepted");
    one["status"] = status.clone();
    assert_eq!(compute_status(&one, &NamesInUse::default(), "t2"), status);

    let mut two = crd();
    two["spec"]["names"] = json!({"plural": "others", "singular": "other", "kind": "Other", "listKind": "OtherList", "shortNames": ["wd"]});
    let used = NamesInUse::of("example.com", [&one]);
    let status = compute_status(&two, &used, "t2");
    assert_eq!(status["conditions"][0]["reason"], "ShortNamesConflict");
    assert_eq!(status["conditions"][0]["message"], "\"wd\" is already in use");
    assert_eq!(
        status["conditions"][1],
        json!({"type": "Established", "status": "False", "reason": "NotAccepted", "message": "not all names are accepted", "lastTransitionTime": "t2"})
    );
    assert_eq!(status["acceptedNames"].get("shortNames"), None);
    let elsewhere = NamesInUse::of("example.org", [&one]);
    assert_eq!(compute_status(&two, &elsewhere, "t")["conditions"][1]["status"], "True");
}

#[test]
fn protected_groups_ask_for_approval() {
    let mut crd = crd();
    crd["spec"]["group"] = json!("x.k8s.io");
    crd["metadata"]["name"] = json!("widgets.x.k8s.io");
    for (given, wanted, reason) in [
        (
            "",
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation \"api-approved.kubernetes.io\", see",
            "MissingAnnotation",
        ),
        (
            "maybe",
            "metadata.annotations[api-approved.kubernetes.io]: Invalid value: \"maybe\"",
            "InvalidAnnotation",
        ),
        ("unapproved, test", "", "UnapprovedAnnotation"),
        ("https://github.com/kubernetes/kubernetes/pull/1", "", "ApprovedAnnotation"),
    ] {
        crd["metadata"]["annotations"] = json!({APPROVED: given});
        let errors = shown(&validate_crd(&crd, None));
        assert_eq!(errors.is_empty(), wanted.is_empty(), "{errors:?}");
        assert!(errors.first().is_none_or(|e| e.starts_with(wanted)), "{errors:?}");
        assert!(validate_crd(&crd, Some(&crd)).is_empty());
        let status = compute_status(&crd, &NamesInUse::default(), "t");
        assert_eq!(status["conditions"][2]["reason"], reason);
    }
}

#[test]
fn nonsense_is_refused_without_a_panic() {
    for crd in
        [json!(null), json!({}), json!({"spec": []}), json!({"spec": {"versions": [1, null], "names": 3}})]
    {
        let mut changed = crd.clone();
        default_crd(&mut changed);
        assert!(!validate_crd(&changed, Some(&crd)).is_empty());
        assert!(compute_status(&crd, &NamesInUse::of("", [&crd]), "").is_object());
    }
}
