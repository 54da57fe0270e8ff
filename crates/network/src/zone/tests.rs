mod property;
mod table;

use k8s_openapi::serde_json::{Value, json};

use super::*;
use crate::services::tests::{ready, service, slice};

/// A zone with a Service of each sort in namespace `default`, and an empty namespace `other`.
fn zone() -> Zone {
    let mut zone = Zone::new("cluster.local", "127.96.0.10".parse().ok()).expect("a domain");
    for namespace in ["default", "other"] {
        zone.put_namespace(namespace, true);
    }
    let pg = json!({"name": "pg", "port": 5432});
    let named = |host: &str, address: &str, ready: bool| json!({"addresses": [address], "hostname": host, "conditions": {"ready": ready}});
    let members = [
        named("db-0", "127.64.0.1", true),
        named("db-1", "127.64.0.2", true),
        named("db-2", "127.64.0.3", false),
    ];
    let ports = json!([{"name": "http", "port": 80}, {"name": "quic", "port": 443, "protocol": "UDP"}]);
    let http = json!({"name": "http", "port": 8080});
    for (name, spec, slices) in [
        (
            "web",
            json!({"clusterIP": "127.96.0.7", "ports": ports}),
            vec![slice(&http, &[ready("127.64.0.9")])],
        ),
        ("bare", json!({"clusterIP": "127.96.0.8", "ports": [{"port": 1}]}), vec![]),
        (
            "db",
            json!({"clusterIP": "None", "ports": [{"name": "pg", "port": 5432}]}),
            vec![slice(&pg, &members)],
        ),
        ("empty", json!({"clusterIP": "None"}), vec![slice(&pg, &[named("e-0", "127.64.0.4", false)])]),
        ("out", json!({"type": "ExternalName", "externalName": "db.example.com"}), vec![]),
        ("inner", json!({"type": "ExternalName", "externalName": "web.default.svc.cluster.local"}), vec![]),
        ("host", json!({"clusterIP": "None"}), vec![slice(&http, &[ready("192.0.2.7")])]),
        ("new", json!({}), vec![slice(&http, &[ready("127.64.0.8")])]),
    ] {
        put(&mut zone, name, spec, &slices);
    }
    zone.set_ready();
    zone
}

fn put(zone: &mut Zone, name: &str, spec: Value, slices: &[Value]) {
    let service = service(name, spec, slices);
    zone.put_service(&service.key.clone(), Some(service));
}

/// An answer in one line.
fn ask(zone: &Zone, name: &str, kind: RecordType) -> String {
    let name = Name::from_ascii(name).expect("a name");
    let list = |records: Vec<Record>| {
        let records: Vec<String> = records.iter().map(|record| record.data.to_string()).collect();
        records.join(", ")
    };
    match zone.lookup(&name, kind) {
        Answer::Records { answers, additionals } if additionals.is_empty() => list(answers),
        Answer::Records { answers, additionals } => format!("{} + {}", list(answers), list(additionals)),
        Answer::Alias { target, .. } => format!("alias {target}"),
        Answer::NoData { authority } => format!("no data in {}", authority.name),
        Answer::NoName { authority } => format!("no name in {}", authority.name),
        Answer::Unready => "unready".to_owned(),
        Answer::Foreign => "foreign".to_owned(),
    }
}
