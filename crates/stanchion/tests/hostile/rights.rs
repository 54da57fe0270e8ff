//! What users may not do: verbs, parts of objects, other namespaces, other users, and more than they have.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::{wait_for, within};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";

async fn grant(admin: &Client, user: &str, namespace: &str, rules: &Value) {
    let (role, binding, kind) = if namespace.is_empty() {
        (format!("{RBAC}/clusterroles"), format!("{RBAC}/clusterrolebindings"), "ClusterRole")
    } else {
        let within = format!("{RBAC}/namespaces/{namespace}");
        (format!("{within}/roles"), format!("{within}/rolebindings"), "Role")
    };
    admin.post(&role, &json!({"metadata": {"name": user}, "rules": rules})).await.done("a role");
    let subjects = json!([{"kind": "User", "name": user, "apiGroup": GROUP}]);
    let reference = json!({"apiGroup": GROUP, "kind": kind, "name": user});
    admin
        .post(&binding, &json!({"metadata": {"name": user}, "roleRef": reference, "subjects": subjects}))
        .await
        .done("a binding");
}

async fn may(user: &Client, path: &str) {
    wait_for(path, async || (user.get(path).await.code == 200).then_some(())).await;
}

#[tokio::test]
async fn what_is_not_allowed_is_forbidden_in_every_verb() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let nobody = admin.as_user("nobody", &[]);
        let base = "/api/v1/namespaces/default/pods";
        let cases = [
            ("GET", format!("{base}/x"), "get"),
            ("GET", base.to_owned(), "list"),
            ("GET", format!("{base}?watch=1"), "watch"),
            ("POST", base.to_owned(), "create"),
            ("PUT", format!("{base}/x"), "update"),
            ("PATCH", format!("{base}/x"), "patch"),
            ("DELETE", format!("{base}/x"), "delete"),
            ("DELETE", base.to_owned(), "deletecollection"),
            ("GET", format!("{base}/x/status"), "get"),
            ("PUT", format!("{base}/x/status"), "update"),
            ("POST", format!("{base}/x/binding"), "create"),
            ("POST", format!("{base}/x/eviction"), "create"),
            ("GET", format!("{base}/x/log"), "get"),
            ("POST", format!("{base}/x/exec"), "create"),
            ("PATCH", format!("{base}/x/resize"), "patch"),
            ("GET", format!("{base}/x/nothing"), "get"),
            ("POST", "/api/v1/namespaces/default/serviceaccounts/default/token".to_owned(), "create"),
            ("GET", "/apis/nothing.example.com/v1/things".to_owned(), "list"),
        ];
        for (method, path, verb) in cases {
            let what = format!("{method} {path}");
            let status = nobody
                .send(method, &path, &[("content-type", "application/json")], "{}")
                .await
                .refused_with(403, &what);
            let message = status["message"].as_str().expect("checked above");
            let told = format!("User \"nobody\" cannot {verb} resource");
            assert!(message.contains(&told), "{what}: {message}");
        }
        // What is not understood is no reason to tell more.
        let answer = nobody.send("POST", base, &[("content-type", "odd")], vec![0xff; 100]).await;
        answer.refused_with(403, "a body that is none");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn rights_in_a_namespace_end_there() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        admin.post("/api/v1/namespaces", &json!({"metadata": {"name": "own"}})).await.done("a namespace");
        admin.post("/api/v1/namespaces", &json!({"metadata": {"name": "other"}})).await.done("a namespace");
        grant(&admin, "tenant", "own", &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]))
            .await;
        let tenant = admin.as_user("tenant", &[]);
        may(&tenant, "/api/v1/namespaces/own/pods").await;
        may(&tenant, "/api/v1/namespaces/own").await;
        for path in [
            "/api/v1/namespaces/other",
            "/api/v1/namespaces/other/pods",
            "/api/v1/pods",
            "/api/v1/nodes",
            "/api/v1/namespaces",
            "/api/v1/watch/pods",
            "/api/v1/namespaces?fieldSelector=metadata.name%3Dother",
        ] {
            tenant.get(path).await.refused_with(403, path);
        }
        // These are authorized within the namespace, and lead to what is not in it.
        for path in [
            "/api/v1/namespaces/own/namespaces/other",
            "/api/v1/namespaces/own/namespaces",
            "/api/v1/namespaces/own/nodes",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/own/clusterroles/admin",
            "/api/v1/watch/namespaces/own/namespaces",
            "/api/v1/namespaces/own/namespaces/other/status",
            "/api/v1/namespaces/own/namespaces/other/finalize",
        ] {
            for method in ["GET", "DELETE", "PUT", "POST", "PATCH"] {
                let headers = [("content-type", "application/merge-patch+json")];
                let answer =
                    tenant.send(method, path, &headers, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}").await;
                answer.refused(&format!("{method} {path}"));
            }
        }
        let watch = tenant
            .open("GET", "/api/v1/watch/namespaces/own?timeoutSeconds=1", &[], "")
            .await
            .expect("an answer");
        assert_eq!(watch.status(), 200);
        let watched = http_body_util::BodyExt::collect(watch.into_body()).await.expect("it ends").to_bytes();
        let watched = String::from_utf8_lossy(&watched);
        assert!(watched.contains("\"name\":\"own\"") && !watched.contains("\"name\":\"other\""), "{watched}");
        let other = admin.get("/api/v1/namespaces/other").await.done("it is still there");
        assert!(
            other["metadata"]["deletionTimestamp"].is_null() && other["metadata"]["labels"]["a"].is_null()
        );
        // An object of another namespace by way of the body.
        let stray = json!({"metadata": {"name": "x", "namespace": "other"}, "data": {}});
        tenant
            .post("/api/v1/namespaces/own/configmaps", &stray)
            .await
            .refused_with(400, "another namespace in the body");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let rules = json!([
            {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["get", "list", "create", "update", "patch", "delete"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        ]);
        grant(&admin, "climber", "", &rules).await;
        let climber = admin.as_user("climber", &[]);
        may(&climber, &format!("{RBAC}/clusterroles")).await;
        let role = |rules: Value| json!({"metadata": {"name": "ladder"}, "rules": rules});
        let place = format!("{RBAC}/clusterroles");
        for rules in [
            json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
            json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]}]),
            json!([{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}]),
            json!([{"apiGroups": [GROUP], "resources": ["clusterroles"], "verbs": ["escalate"]}]),
            json!([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]),
        ] {
            climber.post(&place, &role(rules.clone())).await.refused_with(403, &rules.to_string());
        }
        let mut gathering = role(json!([]));
        gathering["aggregationRule"] = json!({"clusterRoleSelectors": [{}]});
        climber.post(&place, &gathering).await.refused_with(403, "a role that gathers all others");
        let fine = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
        climber.post(&place, &role(fine)).await.done("no more than the own");
        let ladder = format!("{place}/ladder");
        let more = "[{\"op\":\"add\",\"path\":\"/rules/0/verbs/-\",\"value\":\"*\"}]";
        climber.patch(&ladder, "json", more).await.refused_with(403, "a patch");
        let wide = json!({"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}).to_string();
        climber.patch(&ladder, "merge", wide.clone()).await.refused_with(403, "a merge patch");
        climber.patch(&ladder, "strategic-merge", wide).await.refused_with(403, "a strategic patch");
        let applied = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: ladder}\n\
            rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]\n";
        climber.patch(&format!("{ladder}?fieldManager=x&force=true"), "apply", applied).await.refused_with(403, "applied");
        let new = applied.replace("ladder", "new");
        climber.patch(&format!("{place}/new?fieldManager=x"), "apply", new).await.refused_with(403, "applied anew");
        climber.put(&format!("{place}/cluster-admin-2"), &json!({"metadata": {"name": "cluster-admin-2"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]})).await.refused("made by an update");

        let binding = |name: &str, kind: &str, role: &str| json!({"metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
            "subjects": [{"kind": "User", "name": "climber", "apiGroup": GROUP}]});
        for (place, kind, role) in [
            (format!("{RBAC}/clusterrolebindings"), "ClusterRole", "cluster-admin"),
            (format!("{RBAC}/namespaces/default/rolebindings"), "ClusterRole", "edit"),
            (format!("{RBAC}/namespaces/kube-system/rolebindings"), "Role", "extension-apiserver-authentication-reader"),
            (format!("{RBAC}/clusterrolebindings"), "ClusterRole", "not-there-yet"),
        ] {
            let refused = climber.post(&place, &binding("ladder", kind, role)).await;
            refused.refused(&format!("{place} {role}"));
        }
        climber.post(&format!("{RBAC}/clusterrolebindings"), &binding("ladder", "ClusterRole", "ladder")).await.done("bind");
        let masters = json!([{"op": "replace", "path": "/roleRef/name", "value": "cluster-admin"}]).to_string();
        climber.patch(&format!("{RBAC}/clusterrolebindings/ladder"), "json", masters).await.refused("another role");
        // Existing roles that have more than oneself must not be taken over by their bindings' subjects.
        let own = json!({"subjects": [{"kind": "User", "name": "climber", "apiGroup": GROUP}]}).to_string();
        climber.patch(&format!("{RBAC}/clusterrolebindings/cluster-admin"), "merge", own).await.refused_with(403, "subjects");
        climber.get("/api/v1/secrets").await.refused_with(403, "still no more");
        unharmed(&cluster, &admin).await;
    })
    .await;
}
