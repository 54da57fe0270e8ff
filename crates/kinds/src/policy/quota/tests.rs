//! Tests of what is counted and refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn quota(name: &str, hard: Value, used: Value) -> Value {
    let mut quota = json!({"metadata": {"name": name}, "spec": {}, "status": {}});
    quota["status"]["hard"] = hard;
    quota["status"]["used"] = used;
    quota
}

fn pod(resources: Value) -> Value {
    let mut pod = json!({"spec": {"containers": [{"name": "c"}]}});
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

fn shown(amounts: &Amounts) -> Value {
    to_value(amounts)
}

#[test]
fn objects_use_what_quotas_know() {
    let class = "gold.storageclass.storage.k8s.io";
    let service = |spec: Value| json!({"spec": spec});
    let of_service = |ports: &str, balancers: &str| {
        json!({
            "count/services": "1", "services": "1", "services.nodeports": ports, "services.loadbalancers": balancers,
        })
    };
    let mut ended = pod(json!({"requests": {"cpu": "1"}}));
    ended["status"] = json!({"phase": "Succeeded"});
    let cases = [
        ("", "configmaps", json!({}), json!({"count/configmaps": "1", "configmaps": "1"})),
        ("apps", "deployments", json!({}), json!({"count/deployments.apps": "1"})),
        ("", "serviceaccounts", json!({}), json!({"count/serviceaccounts": "1"})),
        ("", "services", service(json!({"ports": [{}]})), of_service("0", "0")),
        ("", "services", service(json!({"type": "NodePort", "ports": [{}, {}]})), of_service("2", "0")),
        ("", "services", service(json!({"type": "LoadBalancer", "ports": [{}, {}]})), of_service("2", "1")),
        (
            "",
            "services",
            service(json!({
                "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{}, {"nodePort": 30000}],
            })),
            of_service("1", "1"),
        ),
        (
            "",
            "persistentvolumeclaims",
            json!({
                "spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}},
                "status": {"allocatedResources": {"storage": "2Gi"}},
            }),
            json!({
                "count/persistentvolumeclaims": "1", "persistentvolumeclaims": "1", "requests.storage": "2Gi",
                format!("{class}/persistentvolumeclaims"): "1", format!("{class}/requests.storage"): "2Gi",
            }),
        ),
        ("", "pods", ended, json!({"count/pods": "1"})),
        (
            "",
            "pods",
            pod(json!({
                "requests": {"cpu": "1", "memory": "1Gi", "hugepages-2Mi": "4Mi", "x.io/gpu": "2", "other": "3", "deviceclass.resource.kubernetes.io/d": "1"},
                "limits": {"cpu": "2", "ephemeral-storage": "1Gi", "x.io/gpu": "2"},
            })),
            json!({
                "count/pods": "1", "pods": "1", "cpu": "1", "requests.cpu": "1", "limits.cpu": "2",
                "memory": "1Gi", "requests.memory": "1Gi", "limits.ephemeral-storage": "1Gi",
                "hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi", "requests.x.io/gpu": "2", "requests.deviceclass.resource.kubernetes.io/d": "1",
            }),
        ),
    ];
    for (group, resource, object, expected) in cases {
        let used = usage(group, resource, &object);
        assert_eq!(shown(&used), expected, "{resource} {object}");
        assert!(used.keys().all(|name| usage::is_tracked(name, group, resource)), "{resource}");
    }
    assert!(!usage::is_tracked("count/deployments", "apps", "deployments"));
    assert!(!usage::is_tracked("services", "", "pods"));
}

#[test]
fn refusals_tell_what_is_exceeded() {
    let quotas = [
        quota("room", json!({"pods": "10"}), json!({"pods": "3"})),
        quota(
            "q",
            json!({"pods": "3", "requests.cpu": "2", "requests.memory": "1Gi"}),
            json!({"pods": "3", "requests.cpu": "1500m", "requests.memory": "0"}),
        ),
    ];
    let refused = |quotas: &[Value], object: &Value| check(quotas, "", "pods", object, None).err();
    let small = pod(json!({"requests": {"cpu": "500m", "memory": "1Gi"}}));
    assert_eq!(
        refused(&quotas, &small).as_deref(),
        Some("exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3")
    );
    let large = pod(json!({"requests": {"cpu": "1", "memory": "1Gi"}}));
    assert_eq!(
        refused(&quotas, &large).as_deref(),
        Some(
            "exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=3,requests.cpu=1500m, limited: pods=3,requests.cpu=2"
        )
    );
    assert_eq!(
        refused(&quotas, &pod(json!({"limits": {"cpu": "1"}}))).as_deref(),
        Some("failed quota: q: must specify requests.cpu for: c; requests.memory for: c")
    );
    assert_eq!(
        refused(&[quota("q", json!({"pods": "3", "cpu": "1"}), json!({"pods": "1"}))], &large).as_deref(),
        Some("status unknown for quota: q, resources: cpu,pods")
    );
    assert_eq!(
        refused(&quotas[1..], &pod(json!({"requests": {"cpu": "-1", "memory": "-1"}}))).as_deref(),
        Some("quota usage is negative for resource(s): cpu,memory,requests.cpu,requests.memory")
    );
    let updates = check(&quotas[..1], "", "pods", &small, None).expect("there is room");
    assert_eq!(
        updates.iter().map(|(at, now)| (*at, shown(now))).collect::<Vec<_>>(),
        [(0, json!({"pods": "4"}))]
    );
    let mut whole = pod(json!({}));
    whole["spec"]["resources"] = json!({"requests": {"cpu": "1", "memory": "1Mi"}});
    let roomy = quota("q", json!({"requests.cpu": "2"}), json!({"requests.cpu": "1", "x": "7"}));
    let updates = check(&[roomy], "", "pods", &whole, None).expect("pods can speak for their containers");
    assert_eq!(shown(&updates[0].1), json!({"requests.cpu": "2", "x": "7"}));
}

#[test]
fn only_more_than_before_is_counted() {
    let full = [quota(
        "q",
        json!({"services": "1", "services.nodeports": "1"}),
        json!({"services": "5", "services.nodeports": "1"}),
    )];
    let service = |ports: usize| json!({"spec": {"type": "NodePort", "ports": vec![json!({}); ports]}});
    let change = |to: usize, from: usize| check(&full, "", "services", &service(to), Some(&service(from)));
    assert_eq!(change(1, 1), Ok(Vec::new()));
    assert_eq!(change(1, 2), Ok(Vec::new()));
    assert_eq!(
        change(2, 1),
        Err("exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1".to_owned())
    );
    assert_eq!(check(&full, "", "configmaps", &json!({}), None), Ok(Vec::new()));
    let plain = pod(json!({}));
    let mut ends = plain.clone();
    ends["spec"]["activeDeadlineSeconds"] = json!(5);
    for (resource, subresource, old, expected) in [
        ("pods", "", None, true),
        ("pods", "binding", None, false),
        ("pods", "", Some(&ends), true),
        ("pods", "", Some(&plain), false),
        ("pods", "resize", Some(&plain), true),
        ("services", "", Some(&plain), true),
        ("services", "status", Some(&plain), false),
        ("configmaps", "", Some(&plain), false),
    ] {
        assert_eq!(handles("", resource, subresource, &plain, old), expected, "{resource}/{subresource}");
    }
    let mut scoped = quota("q", json!({"pods": "1"}), json!({"pods": "0"}));
    scoped["spec"]["scopes"] = json!(["Terminating"]);
    let updates = check(&[scoped], "", "pods", &ends, Some(&plain)).expect("there is room");
    assert_eq!(updates.first().map(|(_, now)| shown(now)), Some(json!({"pods": "1"})));
}

#[test]
fn scopes_choose_objects() {
    let with = |spec: Value| {
        let mut pod = pod(json!({}));
        pod["spec"].as_object_mut().expect("a map").extend(spec.as_object().cloned().unwrap_or_default());
        pod
    };
    let class = |operator: &str, values: Value| {
        json!({"scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": operator, "values": values},
        ]}})
    };
    let scopes = |scope: &str| json!({"scopes": [scope]});
    let high = with(json!({"priorityClassName": "high"}));
    let plain = with(json!({}));
    let ends = with(json!({"activeDeadlineSeconds": 0}));
    let near = with(json!({"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"podAffinityTerm": {"namespaceSelector": {}}},
    ]}}}));
    let there =
        with(json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"namespaces": ["x"]},
        ]}}}));
    let burst = pod(json!({"requests": {"cpu": "1"}}));
    let cases = [
        (json!({}), &plain, true),
        (scopes("Terminating"), &ends, true),
        (scopes("Terminating"), &plain, false),
        (scopes("NotTerminating"), &plain, true),
        (scopes("NotTerminating"), &ends, false),
        (scopes("BestEffort"), &plain, true),
        (scopes("BestEffort"), &burst, false),
        (scopes("NotBestEffort"), &burst, true),
        (scopes("CrossNamespacePodAffinity"), &near, true),
        (scopes("CrossNamespacePodAffinity"), &there, true),
        (scopes("CrossNamespacePodAffinity"), &plain, false),
        (scopes("PriorityClass"), &high, true),
        (scopes("PriorityClass"), &plain, false),
        (class("In", json!(["high", "low"])), &high, true),
        (class("In", json!(["low"])), &high, false),
        (class("NotIn", json!(["low"])), &high, true),
        (class("NotIn", json!(["high"])), &high, false),
        (class("NotIn", json!(["high"])), &plain, true),
        (class("DoesNotExist", json!([])), &plain, true),
        (class("DoesNotExist", json!([])), &high, false),
        (json!({"scopes": ["BestEffort", "Terminating"]}), &plain, false),
        (scopes("Unknown"), &plain, false),
    ];
    for (spec, object, expected) in cases {
        let mut quota = quota("q", json!({"pods": "1"}), json!({}));
        quota["spec"] = spec;
        assert_eq!(matches(&quota, "", "pods", object), expected, "{quota} {object}");
    }
    let mut quota = quota("q", json!({"persistentvolumeclaims": "1", "configmaps": "1"}), json!({}));
    quota["spec"] = scopes("VolumeAttributesClass");
    let claim = json!({"status": {"currentVolumeAttributesClassName": "fast"}});
    assert!(matches(&quota, "", "persistentvolumeclaims", &claim));
    assert!(!matches(&quota, "", "persistentvolumeclaims", &json!({})));
    assert!(!matches(&quota, "", "configmaps", &json!({})));
}

proptest! {
    #[test]
    fn what_is_let_in_stays_within_the_quota(hard in 0_i64..20, used in 0_i64..20, wanted in 0_i64..20) {
        let quotas = [quota("q", json!({"requests.cpu": hard.to_string()}), json!({"requests.cpu": used.to_string()}))];
        let pod = pod(json!({"requests": {"cpu": wanted.to_string()}}));
        match check(&quotas, "", "pods", &pod, None) {
            Ok(updates) if wanted == 0 => prop_assert!(updates.is_empty()),
            Ok(updates) => {
                let now = updates.first().and_then(|(_, now)| now.get("requests.cpu")).map(|now| now.value());
                prop_assert_eq!(now, Some(used + wanted));
                prop_assert!(used + wanted <= hard);
            }
            Err(_) => prop_assert!(used + wanted > hard),
        }
    }
}
