use super::*;

#[test]
fn autoscalers() {
    let rules = |rules: Value| json!({ "spec": { "behavior": { "scaleUp": rules } } });
    let metric = |metric: Value| json!({ "spec": { "metrics": [metric] } });
    created(
        "autoscaling",
        "HorizontalPodAutoscaler",
        &[
            (
                json!({ "spec": { "minReplicas": 0, "maxReplicas": 0 } }),
                &[
                    "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                    "spec.maxReplicas: Invalid value: 0: must be greater than 0",
                    "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
                ],
            ),
            (
                json!({ "spec": { "minReplicas": 2 } }),
                &["spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`"],
            ),
            (
                json!({ "spec": { "scaleTargetRef": { "name": null } } }),
                &["spec.scaleTargetRef.name: Required value"],
            ),
            (
                metric(json!({ "type": "Pods" })),
                &[
                    "spec.metrics[0].pods: Required value: must populate information for the given metric source",
                ],
            ),
            (
                metric(json!({ "type": "Other" })),
                &[
                    "spec.metrics[0].type: Unsupported value: \"Other\": supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"",
                ],
            ),
            (
                metric(
                    json!({ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 0 } } }),
                ),
                &[
                    "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
                ],
            ),
            (
                metric(
                    json!({ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "AverageValue" } } }),
                ),
                &[
                    "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
                ],
            ),
            (
                rules(json!({ "stabilizationWindowSeconds": 3601, "selectPolicy": "X", "policies": [] })),
                &[
                    "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
                    "spec.behavior.scaleUp.selectPolicy: Unsupported value: \"X\": supported values: \"Disabled\", \"Max\", \"Min\"",
                    "spec.behavior.scaleUp.policies: Required value: must specify at least one Policy",
                ],
            ),
            (
                rules(json!({ "policies": [{ "type": "Pods", "value": 0, "periodSeconds": 1801 }] })),
                &[
                    "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                    "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
                ],
            ),
        ],
    );
    created(
        "autoscaling",
        "Scale",
        &[(
            json!({ "spec": { "replicas": -1 } }),
            &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        )],
    );
}

#[test]
fn budgets_leases_and_priorities() {
    created(
        "policy",
        "PodDisruptionBudget",
        &[
            (
                json!({ "spec": { "maxUnavailable": "101%" } }),
                &[
                    "spec: Invalid value: {\"MaxUnavailable\":\"101%\",\"MinAvailable\":1,\"Selector\":null,\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
                    "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
                ],
            ),
            (
                json!({ "spec": { "minAvailable": -1, "unhealthyPodEvictionPolicy": "Never" } }),
                &[
                    "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
                    "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
                ],
            ),
            (
                json!({ "spec": { "selector": { "matchExpressions": [{ "key": "a", "operator": "Is" }] } } }),
                &[
                    "spec.selector.matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator",
                ],
            ),
        ],
    );
    created(
        "coordination.k8s.io",
        "Lease",
        &[(
            json!({ "spec": { "leaseDurationSeconds": 0, "leaseTransitions": -1 } }),
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        )],
    );
    created(
        "scheduling.k8s.io",
        "PriorityClass",
        &[
            (
                json!({ "value": 1_000_000_001 }),
                &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
            ),
            (json!({ "metadata": { "name": "system-node-critical" }, "value": 2_000_001_000 }), &[]),
            (
                json!({ "metadata": { "name": "system-mine" } }),
                &[
                    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
                ],
            ),
            (
                json!({ "preemptionPolicy": "Maybe" }),
                &[
                    "preemptionPolicy: Unsupported value: \"Maybe\": supported values: \"PreemptLowerPriority\", \"Never\"",
                ],
            ),
        ],
    );
    updated(
        "scheduling.k8s.io",
        "PriorityClass",
        json!({ "value": 1 }),
        &[(
            json!({ "value": 2, "preemptionPolicy": "Never" }),
            &[
                "value: Forbidden: may not be changed in an update.",
                "preemptionPolicy: Invalid value: \"Never\": field is immutable",
            ],
        )],
    );
}

#[test]
fn roles() {
    let rule = |rule: Value| json!({ "rules": [rule] });
    created(
        RBAC,
        "Role",
        &[
            (
                rule(json!({})),
                &[
                    "rules[0].verbs: Required value: verbs must contain at least one value",
                    "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                    "rules[0].resources: Required value: resource rules must supply at least one resource",
                ],
            ),
            (
                rule(json!({ "verbs": ["get"], "nonResourceURLs": ["/x"] })),
                &[
                    "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
                ],
            ),
            (rule(json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] })), &[]),
        ],
    );
    created(
        RBAC,
        "ClusterRole",
        &[
            (rule(json!({ "verbs": ["get"], "nonResourceURLs": ["/x"] })), &[]),
            (
                rule(json!({ "verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"] })),
                &[
                    "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: rules cannot apply to both regular resources and non-resource URLs",
                ],
            ),
            (
                json!({ "aggregationRule": {} }),
                &[
                    "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
                ],
            ),
        ],
    );
    created(
        RBAC,
        "ClusterRoleBinding",
        &[
            (
                json!({ "roleRef": { "kind": "Role" } }),
                &["roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\""],
            ),
            (
                json!({ "subjects": [{ "kind": "ServiceAccount", "name": "s" }] }),
                &["subjects[0].namespace: Required value"],
            ),
            (
                json!({ "subjects": [{ "kind": "Robot", "name": "s" }] }),
                &[
                    "subjects[0].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
                ],
            ),
        ],
    );
    updated(
        RBAC,
        "RoleBinding",
        minimal(RBAC, "RoleBinding"),
        &[(
            json!({ "roleRef": { "name": "other" } }),
            &[
                "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"other\"}: cannot change roleRef",
            ],
        )],
    );
}

#[test]
fn questions() {
    created(
        "authentication.k8s.io",
        "TokenRequest",
        &[
            (
                json!({ "spec": { "expirationSeconds": 599 } }),
                &[
                    "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
                ],
            ),
            (
                json!({ "spec": { "expirationSeconds": 4_294_967_297_i64 } }),
                &[
                    "spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
                ],
            ),
        ],
    );
    let url = json!({ "path": "/x", "verb": "get" });
    created(
        "authorization.k8s.io",
        "SubjectAccessReview",
        &[
            (
                json!({ "spec": { "user": null, "nonResourceAttributes": url } }),
                &[
                    "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/x\",\"Verb\":\"get\"}: cannot be specified in combination with resourceAttributes",
                    "spec.user: Invalid value: \"\": at least one of user or group must be specified",
                ],
            ),
            (
                json!({ "metadata": { "name": "x" } }),
                &["metadata: Invalid value: {\"name\":\"x\"}: must be empty"],
            ),
        ],
    );
    created(
        "authorization.k8s.io",
        "SelfSubjectAccessReview",
        &[
            (
                json!({ "spec": { "resourceAttributes": null } }),
                &[
                    "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
                ],
            ),
            (
                json!({ "spec": { "resourceAttributes": { "fieldSelector": {} } } }),
                &[
                    "spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
                ],
            ),
        ],
    );
    created(
        "authorization.k8s.io",
        "LocalSubjectAccessReview",
        &[(
            json!({ "spec": { "resourceAttributes": { "namespace": "m" } } }),
            &["spec.resourceAttributes.namespace: Invalid value: \"m\": must match metadata.namespace"],
        )],
    );
}
