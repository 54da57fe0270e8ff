use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::capacity::Amounts;

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> Variables {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn references_are_filled_in() {
    let map = variables([("A", "1"), ("B", "$(A)"), ("", "empty")]);
    let table = [
        ("$(A)", "1"),
        ("x$(A)y$(A)", "x1y1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$(B)", "$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$($(A))", "$($(A))"),
        ("$()", "empty"),
        ("é$(A)é", "é1é"),
    ];
    for (text, expected) in table {
        assert_eq!(expand(text, &[&map]), expected, "{text}");
    }
    assert_eq!(expand("$(A)", &[&variables([("A", "first")]), &map]), "first");
}

fn sources() -> Sources {
    let mut sources = Sources::new("ns");
    let map = json!({"metadata": {"name": "m"}, "data": {"K": "v", "a=b": "x", "with space": "y"},
                     "binaryData": {"bin": "//4="}});
    sources.add_config_map(&serde_json::from_value(map).expect("a ConfigMap"));
    let secret = json!({"metadata": {"name": "s"}, "data": {"PASS": "c2VjcmV0"}});
    sources.add_secret(&serde_json::from_value(secret).expect("a Secret"));
    sources
}

fn make(container: Value) -> Result<Environment, EnvironmentError> {
    let container: Container = serde_json::from_value(container).expect("a container");
    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}})).expect("a Pod");
    let ingredients = Ingredients {
        pod: &pod,
        surroundings: &Surroundings { host_ips: &[], pod_ips: &[], allocatable: &Amounts::new() },
        sources: &sources(),
        services: &variables([("DB_SERVICE_HOST", "127.10.0.9"), ("K", "service")]),
    };
    Environment::of(&container, &ingredients)
}

#[test]
fn later_variables_see_and_replace_earlier_ones() {
    let environment = make(json!({
        "name": "c",
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}},
                    {"secretRef": {"name": "none", "optional": true}}],
        "env": [
            {"name": "URL", "value": "http://$(DB_SERVICE_HOST)/$(PASS)/$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "PASS", "value": "mine"},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "K"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no", "optional": true}}},
            {"name": "EMPTY"},
        ],
    }))
    .expect("an environment");
    let expected = variables([
        ("DB_SERVICE_HOST", "127.10.0.9"),
        ("EMPTY", ""),
        ("FROM", "v"),
        ("K", "service"),
        ("LATER", "x"),
        ("NAME", "p"),
        ("PASS", "mine"),
        ("P_K", "v"),
        ("P_bin", "\u{fffd}\u{fffd}"),
        ("P_with space", "y"),
        ("URL", "http://127.10.0.9/secret/$(LATER)"),
    ]);
    assert_eq!(environment.variables, expected);
    let skipped = "Keys [P_a=b] from the EnvFrom ConfigMap m were skipped since they are considered invalid \
                   environment variable names.";
    assert_eq!(environment.skipped, [skipped]);
    let command = vec!["sh".to_owned(), "-c".to_owned(), "echo $(PASS) $HOME $$(PASS)".to_owned()];
    assert_eq!(environment.fill(Some(&command)), ["sh", "-c", "echo mine $HOME $(PASS)"]);
    assert_eq!(environment.fill(None), [""; 0]);
}

#[test]
fn what_is_missing_is_named() {
    let table = [
        (json!({"envFrom": [{"configMapRef": {"name": "x"}}]}), "configmap \"x\" not found"),
        (json!({"envFrom": [{"secretRef": {"name": "x"}}]}), "secret \"x\" not found"),
        (json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}), {
            "couldn't find key k in Secret ns/s"
        }),
        (json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}]}), {
            "couldn't find key k in ConfigMap ns/m"
        }),
        (json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}), "variable A"),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fileKeyRef": {"key": "k", "path": "p", "volumeName": "v"}}}]}),
            { "variable A: fileKeyRef is not supported" },
        ),
    ];
    for (mut container, expected) in table {
        container["name"] = json!("c");
        let error = make(container.clone()).expect_err("refused").to_string();
        assert_eq!(error, expected, "{container}");
    }
}

#[test]
fn services_are_told() {
    let service = |namespace: &str, name: &str, spec: Value| {
        let meta = json!({"namespace": namespace, "name": name});
        serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a Service")
    };
    let services = [
        service(
            "default",
            "kubernetes",
            json!({"clusterIP": "127.10.0.1", "ports": [{"port": 443, "name": "https"}]}),
        ),
        service("ns", "my-db", json!({"clusterIP": "::9", "ports": [{"port": 53, "protocol": "UDP"}]})),
        service("ns", "headless", json!({"clusterIP": "None", "ports": [{"port": 1}]})),
        service("ns", "out", json!({"type": "ExternalName", "externalName": "x"})),
        service("other", "web", json!({"clusterIP": "127.10.0.2", "ports": [{"port": 80}]})),
    ];
    let told = service_variables(&services, "ns", true);
    let expected = variables([
        ("KUBERNETES_PORT", "tcp://127.10.0.1:443"),
        ("KUBERNETES_PORT_443_TCP", "tcp://127.10.0.1:443"),
        ("KUBERNETES_PORT_443_TCP_ADDR", "127.10.0.1"),
        ("KUBERNETES_PORT_443_TCP_PORT", "443"),
        ("KUBERNETES_PORT_443_TCP_PROTO", "tcp"),
        ("KUBERNETES_SERVICE_HOST", "127.10.0.1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
        ("KUBERNETES_SERVICE_PORT_HTTPS", "443"),
        ("MY_DB_PORT", "udp://[::9]:53"),
        ("MY_DB_PORT_53_UDP", "udp://[::9]:53"),
        ("MY_DB_PORT_53_UDP_ADDR", "::9"),
        ("MY_DB_PORT_53_UDP_PORT", "53"),
        ("MY_DB_PORT_53_UDP_PROTO", "udp"),
        ("MY_DB_SERVICE_HOST", "::9"),
        ("MY_DB_SERVICE_PORT", "53"),
    ]);
    assert_eq!(told, expected);
    assert_eq!(service_variables(&services, "ns", false).len(), 8, "the API is always told");
}

proptest! {
    #[test]
    fn texts_without_dollars_stay(text in "[^$]{0,40}") {
        prop_assert_eq!(expand(&text, &[]), text);
    }

    #[test]
    fn doubled_dollars_become_single_ones(text in "[$()A]{0,40}") {
        let map = variables([("A", "x")]);
        prop_assert_eq!(expand(&text.replace('$', "$$"), &[&map]), text);
    }
}
