//! Services: what they are given and what they give back; and what other new objects are completed with.

use serde_json::{Value, json};

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::Client;
use crate::support::{wait_for, within};
use crate::writes::pod;

const SERVICES: &str = "/api/v1/namespaces/default/services";

fn service(name: &str, spec: &Value) -> Value {
    let mut service =
        json!({"metadata": {"name": name}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        service["spec"][key] = value.clone();
    }
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_given_once_and_given_back() {
    within(LIMIT, async {
        let cluster = Cluster::start_with(&["--service-cluster-ip-range", "10.7.0.0/24"]).await;
        let client = Client::of(&cluster).await;
        let made = client.post(SERVICES, &service("a", &json!({}))).await.is(201);
        let spec = &made["spec"];
        let address = spec["clusterIP"].as_str().expect("an address");
        assert!(address.starts_with("10.7.0."), "{address}");
        assert_eq!(spec["clusterIPs"], json!([address]));
        assert_eq!((&spec["ipFamilies"], &spec["ipFamilyPolicy"]), (&json!(["IPv4"]), &json!("SingleStack")));
        assert_eq!((&spec["sessionAffinity"], &spec["internalTrafficPolicy"]), (&json!("None"), &json!("Cluster")));
        assert_eq!(spec["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
        let taken = client.get(&format!("/apis/networking.k8s.io/v1/ipaddresses/{address}")).await.is(200);
        assert_eq!(taken["spec"]["parentRef"]["name"], "a");
        let twice = client.post(SERVICES, &service("b", &json!({"clusterIP": address}))).await.refused(422);
        assert_eq!(twice, format!("Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"{address}\"]: failed to allocate IP {address}: provided IP is already allocated"));
        let outside = client.post(SERVICES, &service("b", &json!({"clusterIP": "10.8.0.1"}))).await.refused(422);
        assert_eq!(outside, "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.8.0.1\"]: failed to allocate IP 10.8.0.1: the provided IP (10.8.0.1) is not in the valid range. The range of valid IPs is 10.7.0.0/24");
        let chosen = client.post(SERVICES, &service("c", &json!({"clusterIP": "10.7.0.9"}))).await.is(201);
        assert_eq!(chosen["spec"]["clusterIPs"], json!(["10.7.0.9"]));
        let moved = json!({"spec": {"clusterIP": "10.7.0.11"}});
        let moved = client.patch("merge-patch+json", &format!("{SERVICES}/c"), &moved).await.refused(422);
        assert!(moved.contains("spec.clusterIPs[0]: Invalid value: [\"10.7.0.11\"]: may not change once set"), "{moved}");
        let headless = client.post(SERVICES, &service("d", &json!({"clusterIP": "None"}))).await.is(201);
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
        let put = client.put(&format!("{SERVICES}/c"), &service("c", &json!({}))).await.is(200);
        assert_eq!(put["spec"]["clusterIP"], "10.7.0.9", "what was given stays");
        let external = json!({"spec": {"type": "ExternalName", "externalName": "x.io", "clusterIP": "", "clusterIPs": null}});
        let external = client.patch("merge-patch+json", &format!("{SERVICES}/c"), &external).await.is(200);
        assert_eq!(external["spec"].get("clusterIP").unwrap_or(&json!("")), "");
        client.post(SERVICES, &service("e", &json!({"clusterIP": "10.7.0.9"}))).await.is(201);
        client.delete(&format!("{SERVICES}/e")).await.is(200);
        client.post(SERVICES, &service("f", &json!({"clusterIP": "10.7.0.9"}))).await.is(201);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_ports_follow_the_type() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let port = |service: &Value| service["spec"]["ports"][0]["nodePort"].as_i64().unwrap_or(0);
        let made = client.post(SERVICES, &service("a", &json!({"type": "NodePort"}))).await.is(201);
        assert!((30_000..=32_767).contains(&port(&made)));
        assert_eq!(made["spec"]["externalTrafficPolicy"], "Cluster");
        let ports = |number: i64| json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": number}]});
        let twice = client.post(SERVICES, &service("b", &ports(port(&made)))).await.refused(422);
        assert!(twice.ends_with("provided port is already allocated"), "{twice}");
        let outside = client.post(SERVICES, &service("b", &ports(80))).await.refused(422);
        assert_eq!(outside, "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767");
        let inside = client.patch("merge-patch+json", &format!("{SERVICES}/a"), &json!({"spec": {"type": "ClusterIP"}})).await.is(200);
        assert_eq!(port(&inside), 0);
        let reused = client.post(SERVICES, &service("b", &ports(port(&made)))).await.is(201);
        assert_eq!(port(&reused), port(&made));
        let dns = json!({"type": "NodePort", "ports": [
            {"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53, "protocol": "TCP"},
        ]});
        let dns = client.post(SERVICES, &service("dns", &dns)).await.is(201);
        assert_eq!(dns["spec"]["ports"][0]["nodePort"], dns["spec"]["ports"][1]["nodePort"]);
        let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local"});
        let local = client.post(SERVICES, &service("local", &local)).await.is(201);
        let check = local["spec"]["healthCheckNodePort"].as_i64().expect("a port for checks");
        assert!((30_000..=32_767).contains(&check) && check != port(&local));
        assert_eq!(local["spec"]["allocateLoadBalancerNodePorts"], true);
        let clash = client.post(SERVICES, &service("x", &ports(check))).await.refused(422);
        assert!(clash.ends_with("provided port is already allocated"), "{clash}");
        let again = client.put(&format!("{SERVICES}/local"), &service("local", &json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local"}))).await.is(200);
        assert_eq!((&again["spec"]["healthCheckNodePort"], port(&again)), (&json!(check), port(&local)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_objects_are_completed_by_the_cluster() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let pods = "/api/v1/namespaces/default/pods";
        let limits = json!({"metadata": {"name": "l"}, "spec": {"limits": [
            {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "1"}},
        ]}});
        client.post("/api/v1/namespaces/default/limitranges", &limits).await.is(201);
        let class = json!({"metadata": {"name": "high"}, "value": 1000});
        client.post("/apis/scheduling.k8s.io/v1/priorityclasses", &class).await.is(201);
        let mut wanted = pod("a");
        wanted["spec"]["priorityClassName"] = json!("high");
        let ready = "the limits are seen";
        let made = wait_for(ready, async || {
            let made = client.post(&format!("{pods}?dryRun=All"), &wanted).await.is(201);
            made["spec"]["containers"][0]["resources"]["limits"].is_object().then_some(made)
        })
        .await;
        let spec = &made["spec"];
        assert_eq!(spec["containers"][0]["resources"], json!({"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}));
        assert_eq!((&spec["priority"], &spec["preemptionPolicy"]), (&json!(1000), &json!("PreemptLowerPriority")));
        assert_eq!(spec["serviceAccountName"], "default");
        let mount = &spec["containers"][0]["volumeMounts"][0];
        assert_eq!(mount["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
        assert_eq!(spec["volumes"][0]["name"], mount["name"]);
        assert_eq!(spec["volumes"][0]["projected"]["sources"].as_array().map(Vec::len), Some(3));
        let keys: Vec<&str> = spec["tolerations"].as_array().expect("tolerations").iter().filter_map(|t| t["key"].as_str()).collect();
        assert_eq!(keys, ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);
        assert_eq!(made["status"]["qosClass"], "Burstable");
        let mut greedy = pod("b");
        greedy["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "2"}});
        let greedy = client.post(pods, &greedy).await.refused(403);
        assert_eq!(greedy, "pods \"b\" is forbidden: maximum cpu usage per Container is 1, but limit is 2");
        let mut unknown = pod("b");
        unknown["spec"]["priorityClassName"] = json!("none");
        assert_eq!(client.post(pods, &unknown).await.refused(403), "pods \"b\" is forbidden: no PriorityClass with name none was found");
        let mut lost = pod("b");
        lost["spec"]["serviceAccountName"] = json!("none");
        assert_eq!(client.post(pods, &lost).await.refused(403), "pods \"b\" is forbidden: error looking up service account default/none: serviceaccount \"none\" not found");
        let class = json!({
            "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p",
        });
        client.post("/apis/storage.k8s.io/v1/storageclasses", &class).await.is(201);
        let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
        let claim = wait_for("the class is seen", async || {
            let made = client.post(&format!("{claims}?dryRun=All"), &claim).await.is(201);
            (made["spec"]["storageClassName"] == "fast").then_some(made)
        })
        .await;
        assert_eq!(claim["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
        assert_eq!(claim["status"]["phase"], "Pending");
        let node = client.post("/api/v1/nodes", &json!({"metadata": {"name": "n"}})).await.is(201);
        assert_eq!(node["spec"]["taints"], json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_are_put_together_show_their_rules() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
        let shown = async |name: &str, resource: &str| {
            let role = client.get(&format!("{roles}/{name}")).await.is(200);
            let granted = role["rules"].as_array().cloned().unwrap_or_default();
            let found = granted
                .iter()
                .any(|rule| rule["resources"].as_array().is_some_and(|all| all.contains(&json!(resource))));
            found.then_some(role)
        };
        let admin = wait_for("admin has the rules of its parts", async || shown("admin", "pods").await).await;
        assert!(admin["aggregationRule"].is_object());
        let owners = admin["metadata"]["managedFields"].as_array().expect("owners");
        assert!(
            owners.iter().any(|entry| entry["manager"] == "clusterrole-aggregation-controller"
                && entry["operation"] == "Apply")
        );
        let own = json!({
            "metadata": {"name": "crons", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
            "rules": [{"apiGroups": ["x.io"], "resources": ["crontabs"], "verbs": ["get"]}],
        });
        client.post(roles, &own).await.is(201);
        for name in ["view", "edit", "admin"] {
            wait_for("the new part is in", async || shown(name, "crontabs").await).await;
        }
        client.delete(&format!("{roles}/crons")).await.is(200);
        wait_for("the part is out", async || shown("view", "crontabs").await.is_none().then_some(())).await;
    })
    .await;
}
