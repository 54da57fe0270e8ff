//! Tests of defaults and bounds.

use serde_json::json;

use super::*;

fn range(limits: &Value) -> [Value; 1] {
    [json!({"spec": {"limits": [limits]}})]
}

#[test]
fn defaults_are_set_and_told() {
    let ranges = range(&json!({
        "type": "Container", "default": {"memory": "1Gi", "cpu": "1"}, "defaultRequest": {"cpu": "500m", "memory": "1Gi"},
    }));
    let mut pod = json!({"spec": {
        "containers": [{"name": "a"}, {"name": "b", "resources": {
            "limits": {"cpu": "2", "memory": "2Gi"}, "requests": {"memory": "1Mi", "cpu": "1"},
        }}],
        "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "1"}}}],
    }});
    let b = pod["spec"]["containers"][1].clone();
    apply(&ranges, &mut pod);
    assert_eq!(
        pod,
        json!({
            "metadata": {"annotations": {
                "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a; memory request for init container i; cpu, memory limit for init container i",
            }},
            "spec": {
                "containers": [
                    {"name": "a", "resources": {
                        "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"},
                    }},
                    b,
                ],
                "initContainers": [{"name": "i", "resources": {
                    "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"},
                }}],
            },
        })
    );
    let before = pod.clone();
    apply(&ranges, &mut pod);
    assert_eq!(pod, before);
    let mut bare = json!({"spec": {"containers": [{"name": "a"}]}});
    apply(&range(&json!({"type": "Pod", "default": {"cpu": "1"}})), &mut bare);
    assert_eq!(bare, json!({"spec": {"containers": [{"name": "a"}]}}));
}

#[test]
fn bounds_are_told() {
    let cases = [
        (
            json!({"max": {"cpu": "1"}}),
            json!({"limits": {"cpu": "2"}}),
            "maximum cpu usage per Container is 1, but limit is 2",
        ),
        (
            json!({"max": {"cpu": "1"}}),
            json!({}),
            "maximum cpu usage per Container is 1.  No limit is specified",
        ),
        (
            json!({"max": {"cpu": "1"}}),
            json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1100m"}}),
            "maximum cpu usage per Container is 1, but request is 1100m",
        ),
        (json!({"max": {"cpu": "1"}}), json!({"limits": {"cpu": "1000m"}}), ""),
        (
            json!({"min": {"memory": "1Gi"}}),
            json!({}),
            "minimum memory usage per Container is 1Gi.  No request is specified",
        ),
        (
            json!({"min": {"memory": "1Gi"}}),
            json!({"requests": {"memory": "512Mi"}}),
            "minimum memory usage per Container is 1Gi, but request is 512Mi",
        ),
        (
            json!({"min": {"memory": "1Gi"}}),
            json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "1M"}}),
            "minimum memory usage per Container is 1Gi, but limit is 1M",
        ),
        (json!({"min": {"memory": "1Gi"}}), json!({"requests": {"memory": "1Gi"}}), ""),
        (
            json!({"maxLimitRequestRatio": {"cpu": "2"}}),
            json!({"requests": {"cpu": "300m"}, "limits": {"cpu": "1"}}),
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333",
        ),
        (
            json!({"maxLimitRequestRatio": {"cpu": "2"}}),
            json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}),
            "",
        ),
        (
            json!({"maxLimitRequestRatio": {"cpu": "1500m"}}),
            json!({"requests": {"cpu": "0"}, "limits": {"cpu": "1"}}),
            "cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0",
        ),
        (
            json!({"maxLimitRequestRatio": {"cpu": "1500m"}}),
            json!({"requests": {"cpu": "1"}}),
            "cpu max limit to request ratio per Container is 1500m, but no limit is specified or limit is 0",
        ),
        (
            json!({"max": {"cpu": "1"}, "min": {"memory": "1"}}),
            json!({}),
            "[minimum memory usage per Container is 1.  No request is specified, maximum cpu usage per Container is 1.  No limit is specified]",
        ),
    ];
    for (mut bounds, resources, expected) in cases {
        bounds["type"] = json!("Container");
        let container = json!({"resources": resources});
        let pod = json!({"spec": {"containers": [container, container]}});
        let told = validate(&range(&bounds), "", "Pod", &pod);
        let told = if told.is_empty() { String::new() } else { crate::policy::aggregate(&told) };
        assert_eq!(told, expected, "{bounds} {resources}");
        assert_eq!(validate(&range(&bounds), "apps", "Pod", &pod), Vec::<String>::new());
    }
}

#[test]
fn pods_and_claims_are_bounded_as_a_whole() {
    let container = json!({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}});
    let pod = json!({"spec": {"containers": [container, container], "overhead": {"cpu": "5"}}});
    let told = |bounds: Value, kind: &str, object: &Value| validate(&range(&bounds), "", kind, object);
    assert_eq!(
        told(json!({"type": "Pod", "max": {"cpu": "1500m"}}), "Pod", &pod),
        ["maximum cpu usage per Pod is 1500m, but limit is 2"]
    );
    assert_eq!(told(json!({"type": "Pod", "max": {"cpu": "2"}}), "Pod", &pod), Vec::<String>::new());
    let claim = json!({"spec": {"resources": {"requests": {"storage": "1Gi"}}}});
    let of_claim =
        |bound: &str, amount: &str| json!({"type": "PersistentVolumeClaim", bound: {"storage": amount}});
    assert_eq!(
        told(of_claim("min", "2Gi"), "PersistentVolumeClaim", &claim),
        ["minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi"]
    );
    assert_eq!(
        told(of_claim("max", "500Mi"), "PersistentVolumeClaim", &claim),
        ["maximum storage usage per PersistentVolumeClaim is 500Mi, but request is 1Gi"]
    );
    assert_eq!(told(of_claim("max", "1Gi"), "PersistentVolumeClaim", &claim), Vec::<String>::new());
    assert_eq!(told(of_claim("max", "1"), "Pod", &pod), Vec::<String>::new());
}
