//! What keeps a number of Pods, and Jobs.

use serde_json::{Value, json};

use super::{made, over, shown};
use crate::defaults::pods::{apply, prepare_create};
use crate::validate::pods::update;

fn whole(spec: Value) -> Value {
    let mut whole = json!({
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
    });
    over(&mut whole, spec);
    json!({"metadata": {"name": "w", "uid": "u"}, "spec": whole})
}

fn wrong(kind: &str, spec: Value) -> Vec<String> {
    made("apps", kind, whole(spec))
}

fn changed(group: &str, kind: &str, object: Value, patch: Value) -> Vec<String> {
    let mut old = object;
    apply(group, kind, &mut old);
    prepare_create(group, kind, &mut old);
    let mut new = old.clone();
    over(&mut new["spec"], patch);
    shown(&update(group, kind, &new, &old).expect("a kind with Pods"))
}

#[test]
fn deployments_are_checked() {
    let cases = [
        (
            json!({"selector": null}),
            vec![
                "spec.selector: Required value",
                r#"spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            json!({"selector": {"matchLabels": null}}),
            vec!["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (
            json!({"selector": {"matchLabels": {"app": "b"}}}),
            vec![
                r#"spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            json!({"template": {"metadata": null}}),
            vec![
                "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            ],
        ),
        (
            json!({"template": {"spec": {"restartPolicy": "Never"}}}),
            vec![
                r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#,
            ],
        ),
        (
            json!({"template": {"spec": {"activeDeadlineSeconds": 1}}}),
            vec![
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
            ],
        ),
        (
            json!({"replicas": -1}),
            vec!["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}),
            vec![
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0"#,
            ],
        ),
        (
            json!({"strategy": {"rollingUpdate": {"maxSurge": "half", "maxUnavailable": "101%"}}}),
            vec![
                "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"half\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#,
            ],
        ),
        (
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {}}}),
            vec![
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            ],
        ),
        (
            json!({"strategy": {"type": "Canary"}}),
            vec![
                r#"spec.strategy: Unsupported value: {"RollingUpdate":null,"Type":"Canary"}: supported values: "Recreate", "RollingUpdate""#,
            ],
        ),
        (
            json!({"progressDeadlineSeconds": 5, "minReadySeconds": 5}),
            vec!["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"],
        ),
        (json!({"template": {"spec": {"containers": [{"name": "c", "image": " x"}]}}}), vec![]),
    ];
    for (spec, expected) in cases {
        assert_eq!(wrong("Deployment", spec.clone()), expected, "{spec}");
    }
}

#[test]
fn other_workloads_are_checked() {
    assert_eq!(
        wrong("DaemonSet", json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}})),
        [
            "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"
        ]
    );
    assert_eq!(
        wrong("DaemonSet", json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}})),
        ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"]
    );
    assert_eq!(
        wrong(
            "StatefulSet",
            json!({"podManagementPolicy": "Chaos", "updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}})
        ),
        [
            r#"spec.podManagementPolicy: Invalid value: "Chaos": must be 'OrderedReady' or 'Parallel'"#,
            r#"spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1}: only allowed for updateStrategy 'RollingUpdate'"#,
        ]
    );
    let claimed = json!({
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
        "template": {"spec": {"containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}},
    });
    assert_eq!(wrong("StatefulSet", claimed), Vec::<String>::new());
    let controller = |spec: Value| {
        let mut object = whole(json!({"selector": null}));
        over(&mut object, json!({"spec": spec}));
        made("", "ReplicationController", object)
    };
    assert_eq!(controller(json!({})), Vec::<String>::new());
    assert_eq!(controller(json!({"template": {"metadata": null}})), ["spec.selector: Required value"]);
    assert_eq!(
        controller(json!({"template": null})),
        ["spec.selector: Required value", "spec.template: Required value"]
    );
    assert_eq!(
        made("apps", "ControllerRevision", json!({"metadata": {"name": "r"}, "revision": -1})),
        [
            "data: Required value: data is mandatory",
            "revision: Invalid value: -1: must be greater than or equal to 0"
        ]
    );
    assert_eq!(
        made("", "PodTemplate", json!({"metadata": {"name": "t"}, "template": {"spec": {"containers": []}}})),
        ["template.spec.containers: Required value"]
    );
}

#[test]
fn a_missing_template_is_an_empty_one() {
    assert_eq!(
        wrong("Deployment", json!({"template": null})),
        [
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            "spec.template.spec.containers: Required value",
        ]
    );
}

#[test]
fn selectors_do_not_change() {
    let other = json!({"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}});
    for kind in ["Deployment", "ReplicaSet", "DaemonSet"] {
        assert_eq!(
            changed("apps", kind, whole(json!({})), other.clone()),
            [r#"spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable"#],
            "{kind}"
        );
        assert_eq!(
            changed("apps", kind, whole(json!({})), json!({"minReadySeconds": 3})),
            Vec::<String>::new()
        );
    }
    let forbidden = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    assert_eq!(changed("apps", "StatefulSet", whole(json!({})), json!({"serviceName": "s"})), [forbidden]);
    assert_eq!(
        changed("apps", "StatefulSet", whole(json!({})), json!({"replicas": 3, "revisionHistoryLimit": 1})),
        Vec::<String>::new()
    );
}

fn job(spec: Value) -> Value {
    let mut whole = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}});
    over(&mut whole, spec);
    json!({"metadata": {"name": "j", "uid": "u"}, "spec": whole})
}

#[test]
fn jobs_are_checked() {
    let cases = [
        (
            json!({"template": {"spec": {"restartPolicy": null}}}),
            vec![r#"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#],
        ),
        (json!({"template": {"spec": {"restartPolicy": "OnFailure"}}}), vec![]),
        (
            json!({"completionMode": "Random"}),
            vec![
                r#"spec.completionMode: Unsupported value: "Random": supported values: "NonIndexed", "Indexed""#,
            ],
        ),
        (
            json!({"completionMode": "Indexed", "parallelism": 1}),
            vec!["spec.completions: Required value: when completion mode is Indexed"],
        ),
        (
            json!({"backoffLimit": -1, "ttlSecondsAfterFinished": -1}),
            vec![
                "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
                "spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            json!({"backoffLimitPerIndex": 1}),
            vec!["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
        ),
        (
            json!({"podReplacementPolicy": "Never"}),
            vec![
                r#"spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed""#,
            ],
        ),
        (
            json!({"manualSelector": true}),
            vec![
                "spec.selector: Required value",
                "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            ],
        ),
        (
            json!({"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "other"}}}),
            vec![
                r#"spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"other"}}: `selector` not auto-generated"#,
                r#"spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"j"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            json!({"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3, 0]}}]}}),
            vec![
                "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
                "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0]: must be ordered",
            ],
        ),
        (
            json!({"completionMode": "Indexed", "completions": 3, "parallelism": 1, "successPolicy": {"rules": [{"succeededIndexes": "0-5", "succeededCount": 4}]}}),
            vec![
                r#"spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0-5": error parsing succeededIndexes: too large index: "5""#,
                "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)",
                "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)",
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(made("batch", "Job", job(spec.clone())), expected, "{spec}");
    }
}

#[test]
fn jobs_hardly_change() {
    let change = |spec: Value, patch: Value| changed("batch", "Job", job(spec), patch);
    assert_eq!(
        change(json!({}), json!({"completions": 2})),
        ["spec.completions: Invalid value: 2: field is immutable"]
    );
    assert_eq!(change(json!({}), json!({"parallelism": 2, "suspend": true})), Vec::<String>::new());
    let patch = json!({"template": {"spec": {"nodeSelector": {"a": "b"}}}});
    assert_eq!(change(json!({"suspend": true}), patch.clone()), Vec::<String>::new());
    let found = change(json!({}), patch);
    assert!(
        found.len() == 1
            && found[0].starts_with("spec.template: Invalid value: {")
            && found[0].ends_with(": field is immutable")
    );
    let indexed = json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2});
    assert_eq!(change(indexed.clone(), json!({"completions": 3, "parallelism": 3})), Vec::<String>::new());
    assert_eq!(
        change(indexed, json!({"completions": 3})),
        ["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"]
    );
}

#[test]
fn cron_jobs_are_checked() {
    let cron = |spec: Value| {
        let mut whole = json!({"schedule": "0 0 * * *", "jobTemplate": {"spec": job(json!({}))["spec"]}});
        over(&mut whole, spec);
        json!({"metadata": {"name": "c"}, "spec": whole})
    };
    let cases = [
        (json!({"schedule": ""}), vec!["spec.schedule: Required value"]),
        (
            json!({"schedule": "0 0 * *"}),
            vec![r#"spec.schedule: Invalid value: "0 0 * *": expected exactly 5 fields, found 4: [0 0 * *]"#],
        ),
        (
            json!({"schedule": "TZ=UTC 0 0 * * *"}),
            vec![
                r#"spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"#,
            ],
        ),
        (
            json!({"timeZone": "Mars/Phobos"}),
            vec![r#"spec.timeZone: Invalid value: "Mars/Phobos": unknown time zone Mars/Phobos"#],
        ),
        (json!({"timeZone": "Europe/Berlin"}), vec![]),
        (
            json!({"concurrencyPolicy": "Panic"}),
            vec![
                r#"spec.concurrencyPolicy: Unsupported value: "Panic": supported values: "Allow", "Forbid", "Replace""#,
            ],
        ),
        (
            json!({"failedJobsHistoryLimit": -1}),
            vec!["spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            json!({"jobTemplate": {"spec": {"manualSelector": true}}}),
            vec![
                r#"spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false""#,
            ],
        ),
        (
            json!({"jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}}),
            vec![
                r#"spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#,
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(made("batch", "CronJob", cron(spec.clone())), expected, "{spec}");
    }
    let mut long = cron(json!({}));
    long["metadata"]["name"] = json!("c".repeat(53));
    let name = "c".repeat(53);
    assert_eq!(
        made("batch", "CronJob", long),
        [format!(r#"metadata.name: Invalid value: "{name}": must be no more than 52 characters"#)]
    );
}
