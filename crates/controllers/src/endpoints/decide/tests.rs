use serde_json::{Value, json};

use super::*;

fn service(spec: &Value) -> Service {
    let object =
        json!({"metadata": {"name": "web", "namespace": "default", "labels": {"a": "b"}}, "spec": spec});
    serde_json::from_value(object).expect("a service")
}

fn pod(number: usize, ready: bool, port: i32, dying: bool) -> Arc<Pod> {
    let object = json!({
        "metadata": {"name": format!("p{number}"), "uid": format!("u{number}"), "namespace": "default",
            "deletionTimestamp": if dying { json!("2026-01-01T00:00:00Z") } else { Value::Null }},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": port}]}]},
        "status": {"phase": "Running", "podIP": format!("127.1.{}.{}", number / 250, number % 250),
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
    });
    Arc::new(serde_json::from_value(object).expect("a pod"))
}

/// Tells how many addresses are ready and how many are not, by subset.
fn told(endpoints: &Endpoints) -> Vec<(Vec<i32>, usize, usize)> {
    let count = |list: &Option<Vec<EndpointAddress>>| list.as_ref().map_or(0, Vec::len);
    let ports = |subset: &EndpointSubset| subset.ports.iter().flatten().map(|port| port.port).collect();
    let subsets = endpoints.subsets.iter().flatten();
    subsets.map(|it| (ports(it), count(&it.addresses), count(&it.not_ready_addresses))).collect()
}

fn made(service: &Service, pods: &[Arc<Pod>]) -> Endpoints {
    let Some(Action::Create(endpoints)) = decide(service, pods, None) else { panic!("nothing to create") };
    assert_eq!(decide(service, pods, Some(&endpoints)), None, "does not settle");
    endpoints
}

#[test]
fn subsets_are_by_ports_and_readiness() {
    let named = json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80, "targetPort": "http"}]});
    let pods = [
        pod(1, true, 8080, false),
        pod(2, false, 8080, false),
        pod(3, true, 9090, false),
        pod(4, true, 8080, true),
    ];
    assert_eq!(told(&made(&service(&named), &pods)), [(vec![8080], 1, 1), (vec![9090], 1, 0)]);
    let mut unready = named.clone();
    unready["publishNotReadyAddresses"] = json!(true);
    assert_eq!(told(&made(&service(&unready), &pods)), [(vec![8080], 3, 0), (vec![9090], 1, 0)]);
    let unknown = json!({"ports": [{"port": 80, "targetPort": "other"}]});
    assert_eq!(told(&made(&service(&unknown), &pods)), []);
    let headless = service(&json!({"clusterIP": "None"}));
    let endpoints = made(&headless, &pods);
    assert_eq!(told(&endpoints), [(vec![], 2, 1)]);
    let labels = json!({"a": "b", HEADLESS: "", MANAGED_BY: MANAGER});
    assert_eq!(serde_json::to_value(&endpoints.metadata.labels).expect("labels"), labels);
}

#[test]
fn ready_addresses_come_first_when_there_are_too_many() {
    let service = service(&json!({"ports": [{"port": 80}]}));
    let pods: Vec<Arc<Pod>> = (0..1200).map(|number| pod(number, number >= 300, 1, false)).collect();
    let endpoints = made(&service, &pods);
    assert_eq!(told(&endpoints), [(vec![80], 900, 100)]);
    assert!(endpoints.metadata.annotations.is_some_and(|all| all[OVER_CAPACITY] == "truncated"));
}
