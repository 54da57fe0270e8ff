use std::net::{IpAddr, Ipv4Addr};

use stanchion_node_core::capacity::{Reserved, reserved};
use stanchion_node_core::eviction;

use super::*;
use crate::options::Credentials;

fn options() -> Options {
    let credentials =
        Credentials { certificate: String::new(), key: String::new(), authority: Some(String::new()) };
    Options::new("a", "/var/lib/stanchion", credentials)
}

fn said(options: &Options) -> Value {
    settings(options, SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)))
}

#[test]
fn a_node_says_how_it_is_set() {
    let options = Options {
        eviction: eviction::hard("nodefs.available<5%").expect("thresholds"),
        cluster_dns: vec![IpAddr::V4(Ipv4Addr::new(127, 96, 0, 10))],
        cluster_domain: "example.local".to_owned(),
        max_pods: 7,
        max_restart_delay: Duration::from_secs(90),
        reserved: Reserved {
            kube: reserved("cpu=100m").expect("amounts"),
            system: reserved("memory=1Gi,ephemeral-storage=2Gi").expect("amounts"),
            ..Reserved::default()
        },
        ..options()
    };
    let said = said(&options);
    let hard = json!({"memory.available": "100Mi", "nodefs.available": "5%", "nodefs.inodesFree": "1%"});
    for (name, value) in [
        ("evictionHard", hard),
        ("clusterDNS", json!(["127.96.0.10"])),
        ("clusterDomain", json!("example.local")),
        ("maxPods", json!(7)),
        ("crashLoopBackOff", json!({"maxContainerRestartPeriod": "1m30s"})),
        ("kubeReserved", json!({"cpu": "100m"})),
        ("systemReserved", json!({"memory": "1Gi", "ephemeral-storage": "2Gi"})),
        ("podCIDR", json!("127.64.0.0/24")),
        ("address", json!("127.0.0.1")),
        ("port", json!(40_000)),
        ("evictionPressureTransitionPeriod", json!("5m0s")),
        ("containerLogMaxSize", json!("10Mi")),
    ] {
        assert_eq!(said[name], value, "{name}: {said:#}");
    }
}

#[test]
fn what_means_nothing_here_is_not_said() {
    let bare = said(&options());
    assert_eq!(bare["kubeReserved"], json!({"memory": "256Mi"}));
    let known = bare.as_object().expect("settings");
    for absent in
        ["rotateCertificates", "imageGCHighThresholdPercent", "clusterDNS", "systemReserved", "syncFrequency"]
    {
        assert!(!known.contains_key(absent), "{absent}: {bare:#}");
    }
    let with = said(&Options { shows_certificate: true, ..options() });
    assert_eq!(with["rotateCertificates"], json!(false), "it has a certificate, and does not renew it");
}

#[test]
fn times_are_written_as_go_does() {
    let times = [0, 10, 60, 300, 3_600, 5_430].map(|seconds| go(Duration::from_secs(seconds)));
    assert_eq!(times, ["0s", "10s", "1m0s", "5m0s", "1h0m0s", "1h30m30s"]);
}
