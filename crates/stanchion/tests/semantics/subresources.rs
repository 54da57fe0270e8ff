//! Parts of objects and actions on them.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::{Client, Identity};
use crate::support::{wait_for, within};
use crate::writes::{deployment, pod};

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_bound_once() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(PODS, &pod("a")).await.is(201);
        let binding = |name: &str| {
            json!({
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "annotations": {"x": "y"}},
                "target": {"kind": "Node", "name": "n1"},
            })
        };
        let bound = client.post(&format!("{PODS}/a/binding"), &binding("a")).await.is(201);
        assert_eq!((&bound["kind"], &bound["status"]), (&json!("Status"), &json!("Success")));
        let placed = client.get(&format!("{PODS}/a")).await.is(200);
        assert_eq!(
            (&placed["spec"]["nodeName"], &placed["metadata"]["annotations"]["x"]),
            (&json!("n1"), &json!("y"))
        );
        assert_eq!(
            (&placed["status"]["conditions"][0]["type"], &placed["status"]["conditions"][0]["status"]),
            (&json!("PodScheduled"), &json!("True"))
        );
        let again = client.post(&format!("{PODS}/a/binding"), &binding("a")).await.refused(409);
        assert_eq!(
            again,
            "Operation cannot be fulfilled on pods/binding \"a\": pod a is already assigned to node \"n1\""
        );
        client.post(PODS, &pod("b")).await.is(201);
        client.post("/api/v1/namespaces/default/bindings", &binding("b")).await.is(201);
        assert_eq!(client.get(&format!("{PODS}/b")).await.is(200)["spec"]["nodeName"], "n1");
        let selected =
            client.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1,status.phase%3DPending").await.is(200);
        assert_eq!(selected["items"].as_array().map(Vec::len), Some(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evictions_hold_to_budgets() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(PODS, &pod("a")).await.is(201);
        client.post(&format!("{PODS}/a/binding"), &json!({"target": {"name": "n"}})).await.is(201);
        let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        client.patch("strategic-merge-patch+json", &format!("{PODS}/a/status"), &ready).await.is(200);
        let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
        let budget = json!({"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}});
        client.post(budgets, &budget).await.is(201);
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}});
        let status = |allowed: i64| json!({"status": {
            "observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1,
        }});
        client.patch("merge-patch+json", &format!("{budgets}/b/status"), &status(0)).await.is(200);
        let refused = client.post(&format!("{PODS}/a/eviction"), &eviction).await.is(429);
        assert_eq!(refused["message"], "Cannot evict pod as it would violate the pod's disruption budget.");
        assert_eq!(refused["details"]["causes"][0]["reason"], "DisruptionBudget");
        client.patch("merge-patch+json", &format!("{budgets}/b/status"), &status(1)).await.is(200);
        client.post(&format!("{PODS}/a/eviction?dryRun=All"), &eviction).await.is(201);
        client.post(&format!("{PODS}/a/eviction"), &eviction).await.is(201);
        let after = client.get(&format!("{budgets}/b")).await.is(200);
        assert_eq!((&after["status"]["disruptionsAllowed"], after["status"]["disruptedPods"].get("a").is_some()), (&json!(0), true));
        assert!(client.get(&format!("{PODS}/a")).await.is(200)["metadata"]["deletionTimestamp"].is_string());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_live_and_die_with_what_they_are_bound_to() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let accounts = "/api/v1/namespaces/default/serviceaccounts";
        let made = client.post(PODS, &pod("a")).await.is(201);
        let request = |uid: &Value| json!({"spec": {
            "expirationSeconds": 600, "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "a", "uid": uid},
        }});
        let wrong = client.post(&format!("{accounts}/default/token"), &request(&json!("x"))).await;
        assert_eq!(wrong.code, 409);
        let issued = client.post(&format!("{accounts}/default/token"), &request(&made["metadata"]["uid"])).await.is(201);
        assert_eq!((&issued["kind"], &issued["apiVersion"]), (&json!("TokenRequest"), &json!("authentication.k8s.io/v1")));
        let token = issued["status"]["token"].as_str().expect("a token").to_owned();
        let bearer = Client::connect(&cluster, Identity::Token(token)).await;
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let who = bearer.post(reviews, &review).await.is(201);
        assert_eq!(who["status"]["userInfo"]["username"], "system:serviceaccount:default:default");
        assert_eq!(who["status"]["userInfo"]["extra"]["authentication.kubernetes.io/pod-name"], json!(["a"]));
        client.delete(&format!("{PODS}/a")).await.is(200);
        wait_for("the token is dead", async || (bearer.get("/api/v1/pods").await.code == 401).then_some(())).await;
        let short = json!({"spec": {"expirationSeconds": 10}});
        let short = client.post(&format!("{accounts}/default/token"), &short).await.refused(422);
        assert!(short.contains("spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes"), "{short}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_scalable_scales() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let template = deployment("x")["spec"]["template"].clone();
        let workload = |name: &str, selector: Value| json!({
            "metadata": {"name": name}, "spec": {"replicas": 1, "serviceName": "s", "selector": selector, "template": template},
        });
        let labels = json!({"matchLabels": {"app": "x"}});
        for (path, selector) in [
            ("/apis/apps/v1/namespaces/default/deployments", labels.clone()),
            ("/apis/apps/v1/namespaces/default/replicasets", labels.clone()),
            ("/apis/apps/v1/namespaces/default/statefulsets", labels),
            ("/api/v1/namespaces/default/replicationcontrollers", json!({"app": "x"})),
        ] {
            client.post(path, &workload("x", selector)).await.is(201);
            let mut scale = client.get(&format!("{path}/x/scale")).await.is(200);
            assert_eq!((&scale["spec"]["replicas"], &scale["status"]), (&json!(1), &json!({"replicas": 0, "selector": "app=x"})), "{path}");
            scale["spec"]["replicas"] = json!(4);
            let put = client.put(&format!("{path}/x/scale"), &scale).await.is(200);
            assert_eq!(put["spec"]["replicas"], 4);
            let main = client.get(&format!("{path}/x")).await.is(200);
            assert_eq!((&main["spec"]["replicas"], &main["metadata"]["generation"]), (&json!(4), &json!(2)));
            assert_eq!(client.put(&format!("{path}/x/scale"), &scale).await.code, 409, "of an old version");
            scale["metadata"]["resourceVersion"] = put["metadata"]["resourceVersion"].clone();
            scale["spec"]["replicas"] = json!(-1);
            let negative = client.put(&format!("{path}/x/scale"), &scale).await.refused(422);
            assert_eq!(negative, "Scale.autoscaling \"x\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_pods_take_new_containers_and_resources() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(PODS, &pod("a")).await.is(201);
        let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}});
        let path = format!("{PODS}/a");
        let added = client
            .patch("strategic-merge-patch+json", &format!("{path}/ephemeralcontainers"), &debug)
            .await
            .is(200);
        assert_eq!(added["spec"]["ephemeralContainers"][0]["name"], "debug");
        assert_eq!(added["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"], "File");
        let elsewhere = client
            .patch("strategic-merge-patch+json", &path, &json!({"spec": {"ephemeralContainers": null}}))
            .await;
        assert_eq!(elsewhere.code, 422);
        let gone = client
            .patch(
                "merge-patch+json",
                &format!("{path}/ephemeralcontainers"),
                &json!({"spec": {"ephemeralContainers": []}}),
            )
            .await;
        let gone = gone.refused(422);
        assert!(gone.contains("existing ephemeral containers \"debug\" may not be removed"), "{gone}");
        let more =
            json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]}});
        let main = client.patch("strategic-merge-patch+json", &path, &more).await.refused(422);
        assert!(main.contains("pod updates may not change fields other than"), "{main}");
        let resized = client.patch("strategic-merge-patch+json", &format!("{path}/resize"), &more).await;
        assert!(resized.code == 200 || resized.code == 422, "{}", resized.text());
    })
    .await;
}
