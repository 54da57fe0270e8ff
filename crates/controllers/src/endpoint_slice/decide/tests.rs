use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn service(more: &serde_json::Value) -> Service {
    let mut object = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "labels": {"app": "web"}},
        "spec": {"clusterIP": "10.96.0.7", "ipFamilies": ["IPv4"], "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": "http"}]},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    serde_json::from_value(object).expect("a service")
}

fn pod(number: usize, more: &serde_json::Value) -> Arc<Pod> {
    let mut object = json!({
        "metadata": {"name": format!("p{number}"), "namespace": "default", "uid": format!("u{number}")},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": format!("127.1.{}.{}", number / 250, number % 250 + 1),
            "conditions": [{"type": "Ready", "status": "True"}]},
    });
    for (pointer, value) in more.as_object().into_iter().flatten() {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        object.pointer_mut(parent).expect("a parent")[key] = value.clone();
    }
    Arc::new(serde_json::from_value(object).expect("a pod"))
}

fn actions(service: &Service, pods: &[Arc<Pod>], slices: &[Arc<EndpointSlice>]) -> Vec<Action> {
    let zone_of = |node: &str| (node == "n1").then(|| "z1".to_owned());
    let is_taken = |name: &str| slices.iter().any(|slice| slice.metadata.name.as_deref() == Some(name));
    decide(&Seen { service, pods, slices, zone_of: &zone_of, is_taken: &is_taken })
}

/// Carries actions out as the API does.
fn done(slices: &[Arc<EndpointSlice>], actions: Vec<Action>) -> Vec<Arc<EndpointSlice>> {
    let mut slices: BTreeMap<Option<String>, Arc<EndpointSlice>> =
        slices.iter().map(|slice| (slice.metadata.name.clone(), Arc::clone(slice))).collect();
    for action in actions {
        match action {
            Action::Create(slice) => {
                assert!(!slices.contains_key(&slice.metadata.name), "made twice");
                slices.insert(slice.metadata.name.clone(), Arc::new(slice));
            }
            Action::Update(slice) => drop(slices.insert(slice.metadata.name.clone(), Arc::new(slice))),
            Action::Delete(slice) => drop(slices.remove(&slice.metadata.name)),
        }
    }
    slices.into_values().collect()
}

fn told(slices: &[Arc<EndpointSlice>]) -> Vec<String> {
    let flag = |flag: Option<bool>, letter: char| if flag == Some(true) { letter } else { '-' };
    let mut lines = Vec::new();
    for slice in slices {
        let ports: Vec<String> =
            slice.ports.iter().flatten().map(|port| port.port.unwrap_or(0).to_string()).collect();
        for endpoint in slice.endpoints.iter().flatten() {
            let is = endpoint.conditions.clone().unwrap_or_default();
            let name = endpoint.hostname.as_deref().unwrap_or("");
            let flags: String =
                [flag(is.ready, 'r'), flag(is.serving, 's'), flag(is.terminating, 't')].into_iter().collect();
            lines.push(
                format!("{}:{} {flags} {name}", endpoint.addresses[0], ports.join(",")).trim_end().to_owned(),
            );
        }
    }
    lines
}

#[test]
fn endpoints_say_what_pods_are() {
    let dying = json!({"/metadata/deletionTimestamp": "2026-01-01T00:00:00Z"});
    let unready = json!({"/status/conditions": []});
    let table = [
        (json!({}), json!({}), vec!["127.1.0.1:8080 rs-"]),
        (json!({}), unready.clone(), vec!["127.1.0.1:8080 ---"]),
        (json!({}), dying.clone(), vec!["127.1.0.1:8080 -st"]),
        (json!({"publishNotReadyAddresses": true}), unready, vec!["127.1.0.1:8080 r--"]),
        (json!({"publishNotReadyAddresses": true}), dying, vec!["127.1.0.1:8080 rst"]),
        (json!({}), json!({"/status/phase": "Succeeded"}), vec![]),
        (json!({}), json!({"/status/podIP": null}), vec![]),
        (json!({"ipFamilies": ["IPv6"]}), json!({}), vec![]),
        (
            json!({"ipFamilies": ["IPv6"]}),
            json!({"/status/podIPs": [{"ip": "127.1.0.1"}, {"ip": "::5"}]}),
            vec!["::5:8080 rs-"],
        ),
        (json!({"ports": [{"port": 80}]}), json!({}), vec!["127.1.0.1:80 rs-"]),
        (json!({"ports": [{"port": 80, "targetPort": "nope"}]}), json!({}), vec!["127.1.0.1: rs-"]),
        (
            json!({"ports": [{"port": 80, "targetPort": "http", "protocol": "UDP"}]}),
            json!({}),
            vec!["127.1.0.1: rs-"],
        ),
        (
            json!({"clusterIP": "None", "ports": null}),
            json!({"/spec/hostname": "p", "/spec/subdomain": "web"}),
            vec!["127.1.0.1: rs- p"],
        ),
        (json!({}), json!({"/spec/hostname": "p", "/spec/subdomain": "other"}), vec!["127.1.0.1:8080 rs-"]),
    ];
    for (at, (spec, changes, expected)) in table.into_iter().enumerate() {
        let service = service(&spec);
        let slices = done(&[], actions(&service, &[pod(0, &changes)], &[]));
        assert_eq!(
            (slices.len(), told(&slices)),
            (1, expected.into_iter().map(str::to_owned).collect()),
            "{at}"
        );
    }
}

#[test]
fn slices_say_whose_they_are() {
    let service = service(&json!({"clusterIP": "None", "trafficDistribution": "PreferClose"}));
    let slices = done(&[], actions(&service, &[pod(0, &json!({}))], &[]));
    let slice = serde_json::to_value(&*slices[0]).expect("a slice");
    let labels = json!({"app": "web", "kubernetes.io/service-name": "web", "service.kubernetes.io/headless": "",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
    assert_eq!(slice["metadata"]["labels"], labels);
    assert_eq!(slice["metadata"]["ownerReferences"][0]["uid"], "s");
    assert_eq!(
        slice["endpoints"][0]["targetRef"],
        json!({"kind": "Pod", "namespace": "default", "name": "p0", "uid": "u0"})
    );
    assert_eq!(
        (&slice["endpoints"][0]["zone"], &slice["endpoints"][0]["nodeName"]),
        (&json!("z1"), &json!("n1"))
    );
    assert_eq!(slice["endpoints"][0]["hints"], json!({"forZones": [{"name": "z1"}]}));
    assert_eq!(slice["ports"], json!([{"name": "", "port": 8080, "protocol": "TCP"}]));
}

#[test]
fn a_change_of_one_pod_changes_one_slice() {
    let service = service(&json!({}));
    let pods: Vec<Arc<Pod>> = (0..250).map(|number| pod(number, &json!({}))).collect();
    let slices = done(&[], actions(&service, &pods, &[]));
    assert_eq!(slices.len(), 3);
    assert_eq!(actions(&service, &pods, &slices), []);
    let mut without = pods.clone();
    without.remove(120);
    assert!(matches!(actions(&service, &without, &slices)[..], [Action::Update(_)]));
    let mut more = pods.clone();
    more.push(pod(250, &json!({})));
    assert!(matches!(actions(&service, &more, &slices)[..], [Action::Update(_)]));
    assert_eq!(done(&slices, actions(&service, &[], &slices)).len(), 1);
}

proptest! {
    #[test]
    fn slices_converge(rounds in proptest::collection::vec(proptest::collection::btree_set(0..420_usize, 0..300), 1..6)) {
        let service = service(&json!({}));
        let mut slices = Vec::new();
        for round in rounds {
            let changes = |number: usize| {
                if number.is_multiple_of(7) { json!({"/spec/containers/0/ports": []}) } else { json!({}) }
            };
            let pods: Vec<Arc<Pod>> = round.iter().map(|number| pod(*number, &changes(*number))).collect();
            slices = done(&slices, actions(&service, &pods, &slices));
            prop_assert_eq!(actions(&service, &pods, &slices), vec![]);
            let found: Vec<String> = slices.iter().flat_map(|slice| slice.endpoints.iter().flatten()).map(|it| identity(it).1).collect();
            let distinct: BTreeSet<&String> = found.iter().collect();
            prop_assert_eq!((found.len(), distinct.len()), (round.len(), round.len()));
            for slice in &slices {
                let count = slice.endpoints.as_ref().map_or(0, Vec::len);
                prop_assert!(count <= MOST && (count > 0 || round.is_empty()));
            }
        }
    }
}
