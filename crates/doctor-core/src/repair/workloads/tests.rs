use serde_json::{Value, json};

use crate::Finding;
use crate::checks::given::facts;
use crate::repair::objects::{Edit, ObjectPlan, plan};
use crate::severity::Severity;
use crate::subject::Subject;

/// Plans what is done about a finding of a check about the first of these objects.
fn planned(check: &'static str, objects: &[Value]) -> ObjectPlan {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let [kind, namespace, name] = ["/kind", "/metadata/namespace", "/metadata/name"]
        .map(|path| text(&objects[0].pointer(path).cloned().unwrap_or("".into())));
    let subject = if namespace.is_empty() {
        Subject::new(kind, name)
    } else {
        Subject::namespaced(kind, namespace, name)
    };
    let finding = Finding {
        check,
        severity: Severity::Warning,
        subject,
        summary: String::new(),
        advice: String::new(),
        evidence: Vec::new(),
        affected: Vec::new(),
        count: 1,
        fixable: true,
    };
    plan(&facts(objects), &[finding])
}

#[track_caller]
fn left(plan: &ObjectPlan, part: &str) {
    assert!(plan.steps.is_empty() && plan.left[0].why.contains(part), "{part:?}: {plan:#?}");
}

fn database(probe: &Value) -> Value {
    json!({"kind": "StatefulSet", "metadata": {"name": "db", "namespace": "a"}, "spec": {"replicas": 2,
        "selector": {"matchLabels": {"app": "db"}}, "template": {"spec": {"containers": [
            {"name": "exporter", "image": "prom/mysqld-exporter:1", "livenessProbe": {"httpGet": {"path": "/", "port": 9104}}},
            {"name": "db", "image": "mariadb:11", "livenessProbe": probe}]}}}})
}

fn pod(number: usize, node: &str) -> Value {
    json!({"kind": "Pod", "metadata": {"name": format!("db-{number}"), "namespace": "a", "labels": {"app": "db"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
        "spec": {"nodeName": node, "containers": [{"name": "db"}]}, "status": {"phase": "Running"}})
}

fn node(name: &str) -> Value {
    json!({"kind": "Node", "metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

#[test]
fn only_probes_that_ask_the_database_for_certain_go() {
    let check = "pods/liveness-on-database";
    let plan = planned(check, &[database(&json!({"tcpSocket": {"port": 3306}}))]);
    assert_eq!(plan.steps.len(), 1, "{plan:#?}");
    assert_eq!(plan.steps[0].edit, Edit::WithoutLiveness { container: "db".to_owned() });
    left(&planned(check, &[database(&json!({"exec": {"command": ["/scripts/alive.sh"]}}))]), "for certain");
    left(
        &planned(check, &[json!({"kind": "Pod", "metadata": {"name": "db", "namespace": "a"}})]),
        "nobody makes",
    );
}

#[test]
fn pods_are_spread_where_there_is_somewhere_else() {
    let check = "workloads/replicas-together";
    let with = |workload: Value, places: [&str; 2], nodes: &[&str]| {
        let mut objects = vec![workload, pod(0, places[0]), pod(1, places[1])];
        objects.extend(nodes.iter().map(|name| node(name)));
        planned(check, &objects)
    };
    let db = || database(&json!(null));
    let plan = with(db(), ["n1", "n1"], &["n1", "n2"]);
    let selector = json!({"matchLabels": {"app": "db"}});
    assert_eq!(plan.steps[0].edit, Edit::Spread { selector, by_revision: false });
    left(&with(db(), ["n1", "n1"], &["n1"]), "one node that takes Pods");
    left(&with(db(), ["n1", "n2"], &["n1", "n2"]), "are on different nodes");
    let mut asked = db();
    asked["spec"]["template"]["spec"]["topologySpreadConstraints"] =
        json!([{"topologyKey": "kubernetes.io/hostname"}]);
    left(&with(asked, ["n1", "n1"], &["n1", "n2"]), "asks for different nodes already");
    let mut kept = db();
    kept["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": "n1"});
    left(&with(kept, ["n1", "n1"], &["n1", "n2"]), "on purpose");
}

#[test]
fn what_somebody_means_is_left() {
    let mut db = database(&json!(null));
    db["spec"]["revisionHistoryLimit"] = json!(0);
    left(&planned("workloads/history", &[db.clone()]), "theirs to say");
    db["spec"]["revisionHistoryLimit"] = json!(10);
    left(&planned("workloads/history", &[db]), "whoever should remove the others");
    left(
        &planned("budgets/missing", &[json!({"kind": "Namespace", "metadata": {"name": "a"}})]),
        "databases alone",
    );
    let cron = json!({"kind": "CronJob", "metadata": {"name": "c", "namespace": "a"},
        "spec": {"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 90}});
    let plan = planned("jobs/no-ttl", &[cron]);
    assert_eq!(plan.steps[0].edit, Edit::JobHistory { successful: 2, failed: 10 });
}

#[test]
fn names_get_as_many_servers_as_the_cluster_asks_for() {
    let server = |replicas: i64, ready: i64| {
        json!({"kind": "Deployment", "metadata": {"name": "coredns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            "spec": {"replicas": replicas}, "status": {"readyReplicas": ready}})
    };
    let with = |server: Value| {
        let nodes = (0..40).map(|number| node(&format!("n{number}")));
        planned("dns/replicas", &[server].into_iter().chain(nodes).collect::<Vec<_>>())
    };
    let plan = with(server(1, 1));
    assert!(matches!(plan.steps[0].edit, Edit::Replicas { count: 3, .. }), "{plan:#?}");
    left(&with(server(3, 0)), "none of them is ready");
}
