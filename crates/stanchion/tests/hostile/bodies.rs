//! Bodies that are no objects, or objects that are no good.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::{long, within};

/// One in so many cases of a long table is taken by the short form of a test.
const STRIDE: usize = 17;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Nests something in itself.
pub(crate) fn nested(open: &str, middle: &str, close: &str, times: usize) -> String {
    [&open.repeat(times), middle, &close.repeat(times)].concat()
}

/// Returns bodies that are no object of any kind, as media type and bytes.
pub(crate) fn no_objects() -> Vec<(&'static str, Vec<u8>)> {
    let deep = 100_000;
    let texts = [
        (JSON, String::new()),
        (JSON, "{".to_owned()),
        (JSON, "}".to_owned()),
        (JSON, "null".to_owned()),
        (JSON, "[]".to_owned()),
        (JSON, "5".to_owned()),
        (JSON, "\"text\"".to_owned()),
        (JSON, "{\"metadata\":{\"name\":\"x\"}".to_owned()),
        (JSON, "{\"metadata\":{\"name\":\"x\"}} trailing".to_owned()),
        (JSON, "{\"metadata\":{\"name\":\"\\ud800\"}}".to_owned()),
        (JSON, "{\"metadata\":[1,2],\"a\":1e999}".to_owned()),
        (JSON, nested("[", "", "]", deep)),
        (JSON, nested("{\"a\":", "1", "}", deep)),
        (JSON, nested("[", "", "", deep)),
        (JSON, format!("{{\"metadata\":{{\"name\":\"x\"}},\"data\":{}}}", nested("{\"a\":", "1", "}", deep))),
        (JSON, format!("{{\"spec\":{}}}", nested("[", "", "]", 400))),
        (YAML, "\t".to_owned()),
        (YAML, "a: [".to_owned()),
        (YAML, "- a\n- b".to_owned()),
        (YAML, "? [a, b]\n: c".to_owned()),
        (YAML, "*unknown".to_owned()),
        (YAML, "&a [*a]".to_owned()),
        (YAML, "a: &a {b: *a}".to_owned()),
        (YAML, "!!binary abc".to_owned()),
        (YAML, nested("[", "", "]", deep)),
        (YAML, nested("{a: ", "1", "}", deep)),
        (YAML, "- ".repeat(deep)),
        (YAML, bomb()),
        (PROTOBUF, "k8s\0".to_owned()),
        (PROTOBUF, "k8s\0\n\u{7f}".to_owned()),
        (PROTOBUF, "not at all".to_owned()),
        ("text/plain", "{}".to_owned()),
        ("application/json-patch+json", "[]".to_owned()),
        ("multipart/form-data; boundary=x", "--x--".to_owned()),
        ("\u{e9}", "{}".to_owned()),
    ];
    let mut all: Vec<(&str, Vec<u8>)> =
        texts.into_iter().map(|(media, text)| (media, text.into_bytes())).collect();
    all.push((JSON, vec![0xff; 64]));
    all.push((YAML, vec![0xff; 64]));
    all.push((PROTOBUF, vec![0xff; 64]));
    all.push((JSON, vec![0; 64]));
    all.push((YAML, vec![0; 64]));
    all.push((PROTOBUF, deep_protobuf()));
    all
}

/// Returns a YAML document that grows when it is read.
fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &[format!("a{level}: &a{level} ["), items, "]\n".to_owned()].concat();
    }
    text
}

/// Wraps bytes in a field of a message.
fn field(number: u8, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = inner.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap_or(0));
    out.extend_from_slice(inner);
    out
}

/// Returns a definition in protobuf whose schema is nested without end: `not` within `not`.
fn deep_protobuf() -> Vec<u8> {
    let mut schema = Vec::new();
    for _ in 0..5_000 {
        schema = field(15, &schema);
    }
    let object = field(2, &field(7, &field(4, &field(1, &schema))));
    let mut meta = field(1, b"apiextensions.k8s.io/v1");
    meta.extend(field(2, b"CustomResourceDefinition"));
    let mut envelope = field(1, &meta);
    envelope.extend(field(2, &object));
    [b"k8s\0".to_vec(), envelope].concat()
}

#[tokio::test]
async fn what_is_no_object_is_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let places = [MAPS, DEPLOYMENTS, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"];
        for (media, body) in no_objects() {
            for place in places {
                let what = format!("{place} {media} {:.60}", String::from_utf8_lossy(&body));
                let headers = [("content-type", media)];
                admin.send("POST", place, &headers, body.clone()).await.refused(&what);
                let one = format!("{place}/x");
                admin.send("PUT", &one, &headers, body.clone()).await.refused(&what);
                let patch = admin.send("PATCH", &one, &headers, body.clone()).await;
                patch.refused(&what);
                // What asks for nothing in particular may be given nothing.
                admin.send("DELETE", &one, &headers, body.clone()).await.refused(&what);
            }
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        for megabytes in [3, 4, 20] {
            let text = "x".repeat((megabytes << 20) + 1);
            let body = json!({"metadata": {"name": "big"}, "data": {"a": text}}).to_string();
            let answer = admin.again().await.send("POST", MAPS, &[("content-type", JSON)], body).await;
            answer.refused_with(413, &format!("{megabytes} MiB"));
        }
        let text = "x".repeat(2 << 20);
        let more_than_the_store_takes = json!({"metadata": {"name": "big"}, "data": {"a": text}});
        admin.post(MAPS, &more_than_the_store_takes).await.refused("2 MiB");
        // The length is not told beforehand, and there is no end.
        let mut endless =
            format!("POST {MAPS} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
        for _ in 0..5 {
            endless.extend_from_slice(b"100000\r\n");
            endless.extend(vec![b' '; 0x10_0000]);
            endless.extend_from_slice(b"\r\n");
        }
        let answer = admin.shout(&endless).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer:.300}");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

/// Returns values of every sort, most of which fit nowhere.
fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e308),
        json!(-0.5),
        json!(""),
        json!("\u{0}"),
        json!("x".repeat(70_000)),
        json!("../../etc"),
        json!("9999999999999999999999999999Ei"),
        json!([]),
        json!([null]),
        json!([[], {}]),
        json!({}),
        json!({"": null}),
        json!({"a": {"b": [{"c": null}]}}),
    ]
}

/// Returns the places of all values in an object.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                found.push(at.clone());
                places(value, &at, found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let at = format!("{at}/{index}");
                found.push(at.clone());
                places(value, &at, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rich_objects() -> Vec<(&'static str, Value)> {
    let pod = json!({
        "metadata": {"name": "odd", "generateName": "odd-", "labels": {"a": "b"}, "annotations": {"a": "b"},
            "finalizers": ["a/b"], "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "u"}],
            "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1",
                "time": "2024-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}],
            "creationTimestamp": "2024-01-01T00:00:00Z", "deletionGracePeriodSeconds": 1, "generation": 1},
        "spec": {
            "containers": [{
                "name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "p"}],
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "p"}, "periodSeconds": 1},
                "securityContext": {"capabilities": {"add": ["A"]}, "runAsUser": 1},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}],
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
                [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}}},
            "tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 1, "effect": "NoExecute"}],
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"a": "b"}}}],
            "nodeSelector": {"a": "b"}, "terminationGracePeriodSeconds": 1, "hostAliases": [{"ip": "1.1.1.1",
                "hostnames": ["a"]}], "dnsConfig": {"nameservers": ["1.1.1.1"]}, "overhead": {"cpu": "1"}},
        "status": {"phase": "Pending"},
    });
    let template =
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let deployment = json!({
        "metadata": {"name": "odd"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}},
    });
    let service = json!({
        "metadata": {"name": "odd"},
        "spec": {"type": "NodePort", "selector": {"a": "b"}, "clusterIP": "10.96.9.9", "clusterIPs": ["10.96.9.9"],
            "ports": [{"port": 80, "targetPort": "p", "nodePort": 30_999, "protocol": "TCP", "name": "a"}],
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 1}}, "externalIPs": ["1.1.1.1"],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "loadBalancerSourceRanges": ["1.1.1.1/8"]},
    });
    let quota = json!({
        "metadata": {"name": "odd"},
        "spec": {"hard": {"pods": "5"}, "scopes": ["Terminating"],
            "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["a"]}]}},
    });
    let limits = json!({
        "metadata": {"name": "odd"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "1"},
            "maxLimitRequestRatio": {"cpu": "2"}}]},
    });
    let role = json!({
        "metadata": {"name": "odd"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}],
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
    });
    let binding = json!({
        "metadata": {"name": "odd"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "a", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    let definition = json!({
        "metadata": {"name": "odds.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "odds", "kind": "Odd", "singular": "odd", "shortNames": ["o"], "categories": ["all"]},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.r", "statusReplicasPath": ".status.r"}},
                "additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".spec.a"}],
                "selectableFields": [{"jsonPath": ".spec.a"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "properties": {"a": {"type": "string", "pattern": "a*", "default": "a", "maxLength": 5},
                        "l": {"type": "array", "maxItems": 3, "items": {"type": "integer"},
                            "x-kubernetes-list-type": "set"}},
                    "x-kubernetes-validations": [{"rule": "self.a == 'a'", "message": "m"}]}}}}}]},
    });
    let lease = json!({"metadata": {"name": "odd"}, "spec": {"holderIdentity": "a", "leaseDurationSeconds": 1,
        "acquireTime": "2024-01-01T00:00:00.000000Z", "leaseTransitions": 1}});
    let cron = json!({"metadata": {"name": "odd"}, "spec": {"schedule": "* * * * *", "timeZone": "UTC",
        "jobTemplate": {"spec": {"completions": 1, "backoffLimit": 1, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "c", "image": "i"}]}}}}}});
    let policy = json!({"metadata": {"name": "odd"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
            "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"}]}]}});
    let scaler = json!({"metadata": {"name": "odd"}, "spec": {"minReplicas": 1, "maxReplicas": 2,
        "scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "apps/v1"},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization",
            "averageUtilization": 50}}}]}});
    let secret = json!({"metadata": {"name": "odd"}, "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": "e30="}, "stringData": {"a": "b"}, "immutable": true});
    vec![
        ("/api/v1/namespaces/default/pods", pod),
        (DEPLOYMENTS, deployment),
        ("/api/v1/namespaces/default/services", service),
        ("/api/v1/namespaces/default/resourcequotas", quota),
        ("/api/v1/namespaces/default/limitranges", limits),
        ("/api/v1/namespaces/default/secrets", secret),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", role),
        ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition),
        ("/apis/coordination.k8s.io/v1/namespaces/default/leases", lease),
        ("/apis/batch/v1/namespaces/default/cronjobs", cron),
        ("/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", policy),
        ("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", scaler),
    ]
}

#[tokio::test]
async fn values_of_every_sort_in_every_place_are_judged() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let mut number = 0;
        for (place, object) in rich_objects() {
            let mut all = Vec::new();
            places(&object, "", &mut all);
            for at in all {
                for odd in odd_values() {
                    number += 1;
                    // The short form takes one in so many, which meets every value and every part of every object.
                    if !long() && number % STRIDE != 0 {
                        continue;
                    }
                    let mut changed = object.clone();
                    *changed.pointer_mut(&at).expect("the place was found") = odd;
                    let what = format!(
                        "{place} {at} = {:.60}",
                        changed.pointer(&at).unwrap_or(&Value::Null).to_string()
                    );
                    let answer = admin.post(&format!("{place}?dryRun=All"), &changed).await;
                    answer.sane(&what);
                }
            }
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn what_nests_deeply_can_be_stored_listed_and_deleted() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let definition = json!({
            "metadata": {"name": "deeps.example.com"},
            "spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": "deeps", "kind": "Deep"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                    {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
        });
        admin.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await.done("define");
        let deeps = "/apis/example.com/v1/deeps";
        let mut kept = Vec::new();
        for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("[{\"a\":", "}]")] {
            for depth in [60, 100, 126, 127, 128, 200, 255, 256, 300, 500, 509, 510, 511, 512, 513, 600, 2000] {
                let name = format!("d{}-{depth}", kept.len());
                let inner = nested(open, "1", close, depth);
                let body = format!(
                    "{{\"apiVersion\":\"example.com/v1\",\"kind\":\"Deep\",\"metadata\":{{\"name\":\"{name}\"}},\"x\":{inner}}}"
                );
                let answer = admin.send("POST", deeps, &[("content-type", JSON)], body).await;
                answer.sane(&name);
                if answer.code == 201 {
                    let one = format!("{deeps}/{name}");
                    admin.get(&one).await.code.eq(&200).then_some(()).expect(&name);
                    let patched = admin.patch(&one, "merge", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}").await;
                    assert_eq!(patched.code, 200, "{name} {}", patched.start());
                    kept.push(one);
                }
            }
        }
        assert!(kept.len() > 15, "{kept:?}");
        let listed = admin.get(deeps).await;
        let listed = String::from_utf8_lossy(&listed.body).matches("\"labels\":{\"a\":\"b\"}").count();
        assert_eq!(listed, kept.len());
        for one in kept {
            assert_eq!(admin.delete(&one).await.code, 200, "{one}");
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}
