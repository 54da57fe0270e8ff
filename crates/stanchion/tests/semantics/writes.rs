//! Writes: identity, generations, what leaves a trace and what does not, deletion in all its forms.

use hyper::Method;
use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::Client;
use crate::support::{wait_for, within};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

pub(crate) fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

pub(crate) fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    })
}

async fn delete_with(client: &Client, path: &str, options: &Value) -> crate::support::http::Reply {
    client.json(Method::DELETE, path, options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generations_count_what_is_wanted_and_nothing_else_is_written() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let mut wanted = deployment("web");
        wanted["status"] = json!({"replicas": 7});
        let made = client.post(DEPLOYMENTS, &wanted).await.is(201);
        assert_eq!((&made["metadata"]["generation"], &made["status"]), (&json!(1), &json!({})));
        let path = format!("{DEPLOYMENTS}/web");
        let same = client.put(&path, &made).await.is(200);
        assert_eq!(same, made, "an update that changes nothing writes nothing");
        let labels = json!({"metadata": {"labels": {"a": "b"}}, "status": {"replicas": 3}});
        let labelled = client.patch("merge-patch+json", &path, &labels).await.is(200);
        assert_eq!((&labelled["metadata"]["generation"], &labelled["status"]), (&json!(1), &json!({})));
        let scaled = client.patch("strategic-merge-patch+json", &path, &json!({"spec": {"replicas": 2}})).await.is(200);
        assert_eq!(scaled["metadata"]["generation"], 2);
        let status = json!({"spec": {"replicas": 9}, "status": {"replicas": 4}});
        let observed = client.patch("merge-patch+json", &format!("{path}/status"), &status).await.is(200);
        assert_eq!((&observed["spec"]["replicas"], &observed["status"]["replicas"]), (&json!(2), &json!(4)));
        assert_eq!(observed["metadata"]["generation"], 2);
        let conflict = client.put(&path, &made).await.refused(409);
        assert_eq!(conflict, "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again");
        let moved = json!([{"op": "replace", "path": "/spec/selector/matchLabels/app", "value": "x"}]);
        let immutable = client.patch("json-patch+json", &path, &moved).await.refused(422);
        assert!(immutable.contains("spec.selector: Invalid value:") && immutable.contains("field is immutable"), "{immutable}");
        let test = json!([{"op": "test", "path": "/spec/replicas", "value": 1}]);
        assert_eq!(client.patch("json-patch+json", &path, &test).await.code, 422);
        let unknown = client.send(Method::PATCH, &path, &[("content-type", "text/plain")], "{}").await;
        assert_eq!(unknown.code, 415);
        let force = client.patch("merge-patch+json", &format!("{path}?force=true"), &json!({})).await.refused(422);
        assert_eq!(force, "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creation_names_identifies_and_refuses() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let made = client.post(MAPS, &json!({"metadata": {"generateName": "gen-", "uid": "mine"}})).await.is(201);
        let name = made["metadata"]["name"].as_str().expect("a name");
        assert!(name.starts_with("gen-") && name.len() == 9, "{name}");
        assert_ne!(made["metadata"]["uid"], "mine");
        let again = client.post(MAPS, &json!({"metadata": {"name": name}})).await.refused(409);
        assert_eq!(again, format!("configmaps \"{name}\" already exists"));
        let versioned = json!({"metadata": {"name": "v", "resourceVersion": "5"}});
        assert_eq!(client.post(MAPS, &versioned).await.refused(400), "resourceVersion should not be set on objects to be created");
        let elsewhere = json!({"metadata": {"name": "v", "namespace": "other"}});
        assert_eq!(
            client.post(MAPS, &elsewhere).await.refused(400),
            "the namespace of the provided object does not match the namespace sent on the request"
        );
        let lost = client.post("/api/v1/namespaces/none/configmaps", &json!({"metadata": {"name": "v"}})).await;
        assert_eq!(lost.refused(404), "namespaces \"none\" not found");
        let nameless = client.post(MAPS, &json!({"metadata": {}})).await.refused(422);
        assert_eq!(nameless, "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required");
        let owner = json!({"metadata": {"name": "o", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "", "uid": "u"}]}});
        assert!(client.post(MAPS, &owner).await.refused(422).contains("metadata.ownerReferences[0].name: Required value: must not be empty"));
        let wrong = client.post(MAPS, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})).await;
        assert!(wrong.refused(400).starts_with("Secret in version \"v1\" cannot be handled as a ConfigMap: "));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_do_not_exist_are_refused_or_told_of() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let mut strange = pod("a");
        strange["spec"]["foo"] = json!(1);
        let strict = client.post(&format!("{PODS}?fieldValidation=Strict"), &strange).await.refused(400);
        assert_eq!(strict, "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field \"spec.foo\"");
        let warned = client.post(PODS, &strange).await;
        assert_eq!((warned.code, warned.headers("warning")), (201, vec!["299 - \"unknown field \\\"spec.foo\\\"\""]));
        strange["metadata"]["name"] = json!("b");
        let ignored = client.post(&format!("{PODS}?fieldValidation=Ignore"), &strange).await;
        assert_eq!((ignored.code, ignored.headers("warning").len()), (201, 0));
        assert_eq!(ignored.value()["spec"].get("foo"), None);
        let twice = r#"{"metadata":{"name":"c"},"data":{"k":"1","k":"2"}}"#;
        let headers = [("content-type", "application/json")];
        let twice = client.send(Method::POST, MAPS, &headers, twice).await;
        assert_eq!((twice.code, twice.headers("warning")), (201, vec!["299 - \"duplicate field \\\"data.k\\\"\""]));
        let other = client.post(&format!("{MAPS}?fieldValidation=No"), &json!({"metadata": {"name": "d"}})).await;
        assert_eq!(
            other.refused(422),
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"No\": supported values: \"Ignore\", \"Strict\", \"Warn\""
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_leaves_no_trace() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5", "services": "5"}}});
        client.post("/api/v1/namespaces/default/resourcequotas", &quota).await.is(201);
        let used = async |what: &str| {
            let quota = client.get("/api/v1/namespaces/default/resourcequotas/q").await.is(200);
            quota["status"]["used"][what].as_str().map(str::to_owned)
        };
        wait_for("the quota is counted", async || used("pods").await).await;
        let addresses = async || {
            let list = client.get("/apis/networking.k8s.io/v1/ipaddresses").await.is(200);
            list["items"].as_array().map(Vec::len)
        };
        let before = addresses().await;
        let made = client.post(&format!("{PODS}?dryRun=All"), &pod("a")).await.is(201);
        assert!(made["metadata"]["uid"].is_string() && made["metadata"].get("resourceVersion").is_none());
        let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
        client.post("/api/v1/namespaces/default/services?dryRun=All", &service).await.is(201);
        client.patch("apply-patch+yaml", &format!("{MAPS}/m?dryRun=All&fieldManager=f"), &json!({"apiVersion": "v1", "kind": "ConfigMap"})).await.is(201);
        assert_eq!(client.get(&format!("{PODS}/a")).await.code, 404);
        for path in ["services/s", "configmaps/m"] {
            assert_eq!(client.get(&format!("/api/v1/namespaces/default/{path}")).await.code, 404, "{path}");
        }
        assert_eq!(addresses().await, before);
        assert_eq!(used("pods").await.as_deref(), Some("0"));
        client.post(PODS, &pod("a")).await.is(201);
        assert_eq!(used("pods").await.as_deref(), Some("1"));
        client.delete(&format!("{PODS}/a?dryRun=All")).await.is(200);
        client.delete(&format!("{PODS}?dryRun=All")).await.is(200);
        let patched = json!({"metadata": {"labels": {"x": "y"}}});
        let dry = client.patch("merge-patch+json", &format!("{PODS}/a?dryRun=All"), &patched).await.is(200);
        assert_eq!(dry["metadata"]["labels"]["x"], "y");
        let there = client.get(&format!("{PODS}/a")).await.is(200);
        assert_eq!(there["metadata"]["labels"], json!({"app": "a"}));
        client.delete(&format!("{PODS}/a")).await.is(200);
        assert_eq!(used("pods").await.as_deref(), Some("0"));
        let bad = client.post(&format!("{PODS}?dryRun=Some"), &pod("b")).await.refused(422);
        assert_eq!(bad, "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \"Some\": supported values: \"All\"");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_waits_for_finalizers_and_holds_to_preconditions() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let path = format!("{MAPS}/a");
        let made = client.post(MAPS, &json!({"metadata": {"name": "a", "finalizers": ["x.io/y"]}})).await.is(201);
        let uid = made["metadata"]["uid"].as_str().expect("a uid");
        let wrong = delete_with(&client, &path, &json!({"preconditions": {"uid": "other"}})).await.refused(409);
        assert_eq!(wrong, format!("Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (other) does not match the UID in record ({uid}). The object might have been deleted and then recreated"));
        let stale = delete_with(&client, &path, &json!({"preconditions": {"resourceVersion": "1"}})).await.refused(409);
        assert!(stale.contains("the ResourceVersion in the precondition (1) does not match"), "{stale}");
        let waits = delete_with(&client, &path, &json!({"preconditions": {"uid": uid}})).await.is(200);
        assert_eq!((&waits["metadata"]["deletionGracePeriodSeconds"], &waits["kind"]), (&json!(0), &json!("ConfigMap")));
        let added = json!({"metadata": {"finalizers": ["x.io/y", "x.io/z"]}});
        let refused = client.patch("merge-patch+json", &path, &added).await.refused(422);
        assert!(refused.contains("metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"x.io/z\"}"), "{refused}");
        let done = json!({"metadata": {"finalizers": null}});
        client.patch("merge-patch+json", &path, &done).await.is(200);
        assert_eq!(client.get(&path).await.refused(404), "configmaps \"a\" not found");
        let made = client.post(MAPS, &json!({"metadata": {"name": "a"}})).await.is(201);
        let gone = client.delete(&path).await.is(200);
        assert_eq!((&gone["kind"], &gone["status"]), (&json!("Status"), &json!("Success")));
        assert_eq!(gone["details"], json!({"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}));
        for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
            client.post(MAPS, &json!({"metadata": {"name": policy.to_lowercase()}})).await.is(201);
            let path = format!("{MAPS}/{}", policy.to_lowercase());
            let waits = delete_with(&client, &path, &json!({"propagationPolicy": policy})).await.is(200);
            assert_eq!(waits["metadata"]["finalizers"], json!([finalizer]));
        }
        let both = json!({"propagationPolicy": "Orphan", "orphanDependents": true});
        assert_eq!(
            delete_with(&client, &format!("{MAPS}/orphan"), &both).await.refused(422),
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_on_nodes_end_gracefully() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        client.post(PODS, &pod("pending")).await.is(201);
        let gone = client.delete(&format!("{PODS}/pending")).await.is(200);
        assert_eq!(gone["kind"], "Pod", "the Pod as it was");
        assert_eq!(client.get(&format!("{PODS}/pending")).await.code, 404);
        client.post(PODS, &pod("placed")).await.is(201);
        let binding = json!({"metadata": {"name": "placed"}, "target": {"kind": "Node", "name": "n1"}});
        client.post(&format!("{PODS}/placed/binding"), &binding).await.is(201);
        let path = format!("{PODS}/placed");
        let first = client.delete(&path).await.is(200);
        assert_eq!(
            (&first["metadata"]["deletionGracePeriodSeconds"], &first["metadata"]["generation"]),
            (&json!(30), &json!(2))
        );
        let second = client.delete(&path).await.is(200);
        assert_eq!(second, first, "once is enough");
        let longer = client.delete(&format!("{path}?gracePeriodSeconds=60")).await.is(200);
        assert_eq!(longer, first, "time is only ever taken away");
        let shorter = client.delete(&format!("{path}?gracePeriodSeconds=10")).await.is(200);
        assert_eq!(shorter["metadata"]["deletionGracePeriodSeconds"], 10);
        assert!(
            shorter["metadata"]["deletionTimestamp"].as_str()
                < first["metadata"]["deletionTimestamp"].as_str()
        );
        assert_eq!(client.get(&path).await.code, 200);
        client.delete(&format!("{path}?gracePeriodSeconds=0")).await.is(200);
        assert_eq!(client.get(&path).await.code, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_ends_by_its_finalizer() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let made = client.post("/api/v1/namespaces", &json!({"metadata": {"name": "team"}})).await.is(201);
        assert_eq!(made["spec"]["finalizers"], json!(["kubernetes"]));
        assert_eq!(made["metadata"]["labels"]["kubernetes.io/metadata.name"], "team");
        assert_eq!(made["status"]["phase"], "Active");
        let ending = client.delete("/api/v1/namespaces/team").await.is(200);
        assert_eq!(ending["status"]["phase"], "Terminating");
        let refused = client.post("/api/v1/namespaces/team/configmaps", &json!({"metadata": {"name": "x"}})).await.is(403);
        assert_eq!(refused["message"], "configmaps \"x\" is forbidden: unable to create new content in namespace team because it is being terminated");
        assert_eq!(refused["details"]["causes"][0]["reason"], "NamespaceTerminating");
        let mut unlocked = ending.clone();
        unlocked["spec"]["finalizers"] = json!([]);
        let kept = client.put("/api/v1/namespaces/team", &unlocked).await.is(200);
        assert_eq!(kept["spec"]["finalizers"], json!(["kubernetes"]), "only through finalize");
        client.put("/api/v1/namespaces/team/finalize", &unlocked).await.is(200);
        assert_eq!(client.get("/api/v1/namespaces/team").await.code, 404);
        let immortal = client.delete("/api/v1/namespaces/kube-system").await.refused(403);
        assert_eq!(immortal, "namespaces \"kube-system\" is forbidden: this namespace may not be deleted");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_create_what_is_made_that_way() {
    within(LIMIT, async {
        let cluster = Cluster::start_with(&["--event-ttl", "1s"]).await;
        let client = Client::of(&cluster).await;
        let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
        let lease = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a", "renewTime": "2026-01-01T00:00:00.000000Z"}});
        let mut made = client.put(&format!("{leases}/l"), &lease).await.is(201);
        made["spec"]["renewTime"] = json!("2026-01-01T00:00:10.000000Z");
        let renewed = client.put(&format!("{leases}/l"), &made).await.is(200);
        assert_eq!(renewed["spec"]["renewTime"], "2026-01-01T00:00:10.000000Z");
        assert_eq!(client.put(&format!("{leases}/l"), &made).await.code, 409);
        assert_eq!(client.put(&format!("{MAPS}/none"), &json!({"metadata": {"name": "none"}})).await.code, 404);
        let event = json!({
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
            "reason": "Because", "message": "m", "type": "Normal", "source": {"component": "c"},
        });
        client.post("/api/v1/namespaces/default/events", &event).await.is(201);
        let new = "/apis/events.k8s.io/v1/namespaces/default/events";
        let seen = client.get(&format!("{new}?fieldSelector=regarding.name%3Dp,reason%3DBecause")).await.is(200);
        assert_eq!((&seen["items"][0]["note"], &seen["items"][0]["regarding"]["kind"]), (&json!("m"), &json!("Pod")));
        assert_eq!(seen["items"][0]["apiVersion"], "events.k8s.io/v1");
        let old = client.get("/api/v1/events?fieldSelector=involvedObject.name%3Dp").await.is(200);
        assert_eq!(old["items"][0]["message"], "m");
        assert_eq!(client.get(&format!("{new}?fieldSelector=involvedObject.name%3Dp")).await.code, 400);
        let path = "/api/v1/namespaces/default/events/e";
        client.patch("merge-patch+json", path, &json!({"count": 2})).await.is(200);
        wait_for("the Event goes", async || (client.get(path).await.code == 404).then_some(())).await;
    })
    .await;
}
