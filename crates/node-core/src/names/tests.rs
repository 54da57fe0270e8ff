use serde_json::{Value, json};

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "a json! stands in each call")]
fn pod(spec: Value) -> Pod {
    serde_json::from_value(
        json!({"metadata": {"name": "web-0", "namespace": "ns", "uid": "u-1"}, "spec": spec}),
    )
    .expect("a Pod")
}

fn names(spec: Value) -> Result<HostNames, HostNamesError> {
    HostNames::of(&pod(spec), "cluster.local", "node-1")
}

#[test]
fn pods_and_their_logs_have_the_usual_names() {
    let pod = PodRef::of(&pod(json!({"containers": []})));
    assert_eq!(pod.to_string(), "web-0_ns(u-1)");
    assert_eq!(pod.log_file("c", 2), "ns_web-0_u-1/c/2.log");
    assert_eq!(pod.log_link("c", "id"), "web-0_ns_c-id.log");
    assert_eq!(pod.container_id("c", 2), "u-1-c-2");
    assert_eq!(id_from_status(&status_id("u-1-c-2")), Some("u-1-c-2"));
    assert_eq!(id_from_status("containerd://x"), None);
    assert_eq!(id_from_status("stanchion://"), None);
}

#[test]
fn host_names_follow_the_pod() {
    let full = |kernel: &str, hostname: &str, domain: Option<&str>| {
        Ok(HostNames { kernel: kernel.into(), hostname: hostname.into(), domain: domain.map(str::to_owned) })
    };
    assert_eq!(names(json!({"containers": []})), full("web-0", "web-0", None));
    let named = json!({"containers": [], "hostname": "db", "subdomain": "dbs"});
    assert_eq!(names(named), full("db", "db", Some("dbs.ns.svc.cluster.local")));
    let fqdn = json!({"containers": [], "subdomain": "dbs", "setHostnameAsFQDN": true});
    let domain = "dbs.ns.svc.cluster.local";
    assert_eq!(names(fqdn), full("web-0.dbs.ns.svc.cluster.local", "web-0", Some(domain)));
    assert_eq!(names(json!({"containers": [], "hostNetwork": true})), full("node-1", "node-1", None));
    assert_eq!(names(json!({"containers": [], "hostnameOverride": "me.example"})), {
        full("me.example", "me.example", None)
    });
}

#[test]
fn long_names_are_cut_or_refused() {
    let long = format!("{}-{}", "a".repeat(62), "b".repeat(20));
    let cut = names(json!({"containers": [], "hostname": long})).expect("cut");
    assert_eq!(cut.hostname, "a".repeat(62));
    let long =
        json!({"containers": [], "hostname": "a".repeat(50), "subdomain": "b", "setHostnameAsFQDN": true});
    let error = names(long).expect_err("too long").to_string();
    assert!(error.ends_with("is too long (64 characters is the max, 73 characters requested)"), "{error}");
}

#[test]
fn hosts_files_name_the_pod_and_its_aliases() {
    let names = names(json!({"containers": [], "subdomain": "dbs"})).expect("valid");
    let alias: Vec<k8s_openapi::api::core::v1::HostAlias> =
        serde_json::from_value(json!([{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])).expect("aliases");
    let file = hosts_file(&names, &["127.1.0.2".to_owned()], None, &alias);
    assert!(file.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"), "{file}");
    let end = "127.1.0.2\tweb-0.dbs.ns.svc.cluster.local\tweb-0\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n";
    assert!(file.ends_with(end), "{file}");
    let file = hosts_file(&names, &[], Some("127.0.0.1 host\n"), &[]);
    assert_eq!(file, "# Kubernetes-managed hosts file (host network).\n127.0.0.1 host\n");
}

fn resolve(spec: Value) -> Resolver {
    let cluster = ClusterDns { servers: vec!["127.10.0.10".into()], domain: "cluster.local".into() };
    let host =
        Resolver::parse("# x\nsearch old\nsearch corp.example\nnameserver 9.9.9.9\noptions edns0 ndots:1\n");
    resolver_of(&pod(spec).spec.expect("a spec"), "ns", &cluster, &host).expect("a known policy")
}

#[test]
fn resolvers_follow_the_policy() {
    let cluster = "search ns.svc.cluster.local svc.cluster.local cluster.local corp.example\n\
                   nameserver 127.10.0.10\noptions ndots:5\n";
    let host = "search corp.example\nnameserver 9.9.9.9\noptions edns0 ndots:1\n";
    let table = [
        (json!({"containers": []}), cluster),
        (json!({"containers": [], "hostNetwork": true}), host),
        (json!({"containers": [], "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"}), cluster),
        (json!({"containers": [], "dnsPolicy": "Default"}), host),
        (json!({"containers": [], "dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}}), {
            "nameserver 1.1.1.1\n"
        }),
    ];
    for (spec, expected) in table {
        assert_eq!(resolve(spec.clone()).render(), expected, "{spec}");
    }
    let spec = pod(json!({"containers": [], "dnsPolicy": "Maybe"})).spec.expect("a spec");
    assert_eq!(
        DnsPolicy::of(&spec).map_err(|e| e.to_string()),
        Err("DNS policy \"Maybe\" is unknown".into())
    );
}

#[test]
fn a_pod_adds_to_its_resolver() {
    let config = json!({
        "nameservers": ["127.10.0.10", "a", "b", "c"],
        "searches": ["cluster.local", "more"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    });
    let resolver = resolve(json!({"containers": [], "dnsConfig": config}));
    assert_eq!(resolver.servers, ["127.10.0.10", "a", "b"]);
    assert_eq!(resolver.searches.last().map(String::as_str), Some("more"));
    assert_eq!(resolver.searches.len(), 5);
    assert_eq!(resolver.options, ["edns0", "ndots:2"]);
    assert_eq!(resolver.left_out.len(), 1);
    let searches: Vec<String> = (0..40).map(|n| format!("{}{n}", "x".repeat(70))).collect();
    let resolver = resolve(json!({"containers": [], "dnsConfig": {"searches": searches}}));
    assert!(resolver.searches.join(" ").len() <= 2048 && resolver.searches.len() <= 32);
    assert_eq!(resolver.left_out.len(), 1);
}
