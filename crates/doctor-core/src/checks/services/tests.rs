use serde_json::{Value, json};

use crate::checks::given::{ago, finds, found};
use crate::severity::Severity;

fn service(selector: &Value) -> Value {
    json!({"kind": "Service", "metadata": {"name": "db", "namespace": "a", "creationTimestamp": ago(9_000)},
        "spec": {"type": "ClusterIP", "selector": selector, "ports": [{"port": 3306, "protocol": "TCP"}]}})
}

fn slice(ready: &[bool]) -> Value {
    let endpoints: Vec<_> = ready.iter().map(|ready| json!({"conditions": {"ready": ready}})).collect();
    json!({"kind": "EndpointSlice", "metadata": {"name": "db-1", "namespace": "a", "labels": {"kubernetes.io/service-name": "db"}},
        "endpoints": endpoints})
}

fn pod(name: &str, labels: &Value, ready: &str, since: i64) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name, "namespace": "a", "labels": labels, "creationTimestamp": ago(9_000)},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [{"name": "mysql", "containerPort": 3306, "protocol": "TCP"}]}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": ago(since)}]}})
}

fn app() -> Value {
    json!({"app": "db"})
}

#[test]
fn nothing_is_wrong_with_one_that_leads_somewhere() {
    assert_eq!(found(&[service(&app()), pod("p", &app(), "True", 900), slice(&[true, false])]), []);
    let mut external = service(&app());
    external["spec"]["type"] = json!("ExternalName");
    assert_eq!(found(&[external]), []);
    assert_eq!(found(&[service(&json!({}))]), [], "somebody else writes its endpoints");
    let mut young = service(&app());
    young["metadata"]["creationTimestamp"] = json!(ago(20));
    assert_eq!(found(&[young]), []);
}

#[test]
fn none_of_its_pods_is_ready() {
    let finding = finds(
        "services/no-endpoints",
        Severity::Critical,
        &[service(&app()), pod("p", &app(), "False", 900), slice(&[false])],
    );
    assert_eq!(finding.summary, "none of its Pods is ready");
    assert_eq!(
        found(&[service(&app()), pod("p", &app(), "False", 20), slice(&[false])]),
        [],
        "it may have been restarted"
    );
    let finding =
        finds("services/no-endpoints", Severity::Critical, &[service(&app()), pod("p", &app(), "True", 900)]);
    assert_eq!(finding.summary, "its Pods are ready and it has no endpoints");
}

#[test]
fn its_selector_means_nothing() {
    let finding = finds(
        "services/no-endpoints",
        Severity::Warning,
        &[service(&app()), pod("p", &json!({"app": "web"}), "True", 900)],
    );
    assert_eq!(finding.summary, "its selector means no Pod");
    let workload = |replicas: usize| {
        json!({"kind": "Deployment", "metadata": {"name": "db", "namespace": "a"}, "spec": {"replicas": replicas,
            "template": {"metadata": {"labels": app()}}}})
    };
    assert_eq!(found(&[service(&app()), workload(0)]), [], "it is scaled to nothing");
    let finding = finds("services/no-endpoints", Severity::Critical, &[service(&app()), workload(2)]);
    assert!(finding.summary.contains("Deployment a/db asks for them"), "{finding:#?}");
    let job = json!({"kind": "CronJob", "metadata": {"name": "db", "namespace": "a"},
        "spec": {"jobTemplate": {"spec": {"template": {"metadata": {"labels": app()}}}}}});
    assert_eq!(found(&[service(&app()), job]), [], "its Pods come and go");
    let gone = json!({"kind": "Namespace", "metadata": {"name": "a", "deletionTimestamp": ago(9)}});
    assert_eq!(found(&[service(&app()), gone]), []);
}

#[test]
fn nobody_has_the_role_that_it_leads_to() {
    let of = |role: &str| json!({"app": "db", "db.example.com/role": role});
    let pods = |count: usize, role: &str| {
        (0..count).map(|number| pod(&format!("p{number}"), &of(role), "True", 900)).collect::<Vec<_>>()
    };
    let with = |role: &str, pods: Vec<Value>| [vec![service(&of(role))], pods].concat();
    assert_eq!(found(&with("replica", pods(1, "primary"))), [], "a cluster of one has no replica");
    finds("services/no-endpoints", Severity::Critical, &with("replica", pods(2, "primary")));
    let finding = finds("services/no-endpoints", Severity::Critical, &with("primary", pods(1, "replica")));
    assert_eq!(finding.summary, "no Pod has the role that it leads to: db.example.com/role=primary");
    finds("services/no-endpoints", Severity::Warning, &with("primary", Vec::new()));
}

#[test]
fn it_leads_to_a_port_that_nobody_has() {
    let with = |port: &str, protocol: &str| {
        let mut service = service(&app());
        service["spec"]["ports"] = json!([{"port": 3306, "targetPort": port, "protocol": protocol}]);
        [service, pod("p", &app(), "True", 900), slice(&[true])]
    };
    assert_eq!(found(&with("mysql", "TCP")), []);
    finds("services/no-endpoints", Severity::Critical, &with("mysql", "UDP"));
    let finding = finds("services/no-endpoints", Severity::Critical, &with("mariadb", "TCP"));
    assert!(finding.summary.contains("by the name mariadb"), "{finding:#?}");
    let mut two = with("mariadb", "TCP");
    let ports = two[0]["spec"]["ports"].as_array_mut().expect("a list");
    ports.push(json!({"port": 9104, "targetPort": 9104, "protocol": "TCP"}));
    finds("services/no-endpoints", Severity::Warning, &two);
    two[0]["spec"]["clusterIP"] = json!("None");
    assert_eq!(found(&two), [], "it has only names");
}
