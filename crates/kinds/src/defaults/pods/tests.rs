//! Defaults by kind, and what holds for all of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::validate;

fn defaulted(group: &str, kind: &str, mut object: Value) -> Value {
    assert!(apply(group, kind, &mut object), "{kind} has Pods");
    object
}

/// The kinds with Pods, each with the least that can be said of it.
pub(crate) fn minimal() -> Vec<(&'static str, &'static str, Value)> {
    let metadata = json!({"name": "a", "namespace": "default", "uid": "1-2-3"});
    let container = json!({"name": "c", "image": "nginx"});
    let labels = json!({"app": "a"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let once = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
    let selected = json!({"selector": {"matchLabels": labels}, "template": template});
    let all = [
        ("", "Pod", json!({"spec": {"containers": [container]}})),
        ("", "PodTemplate", json!({"template": template})),
        ("", "ReplicationController", json!({"spec": {"template": template}})),
        ("apps", "Deployment", json!({"spec": selected})),
        ("apps", "ReplicaSet", json!({"spec": selected})),
        ("apps", "StatefulSet", json!({"spec": selected})),
        ("apps", "DaemonSet", json!({"spec": selected})),
        ("apps", "ControllerRevision", json!({"data": {}, "revision": 1})),
        ("batch", "Job", json!({"spec": {"template": once}})),
        (
            "batch",
            "CronJob",
            json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": once}}}}),
        ),
    ];
    all.into_iter()
        .map(|(group, kind, mut object)| {
            object["metadata"] = metadata.clone();
            (group, kind, object)
        })
        .collect()
}

#[test]
fn the_least_of_every_kind_is_fine_and_stays_as_it_is() {
    for (group, kind, object) in minimal() {
        let mut object = defaulted(group, kind, object);
        assert_eq!(defaulted(group, kind, object.clone()), object, "{kind}");
        prepare_create(group, kind, &mut object);
        assert_eq!(validate::pods::create(group, kind, &object), Some(Vec::new()), "{kind}");
        assert_eq!(defaulted(group, kind, object.clone()), object, "{kind}");
        let mut again = object.clone();
        prepare_update(group, kind, &mut again, &object);
        assert_eq!(again, object, "{kind}");
        assert_eq!(validate::pods::update(group, kind, &again, &object), Some(Vec::new()), "{kind}");
        assert_eq!(validate::pods::update_status(group, kind, &again, &object), Some(Vec::new()), "{kind}");
    }
    let mut other = json!({"data": {}});
    assert!(!apply("", "ConfigMap", &mut other) && other == json!({"data": {}}));
    assert_eq!(validate::pods::create("", "ConfigMap", &other), None);
    assert_eq!(validate::pods::update("example.com", "Pod", &other, &other), None);
}

#[test]
fn a_pod_is_filled_in() {
    let pod = defaulted(
        "",
        "Pod",
        json!({"spec": {
            "hostNetwork": true, "serviceAccountName": "robot",
            "containers": [{
                "name": "c", "image": "nginx:1", "ports": [{"containerPort": 80}],
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"grpc": {"port": 1}, "periodSeconds": 7},
                "lifecycle": {"preStop": {"httpGet": {"port": 80}}},
            }],
            "volumes": [{"name": "e"}, {"name": "s", "secret": {"secretName": "x"}}, {"name": "h", "hostPath": {"path": "/"}}],
        }}),
    );
    assert_eq!(
        pod["spec"],
        json!({
            "hostNetwork": true, "serviceAccountName": "robot", "serviceAccount": "robot", "enableServiceLinks": true,
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
            "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
            "containers": [{
                "name": "c", "image": "nginx:1", "imagePullPolicy": "IfNotPresent",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}],
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
                "readinessProbe": {"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 7, "successThreshold": 1, "failureThreshold": 3},
                "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}}},
            }],
            "volumes": [
                {"name": "e", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
                {"name": "h", "hostPath": {"path": "/", "type": ""}},
            ],
        })
    );
}

#[test]
fn resources_of_a_whole_pod_follow_from_its_containers() {
    let filled = |resources: Value| {
        let container = json!({"resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "1"}}});
        let spec = json!({"resources": resources, "containers": [container, container]});
        defaulted("", "Pod", json!({"spec": spec}))["spec"]["resources"].clone()
    };
    assert_eq!(
        filled(json!({"limits": {"cpu": "4", "memory": "1Gi"}})),
        json!({"limits": {"cpu": "4", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}})
    );
    assert_eq!(
        filled(json!({"requests": {"cpu": "1"}})),
        json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}})
    );
    assert_eq!(filled(json!({})), json!({}));
}

#[test]
fn workloads_are_filled_in() {
    let spec = |group: &str, kind: &str, spec: Value| {
        let mut object = defaulted(group, kind, json!({"spec": spec}));
        let template = object["spec"].as_object_mut().and_then(|spec| spec.remove("template"));
        let policy =
            template.and_then(|template| template["spec"]["restartPolicy"].as_str().map(str::to_owned));
        assert_eq!(policy.as_deref(), (kind != "CronJob").then_some("Always"), "{kind}");
        object["spec"].clone()
    };
    assert_eq!(
        spec("apps", "Deployment", json!({})),
        json!({
            "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        })
    );
    assert_eq!(
        spec("apps", "Deployment", json!({"strategy": {"type": "Recreate"}}))["strategy"],
        json!({"type": "Recreate"})
    );
    assert_eq!(
        spec("apps", "DaemonSet", json!({})),
        json!({"revisionHistoryLimit": 10, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}})
    );
    assert_eq!(
        spec("apps", "StatefulSet", json!({"volumeClaimTemplates": [{"metadata": {"name": "d"}}]})),
        json!({
            "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "volumeClaimTemplates": [{
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
                "spec": {"volumeMode": "Filesystem", "resources": {}}, "status": {"phase": "Pending"},
            }],
        })
    );
    assert_eq!(
        spec("batch", "Job", json!({"parallelism": 2, "backoffLimitPerIndex": 1})),
        json!({
            "parallelism": 2, "backoffLimitPerIndex": 1, "backoffLimit": i32::MAX, "completionMode": "NonIndexed",
            "suspend": false, "manualSelector": false, "podReplacementPolicy": "TerminatingOrFailed",
        })
    );
    assert_eq!(spec("batch", "Job", json!({}))["completions"], 1);
    let mut cron = spec("batch", "CronJob", json!({}));
    let job = cron["jobTemplate"]["spec"].take();
    assert_eq!(job["template"]["spec"]["dnsPolicy"], "ClusterFirst");
    assert_eq!(job.as_object().map(Map::len), Some(1));
    assert_eq!(
        cron,
        json!({
            "concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {}, "spec": null},
        })
    );
}

#[test]
fn a_replication_controller_selects_what_it_makes() {
    let labels = json!({"app": "a"});
    let object = json!({"spec": {"template": {"metadata": {"labels": labels}, "spec": {}}}});
    let object = defaulted("", "ReplicationController", object);
    assert_eq!((&object["spec"]["selector"], &object["metadata"]["labels"]), (&labels, &labels));
}

#[test]
fn a_pod_begins_pending() {
    let mut pod = json!({"spec": {"schedulingGates": [{"name": "a"}]}, "status": {"phase": "Running"}});
    prepare_create("", "Pod", &mut pod);
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(pod["status"]["qosClass"], "BestEffort");
    assert_eq!(pod["status"]["conditions"][0]["reason"], "SchedulingGated");
    let term =
        json!({"labelSelector": {}, "matchLabelKeys": ["app", "none"], "mismatchLabelKeys": ["tenant"]});
    let mut pod = json!({
        "metadata": {"labels": {"app": "a", "tenant": "b"}},
        "spec": {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}},
    });
    prepare_create("", "Pod", &mut pod);
    let term = &pod["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(
        term["labelSelector"]["matchExpressions"],
        json!([
            {"key": "app", "operator": "In", "values": ["a"]}, {"key": "tenant", "operator": "NotIn", "values": ["b"]},
        ])
    );
}

#[test]
fn a_status_keeps_the_class_of_the_pod() {
    let old = json!({"status": {"phase": "Pending", "qosClass": "Burstable", "observedGeneration": 3}});
    let mut new = json!({"status": {"phase": "Running", "observedGeneration": 4}});
    prepare_status("", "Pod", &mut new, &old);
    assert_eq!(
        new,
        json!({"status": {"phase": "Running", "qosClass": "Burstable", "observedGeneration": 4}})
    );
    let mut other = json!({"status": {}});
    prepare_status("apps", "Deployment", &mut other, &old);
    assert_eq!(other, json!({"status": {}}));
}

#[test]
fn a_job_selects_its_own_pods() {
    let mut job = json!({"metadata": {"name": "n", "uid": "u"}, "spec": {"template": {"metadata": {"labels": {"job-name": "mine"}}}}});
    prepare_create("batch", "Job", &mut job);
    assert_eq!(
        job["spec"]["template"]["metadata"]["labels"],
        json!({
            "job-name": "mine", "controller-uid": "u", "batch.kubernetes.io/job-name": "n",
            "batch.kubernetes.io/controller-uid": "u",
        })
    );
    assert_eq!(job["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}));
    assert_eq!(job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]);
    let manual =
        json!({"metadata": {"name": "n", "uid": "u"}, "spec": {"manualSelector": true, "template": {}}});
    let mut same = manual.clone();
    prepare_create("batch", "Job", &mut same);
    assert_eq!(same, manual);
}

#[test]
fn templates_of_daemon_sets_are_counted() {
    let count = |object: &Value| {
        object["metadata"]["annotations"]["deprecated.daemonset.template.generation"].clone()
    };
    let mut old = json!({"spec": {"template": {"a": 1}}});
    prepare_create("apps", "DaemonSet", &mut old);
    assert_eq!(count(&old), "1");
    let mut new = json!({"spec": {"template": {"a": 1}, "minReadySeconds": 1}});
    prepare_update("apps", "DaemonSet", &mut new, &old);
    assert_eq!(count(&new), "1");
    new["spec"]["template"]["a"] = json!(2);
    prepare_update("apps", "DaemonSet", &mut new, &old);
    assert_eq!(count(&new), "2");
}

#[test]
fn subresources_change_only_what_is_theirs() {
    let old = json!({"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {
        "nodeName": "n", "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "1"}}}],
    }, "status": {"phase": "Running"}});
    let sent = json!({"metadata": {"name": "p", "resourceVersion": "7"}, "spec": {
        "nodeName": "other", "ephemeralContainers": [{"name": "e"}],
        "containers": [{"name": "c", "image": "y", "resources": {"requests": {"cpu": "2"}}}],
    }});
    let mut new = sent.clone();
    prepare_ephemeral_containers(&mut new, &old);
    let mut expected = old.clone();
    expected["spec"]["ephemeralContainers"] = json!([{"name": "e"}]);
    expected["metadata"]["resourceVersion"] = json!("7");
    assert_eq!(new, expected);
    let mut new = sent;
    prepare_resize(&mut new, &old);
    let mut expected = old;
    expected["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "2"}});
    expected["metadata"]["resourceVersion"] = json!("7");
    assert_eq!(new, expected);
}

/// Any JSON, with names of fields that mean something more often than not.
fn json_value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "metadata",
        "labels",
        "annotations",
        "spec",
        "template",
        "containers",
        "initContainers",
        "volumes",
        "name",
        "image",
        "resources",
        "limits",
        "requests",
        "cpu",
        "ports",
        "containerPort",
        "hostPort",
        "hostNetwork",
        "livenessProbe",
        "httpGet",
        "strategy",
        "updateStrategy",
        "type",
        "rollingUpdate",
        "selector",
        "schedule",
        "jobTemplate",
        "env",
        "valueFrom",
        "fieldRef",
        "affinity",
        "tolerations",
        "status",
        "serviceAccount",
        "ephemeralContainers",
        "schedulingGates",
        "securityContext",
        "projected",
        "sources",
        "volumeMounts",
        "podFailurePolicy",
        "rules",
        "completionMode",
        "completions",
        "conditions",
        "matchLabels",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "a",
            "1Gi",
            "-1",
            "25%",
            "RollingUpdate",
            "Always",
            "Never",
            "Indexed",
            "* * * * *",
            "é"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 96, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn defaults_settle_and_nothing_panics(object in json_value(), old in json_value()) {
        for (group, kind, _) in minimal() {
            let mut once = json!({"spec": object, "template": object, "status": object, "metadata": object});
            apply(group, kind, &mut once);
            let mut twice = once.clone();
            apply(group, kind, &mut twice);
            prop_assert_eq!(&once, &twice);
            prepare_create(group, kind, &mut twice);
            let old = json!({"spec": old, "template": old, "status": old, "metadata": old});
            prepare_update(group, kind, &mut twice, &old);
            prop_assert!(validate::pods::create(group, kind, &twice).is_some());
            prop_assert!(validate::pods::update(group, kind, &twice, &old).is_some());
            prop_assert!(validate::pods::update_status(group, kind, &twice, &old).is_some());
            validate::pods::ephemeral_containers(&twice, &old);
            validate::pods::resize(&twice, &old);
            prepare_ephemeral_containers(&mut twice, &old);
            prepare_resize(&mut once, &old);
            prepare_status(group, kind, &mut once, &old);
        }
    }
}
