use std::time::Duration;

use k8s_openapi::api::core::v1::Service as ServiceObject;
use k8s_openapi::serde_json::{self, Value, json};

use super::*;

/// Reads a Service of namespace `default` from a spec and slices.
pub(crate) fn service(name: &str, spec: Value, slices: &[Value]) -> Service {
    let mut object = json!({"metadata": {"namespace": "default", "name": name, "uid": "u"}});
    object["spec"] = spec;
    let object: ServiceObject = serde_json::from_value(object).expect("a Service");
    let slices: Vec<EndpointSlice> =
        slices.iter().map(|slice| serde_json::from_value(slice.clone()).expect("a slice")).collect();
    Service::read(&object, &slices)
}

/// A slice with one port and these endpoints.
pub(crate) fn slice(port: &Value, endpoints: &[Value]) -> Value {
    json!({"metadata": {"name": "s"}, "addressType": "IPv4", "ports": [port], "endpoints": endpoints})
}

/// A ready endpoint.
pub(crate) fn ready(address: &str) -> Value {
    json!({"addresses": [address], "conditions": {"ready": true}})
}

fn state_of(conditions: &Value) -> EndpointState {
    let endpoint = json!({"addresses": ["127.64.0.1"], "conditions": conditions});
    service("a", json!({}), &[slice(&json!({"port": 1}), &[endpoint])]).endpoints[0].state
}

#[test]
fn conditions_that_are_not_given_are_fulfilled() {
    for (conditions, state) in [
        (Value::Null, EndpointState::Ready),
        (json!({}), EndpointState::Ready),
        (json!({"serving": true}), EndpointState::Ready),
        (json!({"ready": true, "serving": false, "terminating": true}), EndpointState::Ready),
        (json!({"ready": false}), EndpointState::NotReady),
        (json!({"ready": false, "serving": true, "terminating": true}), EndpointState::Draining),
        (json!({"ready": false, "serving": true, "terminating": false}), EndpointState::NotReady),
        (json!({"ready": false, "serving": false, "terminating": true}), EndpointState::NotReady),
        (json!({"ready": false, "terminating": true}), EndpointState::NotReady),
    ] {
        assert_eq!(state_of(&conditions), state, "{conditions}");
    }
}

#[test]
fn a_service_is_reached_by_what_it_says() {
    let reach = |spec: Value| service("a", spec, &[]).reach;
    assert_eq!(
        reach(json!({"clusterIP": "127.96.0.1"})),
        Reach::Addresses(vec!["127.96.0.1".parse().expect("an address")])
    );
    assert_eq!(reach(json!({"clusterIP": "None", "clusterIPs": ["None"]})), Reach::Headless);
    assert_eq!(
        reach(json!({"type": "ExternalName", "externalName": "db.example.com"})),
        Reach::External("db.example.com".to_owned())
    );
    assert_eq!(reach(json!({})), Reach::Addresses(Vec::new()), "not given an address yet");
}

#[test]
fn affinity_has_a_time() {
    let affinity = |spec: Value| service("a", spec, &[]).affinity;
    assert_eq!(affinity(json!({"sessionAffinity": "None"})), None);
    assert_eq!(affinity(json!({"sessionAffinity": "ClientIP"})), Some(Duration::from_hours(3)));
    let config =
        json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 7}}});
    assert_eq!(affinity(config), Some(Duration::from_secs(7)));
}

#[test]
fn what_is_not_supported_is_told_and_the_rest_stays() {
    let spec = json!({
        "clusterIPs": ["127.96.0.1", "here"],
        "ports": [
            {"name": "a", "port": 80}, {"name": "b", "port": 81, "protocol": "SCTP"}, {"name": "c", "port": 99_999},
        ],
    });
    let read = service("a", spec, &[slice(&json!({"port": 1}), &[ready("there"), ready("127.64.0.1")])]);
    assert_eq!(read.ports.len(), 1);
    assert_eq!(read.endpoints.len(), 1);
    let told: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "spec.clusterIPs \"here\" is left out: it cannot be read",
            "port 81 is not served: protocol SCTP is not supported here, only TCP and UDP",
            "spec.ports.port \"99999\" is left out: it cannot be read",
            "endpoints.addresses \"there\" is left out: it cannot be read",
        ]
    );
}

#[test]
fn an_address_of_two_slices_is_one_endpoint() {
    let waiting = json!({"addresses": ["127.64.0.1"], "conditions": {"ready": false}});
    let slices = [
        slice(&json!({"name": "a", "port": 1}), &[waiting, ready("127.64.0.2")]),
        slice(&json!({"name": "b", "port": 2}), &[ready("127.64.0.1"), ready("127.64.0.2")]),
    ];
    let read = service("a", json!({}), &slices);
    let found: Vec<(String, EndpointState, usize)> = read
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.label(), endpoint.state, endpoint.ports.len()))
        .collect();
    assert_eq!(
        found,
        [
            ("127-64-0-1".to_owned(), EndpointState::Ready, 1),
            ("127-64-0-2".to_owned(), EndpointState::Ready, 2)
        ]
    );
}

#[test]
fn slices_of_names_are_left_alone() {
    let names = json!({"metadata": {}, "addressType": "FQDN", "endpoints": [{"addresses": ["example.com"]}]});
    let read = service("a", json!({}), &[names]);
    assert!(read.endpoints.is_empty() && read.problems.is_empty());
}
