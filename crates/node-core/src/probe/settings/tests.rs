use serde_json::{Value, json};

use super::super::Scheme;
use super::*;

fn parse(probe: &Value) -> Result<Option<Probe>, ProbeError> {
    let ports = json!([{"name": "web", "containerPort": 8080}]);
    let container = json!({"name": "c", "ports": ports, "livenessProbe": probe});
    Probe::of(&serde_json::from_value(container).expect("a container"), Kind::Liveness)
}

#[test]
fn defaults_are_filled_in() {
    let probe = parse(&json!({"tcpSocket": {"port": "web"}})).expect("valid").expect("there");
    let expected = Probe {
        check: Check::Tcp { host: None, port: 8080 },
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        grace: None,
    };
    assert_eq!(probe, expected);
    let container = Container::default();
    assert_eq!(Probe::of(&container, Kind::Startup), Ok(None));
}

#[test]
fn requests_are_read_in_full() {
    let probe = json!({
        "httpGet": {"path": "live?x=1", "port": 80, "scheme": "HTTPS", "host": "h",
                    "httpHeaders": [{"name": "A", "value": "b"}]},
        "periodSeconds": 2, "terminationGracePeriodSeconds": 7,
    });
    let probe = parse(&probe).expect("valid").expect("there");
    let check = Check::Http {
        scheme: Scheme::Https,
        host: Some("h".to_owned()),
        port: 80,
        path: "/live?x=1".to_owned(),
        headers: vec![("A".to_owned(), "b".to_owned())],
    };
    assert_eq!((probe.check, probe.period, probe.grace), (check, seconds(2), Some(seconds(7))));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let table = [
        (json!({"grpc": {"port": 1}}), "gRPC probes are not supported"),
        (json!({}), "exactly one of"),
        (json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}), "exactly one of"),
        (json!({"exec": {"command": []}}), "the command to run is empty"),
        (json!({"tcpSocket": {"port": "nope"}}), "container \"c\" has no port named \"nope\""),
        (json!({"tcpSocket": {"port": 70000}}), "port 70000 is not between 1 and 65535"),
        (json!({"httpGet": {"port": 1, "scheme": "FTP"}}), "scheme \"FTP\" is neither HTTP nor HTTPS"),
    ];
    for (probe, expected) in table {
        let error = parse(&probe).expect_err("refused");
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {source}").contains(expected), "{probe}: {error}: {source}");
    }
}
