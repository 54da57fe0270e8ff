//! Who owns which fields: as kube-apiserver records it.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::Client;
use crate::support::within;
use crate::writes::deployment;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Returns the entries as `manager operation subresource` with what each owns.
fn owners(object: &Value) -> Vec<(String, Value)> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("").to_owned();
    let short = |entry: &Value| {
        let words = ["manager", "operation", "subresource"].map(|key| text(entry, key));
        (words.join(" ").trim().to_owned(), entry["fieldsV1"].clone())
    };
    entries.iter().map(short).collect()
}

fn config(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creators_and_reporters_own_what_they_wrote() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let path = format!("{DEPLOYMENTS}/web");
        let made = client.post(&format!("{DEPLOYMENTS}?fieldManager=kubectl-create"), &deployment("web")).await.is(201);
        let expected = json!({
            "f:spec": {
                "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:revisionHistoryLimit": {}, "f:selector": {},
                "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
                "f:template": {
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {
                        "f:containers": {"k:{\"name\":\"c\"}": {
                            ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {},
                            "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
                        }},
                        "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {},
                        "f:terminationGracePeriodSeconds": {},
                    },
                },
            },
        });
        assert_eq!(owners(&made), [("kubectl-create Update".to_owned(), expected.clone())]);
        let entry = &made["metadata"]["managedFields"][0];
        assert_eq!((&entry["apiVersion"], &entry["fieldsType"]), (&json!("apps/v1"), &json!("FieldsV1")));
        let status = json!({"status": {"replicas": 1, "observedGeneration": 1}});
        let path_status = format!("{path}/status?fieldManager=controller");
        let observed = client.patch("merge-patch+json", &path_status, &status).await.is(200);
        let own = json!({"f:status": {"f:observedGeneration": {}, "f:replicas": {}}});
        assert!(owners(&observed).contains(&("controller Update status".to_owned(), own)), "{:?}", owners(&observed));
        let scale = json!({"spec": {"replicas": 3}});
        let scaled = client.patch("merge-patch+json", &format!("{path}/scale?fieldManager=scaler"), &scale).await.is(200);
        assert_eq!((&scaled["kind"], &scaled["spec"]["replicas"], &scaled["status"]["replicas"]), (&json!("Scale"), &json!(3), &json!(1)));
        assert_eq!(scaled["status"]["selector"], "app=web");
        let after = client.get(&path).await.is(200);
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        assert!(owners(&after).contains(&("scaler Update scale".to_owned(), replicas.clone())), "{:?}", owners(&after));
        let mut lost = expected;
        lost["f:spec"].as_object_mut().expect("a map").remove("f:replicas");
        assert!(owners(&after).contains(&("kubectl-create Update".to_owned(), lost)), "{:?}", owners(&after));
        let applied = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 5}});
        let refused = client.patch("apply-patch+yaml", &format!("{path}/scale?fieldManager=auto"), &applied).await.is(409);
        let message = refused["message"].as_str().unwrap_or("");
        assert!(message.starts_with("Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" using autoscaling/v1"), "{message}");
        let forced = client.patch("apply-patch+yaml", &format!("{path}/scale?fieldManager=auto&force=true"), &applied).await;
        assert_eq!(forced.is(200)["spec"]["replicas"], 5);
        let after = client.get(&path).await.is(200);
        assert!(owners(&after).contains(&("auto Apply scale".to_owned(), replicas)), "{:?}", owners(&after));
        assert!(!owners(&after).iter().any(|(who, _)| who.starts_with("scaler")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appliers_share_conflict_take_over_and_leave() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let path = format!("{MAPS}/m");
        let apply = async |who: &str, data: Value| {
            client.patch("apply-patch+yaml", &format!("{path}?fieldManager={who}"), &config(&data)).await
        };
        let made = apply("a", json!({"x": "1", "y": "1"})).await.is(201);
        assert_eq!(owners(&made), [("a Apply".to_owned(), json!({"f:data": {"f:x": {}, "f:y": {}}}))]);
        assert_eq!(apply("a", json!({"x": "1", "y": "1"})).await.is(200), made, "the same again changes nothing");
        let conflict = apply("b", json!({"x": "2", "z": "1"})).await.is(409);
        assert_eq!(conflict["message"], "Apply failed with 1 conflict: conflict with \"a\": .data.x");
        assert_eq!(conflict["details"]["causes"][0], json!({"reason": "FieldManagerConflict", "message": "conflict with \"a\"", "field": ".data.x"}));
        let forced = apply("b&force=true", json!({"x": "2", "z": "1"})).await.is(200);
        assert_eq!(forced["data"], json!({"x": "2", "y": "1", "z": "1"}));
        let less = apply("b", json!({"x": "2"})).await.is(200);
        assert_eq!(less["data"], json!({"x": "2", "y": "1"}), "what nobody wants any more goes");
        let shared = apply("a", json!({"x": "2", "y": "1"})).await.is(200);
        assert_eq!(owners(&shared).len(), 2);
        let left = apply("b", json!({})).await.is(200);
        assert_eq!(left["data"], json!({"x": "2", "y": "1"}), "the other still wants it");
        let who = client.patch("apply-patch+yaml", &path, &config(&json!({}))).await.refused(422);
        assert_eq!(who, "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
        let mut managed = config(&json!({}));
        managed["metadata"]["managedFields"] = json!([{}]);
        let managed = client.patch("apply-patch+yaml", &format!("{path}?fieldManager=a"), &managed).await;
        assert_eq!(managed.refused(400), "metadata.managedFields must be nil");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_without_owners_get_them_with_the_first_apply() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let path = format!("{MAPS}/m");
        client.post(&format!("{MAPS}?fieldManager=u"), &config(&json!({"x": "1"}))).await.is(201);
        let none = client
            .patch("merge-patch+json", &path, &json!({"metadata": {"managedFields": [{}]}}))
            .await
            .is(200);
        assert_eq!(none["metadata"].get("managedFields"), None);
        let applied = client
            .patch("apply-patch+yaml", &format!("{path}?fieldManager=a"), &config(&json!({"y": "1"})))
            .await
            .is(200);
        let who: Vec<String> = owners(&applied).into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, ["a Apply", "before-first-apply Update"]);
        let role =
            client.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:discovery").await.is(200);
        assert_eq!(owners(&role)[0].0, "kube-apiserver Update");
    })
    .await;
}
