use k8s_openapi::serde_json::{Value, json};
use proptest::prelude::*;

use super::*;
use crate::services::tests::{ready, service, slice};

fn place() -> Place {
    Place { node_address: "127.0.0.1".parse().expect("an address"), node: None, reserved: None }
}

/// Routes as `address/protocol -> backends`.
fn table(service: &Service, place: &Place) -> Vec<String> {
    let line = |(frontend, route): (Frontend, Route)| {
        let backends: Vec<String> = route.backends.iter().map(ToString::to_string).collect();
        format!("{frontend} -> {}", backends.join(" "))
    };
    routes(service, place).into_iter().map(line).collect()
}

fn web() -> Value {
    json!({"clusterIP": "127.96.0.7", "ports": [{"name": "http", "port": 80, "nodePort": 30_080}]})
}

fn http() -> Value {
    json!({"name": "http", "port": 8080})
}

fn member(address: &str, ready: bool, terminating: bool, node: &str) -> Value {
    let conditions = json!({"ready": ready, "serving": ready || terminating, "terminating": terminating});
    json!({"addresses": [address], "conditions": conditions, "nodeName": node})
}

#[test]
fn a_service_leads_to_its_ready_endpoints() {
    let endpoints = [ready("127.64.0.2"), member("127.64.0.3", false, false, "n"), ready("127.64.0.1")];
    let read = service("web", web(), &[slice(&http(), &endpoints)]);
    assert_eq!(
        table(&read, &place()),
        [
            "127.0.0.1:30080/TCP -> 127.64.0.1:8080 127.64.0.2:8080",
            "127.96.0.7:80/TCP -> 127.64.0.1:8080 127.64.0.2:8080",
        ]
    );
}

#[test]
fn those_that_end_serve_only_if_nobody_else_does() {
    let ending = member("127.64.0.3", false, true, "n");
    let waiting = member("127.64.0.4", false, false, "n");
    let of = |endpoints: &[Value]| {
        let read = service("web", web(), &[slice(&http(), endpoints)]);
        table(&read, &place()).pop().unwrap_or_default()
    };
    assert_eq!(of(&[ready("127.64.0.1"), ending.clone()]), "127.96.0.7:80/TCP -> 127.64.0.1:8080");
    assert_eq!(of(&[waiting.clone(), ending]), "127.96.0.7:80/TCP -> 127.64.0.3:8080");
    assert_eq!(of(&[waiting]), "", "nothing listens");
    assert_eq!(of(&[]), "");
}

#[test]
fn only_services_with_addresses_have_routes() {
    let slices = [slice(&http(), &[ready("127.64.0.1")])];
    for spec in [
        json!({"clusterIP": "None", "ports": [{"name": "http", "port": 80}]}),
        json!({"type": "ExternalName", "externalName": "a.example", "ports": [{"name": "http", "port": 80}]}),
        json!({"ports": [{"name": "http", "port": 80}]}),
    ] {
        assert!(table(&service("web", spec.clone(), &slices), &place()).is_empty(), "{spec}");
    }
}

#[test]
fn ports_meet_by_name_and_protocol() {
    let spec = json!({"clusterIP": "127.96.0.7", "ports": [
        {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}, {"name": "other", "port": 1},
    ]});
    let slices = [
        slice(&json!({"name": "dns", "port": 5353, "protocol": "UDP"}), &[ready("127.64.0.1")]),
        slice(&json!({"name": "dns-tcp", "port": 5354}), &[ready("127.64.0.1")]),
        slice(&json!({"name": "other", "port": 2, "protocol": "UDP"}), &[ready("127.64.0.1")]),
    ];
    assert_eq!(
        table(&service("dns", spec, &slices), &place()),
        ["127.96.0.7:53/TCP -> 127.64.0.1:5354", "127.96.0.7:53/UDP -> 127.64.0.1:5353"]
    );
}

#[test]
fn local_policies_mean_one_node() {
    let spec = json!({
        "clusterIP": "127.96.0.7", "internalTrafficPolicy": "Local",
        "ports": [{"name": "http", "port": 80, "nodePort": 30_080}],
    });
    let endpoints = [member("127.64.0.1", true, false, "here"), member("127.64.1.1", true, false, "there")];
    let read = service("web", spec, &[slice(&http(), &endpoints)]);
    let here = Place { node: Some("here".to_owned()), ..place() };
    assert_eq!(
        table(&read, &here),
        ["127.0.0.1:30080/TCP -> 127.64.0.1:8080 127.64.1.1:8080", "127.96.0.7:80/TCP -> 127.64.0.1:8080",]
    );
    let nowhere = Place { node: Some("nowhere".to_owned()), ..place() };
    assert_eq!(table(&read, &nowhere), ["127.0.0.1:30080/TCP -> 127.64.0.1:8080 127.64.1.1:8080"]);
    assert_eq!(table(&read, &place()).len(), 2);
}

#[test]
fn families_do_not_mix_and_a_reserved_address_is_left_alone() {
    let spec = json!({"clusterIP": "127.96.0.7", "clusterIPs": ["127.96.0.7", "fd00::7"], "ports": [
        {"name": "http", "port": 80},
    ]});
    let six = json!({
        "metadata": {}, "addressType": "IPv6", "ports": [http()], "endpoints": [{"addresses": ["fd00::1"]}],
    });
    let read = service("web", spec, &[slice(&http(), &[ready("127.64.0.1")]), six]);
    assert_eq!(
        table(&read, &place()),
        ["127.96.0.7:80/TCP -> 127.64.0.1:8080", "[fd00::7]:80/TCP -> [fd00::1]:8080"]
    );
    let reserved = Place { reserved: Some("127.96.0.7:80".parse().expect("an address")), ..place() };
    assert_eq!(table(&read, &reserved), ["[fd00::7]:80/TCP -> [fd00::1]:8080"]);
}

#[test]
fn a_frontend_has_one_owner_at_a_time() {
    let read = |name: &str, endpoint: &str| {
        let read = service(name, web(), &[slice(&http(), &[ready(endpoint)])]);
        (read.key.clone(), routes(&read, &place()))
    };
    let mut table = Table::default();
    let owner = |table: &Table| {
        let frontend =
            Frontend { address: "127.96.0.7:80".parse().expect("an address"), protocol: Protocol::Tcp };
        table.get(&frontend).map(|route| (route.service.name.clone(), route.backends[0].to_string()))
    };
    let had = |name: &str, backend: &str| Some((name.to_owned(), backend.to_owned()));
    let (b, of_b) = read("b", "127.64.0.2");
    assert_eq!(table.put(&b, of_b.clone()).len(), 2);
    assert_eq!(table.put(&b, of_b.clone()).len(), 0, "nothing new");
    let (c, of_c) = read("c", "127.64.0.3");
    assert_eq!(table.put(&c, of_c).len(), 0, "waits");
    assert_eq!(owner(&table), had("b", "127.64.0.2:8080"));
    assert_eq!(table.put(&b, BTreeMap::new()).len(), 2);
    assert_eq!(owner(&table), had("c", "127.64.0.3:8080"));
    let (_, moved) = read("c", "127.64.0.4");
    assert_eq!(table.put(&c, moved).len(), 2);
    assert_eq!(table.put(&c, BTreeMap::new()).len(), 2);
    assert_eq!(owner(&table), None);
    assert!(table.claims.is_empty() && table.frontends.is_empty());
}

/// What each of three Services claims of three frontends: the last part of an endpoint's address, or nothing.
fn claims() -> impl Strategy<Value = [Option<u8>; 3]> {
    prop::array::uniform3(prop::option::of(0..3_u8))
}

proptest! {
    /// Against the claims of all Services, looked through each time.
    #[test]
    fn the_first_claim_by_name_holds(steps in prop::collection::vec((0..3_usize, claims()), 0..20)) {
        let frontend = |port: usize| Frontend {
            address: SocketAddr::from(([127, 96, 0, 1], u16::try_from(port + 1).expect("small"))),
            protocol: Protocol::Tcp,
        };
        let key = |which: usize| Key::new("default", ["a", "b", "c"][which]);
        let (mut table, mut all) = (Table::default(), [[None; 3]; 3]);
        let expected = |all: &[[Option<u8>; 3]; 3], port: usize| {
            (0..3).find_map(|which| all[which][port].map(|last| (key(which), SocketAddr::from(([127, 64, 0, last], 1)))))
        };
        for (which, new) in steps {
            let before: Vec<_> = (0..3).map(|port| expected(&all, port)).collect();
            all[which] = new;
            let route = |last| Route {
                service: key(which),
                uid: String::new(),
                affinity: None,
                backends: vec![SocketAddr::from(([127, 64, 0, last], 1))],
            };
            let claimed = (0..3).filter_map(|port| Some((frontend(port), route(new[port]?)))).collect();
            let changed = table.put(&key(which), claimed);
            for (port, before) in before.iter().enumerate() {
                let now = table.get(&frontend(port)).map(|route| (route.service.clone(), route.backends[0]));
                prop_assert_eq!(&now, &expected(&all, port));
                prop_assert_eq!(changed.contains(&frontend(port)), now != *before);
            }
        }
    }
}
