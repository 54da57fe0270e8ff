use super::*;

#[test]
fn config_maps() {
    let key = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let bad_key = format!("data[a b]: Invalid value: \"a b\": {key}");
    created(
        "",
        "ConfigMap",
        &[
            (json!({ "data": { "a b": "" } }), &[&bad_key]),
            (
                json!({ "data": { "k": "" }, "binaryData": { "k": "" } }),
                &["data[k]: Invalid value: \"k\": duplicate of key present in binaryData"],
            ),
            (
                json!({ "data": { "k": "x".repeat(1024 * 1024 + 1) } }),
                &["[]: Too long: may not be more than 1048576 bytes"],
            ),
            (json!({ "data": { "k": "x".repeat(1024 * 1024) } }), &[]),
        ],
    );
    let frozen = json!({ "immutable": true, "data": { "k": "v" } });
    updated(
        "",
        "ConfigMap",
        frozen,
        &[
            (json!({ "metadata": { "labels": { "a": "b" } } }), &[]),
            (
                json!({ "data": { "k": "w" } }),
                &["data: Forbidden: field is immutable when `immutable` is set"],
            ),
            (
                json!({ "immutable": null, "binaryData": { "b": "" } }),
                &[
                    "immutable: Forbidden: field is immutable when `immutable` is set",
                    "binaryData: Forbidden: field is immutable when `immutable` is set",
                ],
            ),
        ],
    );
}

#[test]
fn secrets() {
    created(
        "",
        "Secret",
        &[
            (
                json!({ "type": "kubernetes.io/tls" }),
                &["data[tls.crt]: Required value", "data[tls.key]: Required value"],
            ),
            (json!({ "type": "kubernetes.io/tls", "stringData": { "tls.crt": "", "tls.key": "" } }), &[]),
            (
                json!({ "type": "kubernetes.io/basic-auth" }),
                &["data[username]: Required value", "data[password]: Required value"],
            ),
            (json!({ "type": "kubernetes.io/ssh-auth" }), &["data[ssh-privatekey]: Required value"]),
            (
                json!({ "type": "kubernetes.io/service-account-token" }),
                &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
            (
                json!({ "type": "kubernetes.io/dockerconfigjson" }),
                &["data[.dockerconfigjson]: Required value"],
            ),
            (
                json!({ "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": "nope" } }),
                &[
                    "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'o' in literal null (expecting 'u')",
                ],
            ),
            (
                json!({ "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": "" } }),
                &[
                    "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": unexpected end of JSON input",
                ],
            ),
            (json!({ "type": "kubernetes.io/dockercfg", "stringData": { ".dockercfg": "{}" } }), &[]),
            (
                json!({ "stringData": { "k": "x".repeat(1024 * 1024 + 1) } }),
                &["data: Too long: may not be more than 1048576 bytes"],
            ),
        ],
    );
    updated(
        "",
        "Secret",
        json!({ "immutable": true, "data": { "k": "" } }),
        &[
            (json!({ "type": "other" }), &["type: Invalid value: \"other\": field is immutable"]),
            (
                json!({ "stringData": { "k": "v" } }),
                &["data: Forbidden: field is immutable when `immutable` is set"],
            ),
        ],
    );
}

#[test]
fn namespaces_and_nodes() {
    created(
        "",
        "Namespace",
        &[(
            json!({ "spec": { "finalizers": ["mine"] } }),
            &[
                "spec.finalizers: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified",
            ],
        )],
    );
    let active = json!({ "status": { "phase": "Terminating" } });
    assert_eq!(
        shown(update_status("", "Namespace", &active, &active)),
        [
            "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
        ]
    );
    created(
        "",
        "Node",
        &[
            (
                json!({ "spec": { "taints": [{ "key": "a", "effect": "Never" }, { "key": "a", "effect": "Never" }] } }),
                &[
                    "metadata.taints[0].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                    "metadata.taints[1].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                    "metadata.taints[1]: Duplicate value: {\"Effect\":\"Never\",\"Key\":\"a\",\"TimeAdded\":null,\"Value\":\"\"}: taints must be unique by key and effect pair",
                ],
            ),
            (
                json!({ "status": { "capacity": { "cpu": "-1" }, "allocatable": {} } }),
                &["status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to 0"],
            ),
            (
                json!({ "spec": { "podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"] } }),
                &[
                    "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.1.0/24\"]: may specify no more than one CIDR for each IP family",
                ],
            ),
        ],
    );
    let old = json!({ "spec": { "podCIDRs": ["10.0.0.0/24"], "providerID": "p" } });
    updated(
        "",
        "Node",
        old,
        &[
            (
                json!({ "spec": { "podCIDRs": ["10.0.1.0/24"] } }),
                &["spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"],
            ),
            (
                json!({ "spec": { "providerID": "q" } }),
                &[
                    "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
                ],
            ),
        ],
    );
    created(
        "",
        "Binding",
        &[
            (json!({ "target": { "name": "" } }), &["target.name: Required value"]),
            (
                json!({ "target": { "kind": "Pod" } }),
                &["target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\""],
            ),
        ],
    );
}

#[test]
fn limit_ranges_and_quotas() {
    created(
        "",
        "LimitRange",
        &[
            (
                json!({ "spec": { "limits": [
                { "type": "Pod", "max": { "cpu": "1" }, "min": { "cpu": "2" }, "default": { "cpu": "1" } },
                { "type": "Pod" },
            ] } }),
                &[
                    "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
                    "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
                    "spec.limits[1].type: Duplicate value: \"Pod\"",
                ],
            ),
            (
                json!({ "spec": { "limits": [{ "type": "Container", "max": { "pods": "1" } }] } }),
                &[
                    "spec.limits[0].max[pods]: Invalid value: \"pods\": must be a standard resource for containers",
                    "spec.limits[0].default[pods]: Invalid value: \"pods\": must be a standard resource for containers",
                    "spec.limits[0].defaultRequest[pods]: Invalid value: \"pods\": must be a standard resource for containers",
                ],
            ),
            (
                json!({ "spec": { "limits": [{
                "type": "Pod", "max": { "cpu": "2" }, "min": { "cpu": "1" }, "maxLimitRequestRatio": { "cpu": "3" },
            }] } }),
                &[
                    "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater than max/min = 2.000000",
                ],
            ),
            (
                json!({ "spec": { "limits": [{ "type": "PersistentVolumeClaim" }] } }),
                &[
                    "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
                ],
            ),
        ],
    );
    created(
        "",
        "ResourceQuota",
        &[
            (json!({ "spec": { "hard": { "pods": "1", "requests.a.io/gpu": "2", "cpu": "500m" } } }), &[]),
            (
                json!({ "spec": { "hard": { "pods": "1500m" } } }),
                &["spec.hard[pods]: Invalid value: \"1500m\": must be an integer"],
            ),
            (
                json!({ "spec": { "hard": { "storage": "-1" } } }),
                &[
                    "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for quota",
                    "spec.hard[storage]: Invalid value: \"-1\": must be greater than or equal to 0",
                ],
            ),
            (
                json!({ "spec": { "hard": { "cpu": "1" }, "scopes": ["BestEffort", "NotBestEffort"] } }),
                &[
                    "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: unsupported scope applied to resource",
                    "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes",
                ],
            ),
            (
                json!({ "spec": { "scopeSelector": { "matchExpressions": [{ "scopeName": "PriorityClass", "operator": "In" }] } } }),
                &[
                    "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
                ],
            ),
        ],
    );
    updated(
        "",
        "ResourceQuota",
        json!({ "spec": {} }),
        &[(
            json!({ "spec": { "scopes": ["Terminating"] } }),
            &["spec.scopes: Invalid value: [\"Terminating\"]: field is immutable"],
        )],
    );
}

#[test]
fn events() {
    created(
        "",
        "Event",
        &[
            (
                json!({ "involvedObject": { "namespace": "m" } }),
                &["involvedObject.namespace: Invalid value: \"m\": does not match event.namespace"],
            ),
            (
                json!({ "eventTime": "2026-01-01T00:00:00.000000Z", "reportingComponent": "c", "action": "a", "reason": "r" }),
                &["reportingInstance: Required value"],
            ),
        ],
    );
    created(
        "events.k8s.io",
        "Event",
        &[
            (json!({ "type": "Bad" }), &["type: Invalid value: \"\": has invalid value: Bad"]),
            (
                json!({ "series": { "count": 1 } }),
                &[
                    "series.count: Invalid value: \"\": should be at least 2",
                    "series.lastObservedTime: Required value",
                ],
            ),
            (
                json!({ "note": "x".repeat(1025), "deprecatedCount": 1 }),
                &[
                    "message: Invalid value: \"\": can have at most 1024 characters",
                    "count: Invalid value: \"\": needs to be unset",
                ],
            ),
        ],
    );
    updated(
        "events.k8s.io",
        "Event",
        minimal("events.k8s.io", "Event"),
        &[(json!({ "reason": "Other" }), &["reason: Invalid value: \"Other\": field is immutable"])],
    );
}
