//! Tests of what admission puts into objects.

use super::*;

#[test]
fn pods_stay_for_five_minutes() {
    let added = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let not_ready = added("node.kubernetes.io/not-ready");
    let unreachable = added("node.kubernetes.io/unreachable");
    for (given, expected) in [
        (json!(null), json!([not_ready, unreachable])),
        (json!([{"operator": "Exists"}]), json!([{"operator": "Exists"}])),
        (
            json!([{"operator": "Exists", "effect": "NoSchedule"}]),
            json!([{"operator": "Exists", "effect": "NoSchedule"}, not_ready, unreachable]),
        ),
        (
            json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists"}]),
            json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists"}, not_ready]),
        ),
    ] {
        let mut pod = json!({"spec": {"tolerations": given}});
        default_tolerations(&mut pod);
        assert_eq!(pod["spec"]["tolerations"], expected, "{given}");
        default_tolerations(&mut pod);
        assert_eq!(pod["spec"]["tolerations"], expected, "twice");
    }
}

fn class(name: &str, value: i64, default: bool) -> Value {
    json!({
        "metadata": {"name": name}, "value": value, "globalDefault": default, "preemptionPolicy": "Never",
    })
}

#[test]
fn priorities_come_from_classes() {
    let classes = [class("high", 1000, false), class("normal", 10, true), class("low", 5, true)];
    let give = |spec: Value, classes: &[Value]| {
        let mut pod = json!({"spec": spec});
        priority(&mut pod, classes).map(|()| pod["spec"].clone())
    };
    let given = |class: &str, priority: i64, policy: &str| {
        Ok(json!({"priorityClassName": class, "priority": priority, "preemptionPolicy": policy}))
    };
    assert_eq!(give(json!({}), &[]), Ok(json!({"priority": 0, "preemptionPolicy": "PreemptLowerPriority"})));
    assert_eq!(give(json!({}), &classes), given("low", 5, "Never"));
    assert_eq!(give(json!({"priorityClassName": "high"}), &classes), given("high", 1000, "Never"));
    assert_eq!(
        give(json!({"priorityClassName": "high", "priority": 1000}), &classes),
        given("high", 1000, "Never")
    );
    assert_eq!(
        give(json!({"priorityClassName": "x"}), &classes),
        Err("no PriorityClass with name x was found".to_owned())
    );
    assert_eq!(
        give(json!({"priority": 1}), &[]),
        Err("the integer value of priority (1) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name".to_owned())
    );
    assert_eq!(
        give(json!({"priorityClassName": "high", "preemptionPolicy": "PreemptLowerPriority"}), &classes),
        Err("the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name".to_owned())
    );
}

#[test]
fn pods_get_their_service_account() {
    let account = json!({"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "s"}]});
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {
            "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"name": "own", "mountPath": account::MOUNT_PATH}]}],
            "initContainers": [{"name": "i"}],
        },
    });
    service_account(&mut pod, Some(&account), "x7k2p").expect("has one");
    let mount =
        json!([{"name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": account::MOUNT_PATH}]);
    assert_eq!(
        pod["spec"],
        json!({
            "serviceAccountName": "default", "serviceAccount": "default", "imagePullSecrets": [{"name": "s"}],
            "containers": [
                {"name": "a", "volumeMounts": mount},
                {"name": "b", "volumeMounts": [{"name": "own", "mountPath": account::MOUNT_PATH}]},
            ],
            "initContainers": [{"name": "i", "volumeMounts": mount}],
            "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
                ]}},
            ]}}],
        })
    );
    let before = pod.clone();
    service_account(&mut pod, Some(&account), "other").expect("has one");
    assert_eq!(pod, before, "a volume that is there is taken");
}

#[test]
fn tokens_can_be_left_out() {
    for (of_pod, of_account, mounted) in [
        (None, None, true),
        (None, Some(false), false),
        (Some(true), Some(false), true),
        (Some(false), Some(true), false),
    ] {
        let key = "automountServiceAccountToken";
        let account = of_account.map_or(json!({}), |says| json!({key: says}));
        let mut pod = json!({"spec": {"containers": [{"name": "a"}], "imagePullSecrets": [{"name": "own"}]}});
        if let Some(says) = of_pod {
            pod["spec"][key] = json!(says);
        }
        service_account(&mut pod, Some(&account), "x").expect("has one");
        assert_eq!(pod["spec"].get("volumes").is_some(), mounted, "{of_pod:?} {of_account:?}");
        assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "own"}]));
    }
}

#[test]
fn accounts_can_be_refused() {
    let refused = |mut pod: Value| service_account(&mut pod, None, "x").err();
    let with = |spec: Value, annotations: Value| json!({"metadata": {"namespace": "ns", "annotations": annotations}, "spec": spec});
    let mirror = json!({"kubernetes.io/config.mirror": "x"});
    let token = json!({"volumes": [{"projected": {"sources": [{"serviceAccountToken": {}}]}}]});
    assert_eq!(
        refused(with(json!({"serviceAccountName": "bot"}), json!({}))).as_deref(),
        Some("error looking up service account ns/bot: serviceaccount \"bot\" not found")
    );
    assert_eq!(
        refused(with(json!({"serviceAccountName": "bot"}), mirror.clone())).as_deref(),
        Some("a mirror pod may not reference service accounts")
    );
    assert_eq!(
        refused(with(token, mirror.clone())).as_deref(),
        Some("a mirror pod may not use ServiceAccountToken volume projections")
    );
    for spec in [
        json!({"volumes": [{"secret": {"secretName": "s"}}]}),
        json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "s"}}}]}]}),
        json!({"imagePullSecrets": [{"name": "s"}]}),
    ] {
        let refused = refused(with(spec, mirror.clone()));
        assert_eq!(refused.as_deref(), Some("a mirror pod may not reference secrets"));
    }
    assert_eq!(refused(with(json!({"volumes": [{"configMap": {"name": "c"}}]}), mirror)), None);
}

#[test]
fn new_nodes_are_tainted_and_storage_is_protected() {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let mut node =
        json!({"spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}});
    node_taints(&mut node);
    node_taints(&mut node);
    assert_eq!(node["spec"]["taints"].as_array().map(|taints| &taints[1..]), Some(&[taint][..]));
    for (group, resource, expected) in [
        ("", "persistentvolumeclaims", json!(["x", "kubernetes.io/pvc-protection"])),
        ("", "persistentvolumes", json!(["x", "kubernetes.io/pv-protection"])),
        ("storage.k8s.io", "volumeattributesclasses", json!(["x", "kubernetes.io/vac-protection"])),
        ("", "pods", json!(["x"])),
    ] {
        let mut object = json!({"metadata": {"finalizers": ["x"]}});
        storage_protection(group, resource, &mut object);
        storage_protection(group, resource, &mut object);
        assert_eq!(object["metadata"]["finalizers"], expected, "{resource}");
    }
}

#[test]
fn claims_get_the_newest_default_class() {
    let class = |name: &str, time: &str, key: &str| json!({"metadata": {"name": name, "creationTimestamp": time, "annotations": {key: "true"}}});
    let classes = [
        class("old", "2020-01-01T00:00:00Z", DEFAULT_CLASS[0]),
        class("b", "2021-01-01T00:00:00Z", DEFAULT_CLASS[1]),
        class("a", "2021-01-01T00:00:00Z", DEFAULT_CLASS[0]),
        class("newest", "2022-01-01T00:00:00Z", "other"),
    ];
    for (claim, expected) in [
        (json!({"spec": {}}), json!("a")),
        (json!({"spec": {"storageClassName": ""}}), json!("")),
        (json!({"metadata": {"annotations": {CLASS_OF_CLAIM: "x"}}, "spec": {}}), json!(null)),
    ] {
        let mut given = claim.clone();
        default_storage_class(&mut given, &classes);
        assert_eq!(given["spec"]["storageClassName"], expected, "{claim}");
    }
    let mut claim = json!({});
    default_storage_class(&mut claim, &classes[3..]);
    assert_eq!(claim, json!({}));
}
