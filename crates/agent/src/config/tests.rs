use super::*;

const FULL: &str = r#"{"cluster":"orders","store":{"endpoints":["https://127.0.0.1:23790"],
  "caFile":"/s/ca.crt","certFile":"/s/tls.crt","keyFile":"/s/tls.key"},
  "dataDirectory":"/var/lib/mysql","parameters":{"innodb_buffer_pool_size":"128M"},
  "databasePort":3307,"agentPort":8377,"database":"app","user":"app","graceSeconds":60}"#;

fn problems(text: &str) -> Vec<String> {
    match Config::parse(text.as_bytes()) {
        Err(ConfigError::Invalid { problems }) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

#[test]
fn a_file_of_the_operator_is_read() {
    let config = Config::parse(FULL.as_bytes()).expect("it is in order");
    assert_eq!(config.cluster, "orders");
    assert_eq!(config.database_port, 3307);
    assert_eq!(config.grace, Duration::from_mins(1));
    assert_eq!(config.tls_directory, Path::new(TLS));
    assert_eq!(config.parameters["innodb_buffer_pool_size"], "128M");
    assert_eq!(config.store.tls.expect("it has TLS").authority, Path::new("/s/ca.crt"));
}

#[test]
fn all_problems_come_together_with_their_places() {
    let text = r#"{"cluster":3,"store":{"endpoints":["https://a:1"],"colour":"red"},"databasePort":70000,
        "agentPort":3306,"user":"app","speed":1,"dataDirectory":"/d"}"#;
    let found = problems(text);
    for begin in [
        "cluster: ",
        "database is missing",
        "databasePort: ",
        "databasePort and agentPort",
        "speed is unknown",
        "store needs",
        "store.colour is unknown",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(begin)), "{begin:?} is not in {found:?}");
    }
    assert_eq!(found.len(), 7, "{found:?}");
}

#[test]
fn what_is_no_object_is_refused() {
    assert!(matches!(Config::parse(b"[]"), Err(ConfigError::Malformed { .. })));
    assert!(matches!(Config::parse(b"{"), Err(ConfigError::Malformed { .. })));
}
