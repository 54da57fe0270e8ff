//! Addresses and ports of Services under clients that create them at the same time.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Error, ResourceExt};
use serde_json::{Value, json};

use crate::home::Home;
use crate::support::clients::{client, namespaced, object};
use crate::support::within;

/// Clients that create at the same time.
const CREATORS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_ports_are_given_once() {
    allocate(Home::Own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_ports_are_given_once_over_etcd() {
    allocate(Home::etcd().await).await;
}

async fn allocate(home: Home) {
    within(Duration::from_mins(2), async {
        let cluster = home.cluster().await;
        let services: Api<Service> = namespaced(&client(&cluster).await, "services").await;
        for round in 0..2 {
            let made = at_once(&services, |number| service(&format!("s{round}-{number}"), &json!({}))).await;
            let made: Vec<Service> = made.into_iter().map(|made| made.expect("there is room")).collect();
            let addresses: BTreeSet<Ipv4Addr> = made.iter().map(address).collect();
            let ports: BTreeSet<i32> = made.iter().map(node_port).collect();
            assert_eq!((addresses.len(), ports.len()), (CREATORS, CREATORS), "something was given twice");
            assert!(ports.iter().all(|port| (30000..=32767).contains(port)), "{ports:?}");
            assert!(addresses.iter().all(|address| address.octets()[..2] == [10, 96]), "{addresses:?}");

            // What one has is refused to all others, and what was given up to none but one.
            let taken = &made[0];
            let (ip, port) = (address(taken).to_string(), node_port(taken));
            let same_ip = |number| {
                service(&format!("i{round}-{number}"), &json!({"clusterIP": ip, "type": "ClusterIP"}))
            };
            let same_port = |number| {
                let ports = json!([{"port": 80, "nodePort": port}]);
                service(&format!("p{round}-{number}"), &json!({"ports": ports}))
            };
            assert_eq!(granted(at_once(&services, same_ip).await, "provided IP is already allocated"), 0);
            assert_eq!(granted(at_once(&services, same_port).await, "provided port is already allocated"), 0);
            services
                .delete(&taken.name_any(), &DeleteParams::default())
                .await
                .expect("a service can be deleted");
            assert_eq!(granted(at_once(&services, same_ip).await, "provided IP is already allocated"), 1);
            assert_eq!(granted(at_once(&services, same_port).await, "provided port is already allocated"), 1);
        }
    })
    .await;
}

async fn at_once(services: &Api<Service>, make: impl Fn(usize) -> Value) -> Vec<Result<Service, Error>> {
    let mut creators = tokio::task::JoinSet::new();
    for number in 0..CREATORS {
        let (services, new) = (services.clone(), object(make(number)));
        creators.spawn(async move { services.create(&PostParams::default(), &new).await });
    }
    creators.join_all().await
}

/// Returns how many were created; the others must have been refused with this text.
fn granted(outcomes: Vec<Result<Service, Error>>, text: &str) -> usize {
    let mut granted = 0;
    for outcome in outcomes {
        match outcome {
            Ok(_) => granted += 1,
            Err(Error::Api(status)) => {
                assert!(status.code == 422 && status.message.contains(text), "{status:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    granted
}

fn service(name: &str, more: &Value) -> Value {
    let mut spec = json!({"type": "NodePort", "ports": [{"port": 80}], "selector": {"app": name}});
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({"metadata": {"name": name}, "spec": spec})
}

fn address(service: &Service) -> Ipv4Addr {
    let spec = service.spec.as_ref().expect("a service has a spec");
    spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok()).expect("a service has an address")
}

fn node_port(service: &Service) -> i32 {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref()).expect("a service has ports");
    ports[0].node_port.expect("it has a port on nodes")
}
