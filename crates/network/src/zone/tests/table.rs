//! Question by question.

use RecordType::{A, AAAA, ANY, CNAME, NS, PTR, SOA, SRV, TXT};

use super::*;

const NO_DATA: &str = "no data in cluster.local.";
const NO_NAME: &str = "no name in cluster.local.";

#[test]
fn names_of_services() {
    let zone = zone();
    for (name, kind, answer) in [
        ("web.default.svc.cluster.local.", A, "127.96.0.7"),
        ("WEB.Default.svc.CLUSTER.local.", A, "127.96.0.7"),
        ("web.default.svc.cluster.local.", AAAA, NO_DATA),
        ("web.default.svc.cluster.local.", TXT, NO_DATA),
        ("web.other.svc.cluster.local.", A, NO_NAME),
        ("none.default.svc.cluster.local.", A, NO_NAME),
        ("new.default.svc.cluster.local.", A, NO_NAME),
        ("127-64-0-8.new.default.svc.cluster.local.", A, NO_NAME),
        ("127-64-0-9.web.default.svc.cluster.local.", A, "127.64.0.9"),
        ("127-64-0-1.web.default.svc.cluster.local.", A, NO_NAME),
        ("db.default.svc.cluster.local.", A, "127.64.0.1, 127.64.0.2"),
        ("db-0.db.default.svc.cluster.local.", A, "127.64.0.1"),
        ("DB-0.db.default.svc.cluster.local.", A, "127.64.0.1"),
        ("db-0.db.default.svc.cluster.local.", AAAA, NO_DATA),
        ("db-2.db.default.svc.cluster.local.", A, NO_NAME),
        ("127-64-0-1.db.default.svc.cluster.local.", A, NO_NAME),
        ("a.db-0.db.default.svc.cluster.local.", A, NO_NAME),
        ("empty.default.svc.cluster.local.", A, NO_NAME),
        ("out.default.svc.cluster.local.", A, "alias db.example.com."),
        ("out.default.svc.cluster.local.", AAAA, "alias db.example.com."),
        ("out.default.svc.cluster.local.", CNAME, "db.example.com."),
        ("a.out.default.svc.cluster.local.", A, NO_NAME),
        ("inner.default.svc.cluster.local.", A, "alias web.default.svc.cluster.local."),
        (
            "web.default.svc.cluster.local.",
            ANY,
            "127.96.0.7, 0 50 80 web.default.svc.cluster.local., 0 50 443 web.default.svc.cluster.local.",
        ),
    ] {
        assert_eq!(ask(&zone, name, kind), answer, "{name} {kind}");
    }
}

#[test]
fn ports() {
    let zone = zone();
    let web = "web.default.svc.cluster.local.";
    for (name, kind, answer) in [
        ("_http._tcp.web.default.svc.cluster.local.", SRV, format!("0 100 80 {web} + 127.96.0.7")),
        ("_HTTP._TCP.web.default.svc.cluster.local.", SRV, format!("0 100 80 {web} + 127.96.0.7")),
        ("_quic._udp.web.default.svc.cluster.local.", SRV, format!("0 100 443 {web} + 127.96.0.7")),
        ("_quic._tcp.web.default.svc.cluster.local.", SRV, NO_NAME.to_owned()),
        ("_http._tcp.web.default.svc.cluster.local.", A, NO_DATA.to_owned()),
        ("_tcp.web.default.svc.cluster.local.", SRV, NO_DATA.to_owned()),
        ("_sctp.web.default.svc.cluster.local.", SRV, NO_NAME.to_owned()),
        ("_tcp.bare.default.svc.cluster.local.", SRV, NO_NAME.to_owned()),
        ("_._tcp.bare.default.svc.cluster.local.", SRV, NO_NAME.to_owned()),
        (
            "bare.default.svc.cluster.local.",
            SRV,
            "0 100 1 bare.default.svc.cluster.local. + 127.96.0.8".to_owned(),
        ),
        (
            "_pg._tcp.db.default.svc.cluster.local.",
            SRV,
            "0 50 5432 db-0.db.default.svc.cluster.local., 0 50 5432 db-1.db.default.svc.cluster.local. \
             + 127.64.0.1, 127.64.0.2"
                .to_owned(),
        ),
        ("_pg._tcp.out.default.svc.cluster.local.", SRV, NO_NAME.to_owned()),
    ] {
        assert_eq!(ask(&zone, name, kind), answer, "{name} {kind}");
    }
}

#[test]
fn names_between_services_and_the_domain() {
    let zone = zone();
    let soa = "ns.dns.cluster.local. hostmaster.cluster.local. 11 7200 1800 86400 5";
    for (name, kind, answer) in [
        ("cluster.local.", SOA, soa),
        ("cluster.local.", NS, "ns.dns.cluster.local."),
        ("cluster.local.", A, NO_DATA),
        ("ns.dns.cluster.local.", A, "127.96.0.10"),
        ("ns.dns.cluster.local.", AAAA, NO_DATA),
        ("dns.cluster.local.", A, NO_DATA),
        ("dns-version.cluster.local.", TXT, "1.1.0"),
        ("dns-version.cluster.local.", A, NO_DATA),
        ("svc.cluster.local.", A, NO_DATA),
        ("pod.cluster.local.", A, NO_DATA),
        ("default.svc.cluster.local.", A, NO_DATA),
        ("other.svc.cluster.local.", A, NO_DATA),
        ("none.svc.cluster.local.", A, NO_NAME),
        ("default.pod.cluster.local.", A, NO_DATA),
        ("10-0-0-1.default.pod.cluster.local.", A, "10.0.0.1"),
        ("10-0-0-1.default.pod.cluster.local.", AAAA, NO_DATA),
        ("10-0-0-1.none.pod.cluster.local.", A, NO_NAME),
        ("10-0-0-256.default.pod.cluster.local.", A, NO_NAME),
        ("fd00--1.default.pod.cluster.local.", AAAA, "fd00::1"),
        ("web.default.pod.cluster.local.", A, NO_NAME),
        ("example.cluster.local.", A, NO_NAME),
        ("*.default.svc.cluster.local.", A, NO_NAME),
        ("*.svc.cluster.local.", A, NO_NAME),
        ("xcluster.local.", A, "foreign"),
        ("local.", A, "foreign"),
        (".", NS, "foreign"),
        ("example.com.", A, "foreign"),
    ] {
        assert_eq!(ask(&zone, name, kind), answer, "{name} {kind}");
    }
}

#[test]
fn names_of_addresses() {
    let zone = zone();
    let no_data = "no data in 127.in-addr.arpa.";
    let no_name = "no name in 127.in-addr.arpa.";
    for (name, kind, answer) in [
        ("7.0.96.127.in-addr.arpa.", PTR, "web.default.svc.cluster.local."),
        ("7.0.96.127.IN-ADDR.arpa.", PTR, "web.default.svc.cluster.local."),
        ("1.0.64.127.in-addr.arpa.", PTR, "db-0.db.default.svc.cluster.local."),
        ("9.0.64.127.in-addr.arpa.", PTR, "127-64-0-9.web.default.svc.cluster.local."),
        ("3.0.64.127.in-addr.arpa.", PTR, no_name),
        ("7.0.96.127.in-addr.arpa.", A, no_data),
        ("0.96.127.in-addr.arpa.", PTR, no_data),
        ("1.97.127.in-addr.arpa.", PTR, no_name),
        ("1.0.0.127.in-addr.arpa.", PTR, "localhost."),
        ("0.127.in-addr.arpa.", PTR, no_data),
        ("1.7.0.96.127.in-addr.arpa.", PTR, no_name),
        ("x.127.in-addr.arpa.", PTR, no_name),
        ("127.in-addr.arpa.", NS, "ns.dns.cluster.local."),
        ("127.in-addr.arpa.", PTR, no_data),
        ("7.2.0.192.in-addr.arpa.", PTR, "192-0-2-7.host.default.svc.cluster.local."),
        ("7.2.0.192.in-addr.arpa.", A, "foreign"),
        ("8.2.0.192.in-addr.arpa.", PTR, "foreign"),
        ("1.0.0.10.in-addr.arpa.", PTR, "foreign"),
        ("10.in-addr.arpa.", PTR, "foreign"),
        ("in-addr.arpa.", NS, "foreign"),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", PTR, "foreign"),
        ("ip6.arpa.", PTR, "foreign"),
    ] {
        assert_eq!(ask(&zone, name, kind), answer, "{name} {kind}");
    }
}

#[test]
fn what_goes_takes_its_names_along() {
    let mut zone = zone();
    zone.put_service(&Key::new("default", "web"), None);
    zone.put_service(&Key::new("default", "web"), None);
    assert_eq!(ask(&zone, "web.default.svc.cluster.local.", A), NO_NAME);
    assert_eq!(ask(&zone, "7.0.96.127.in-addr.arpa.", PTR), "no name in 127.in-addr.arpa.");
    put(&mut zone, "db", json!({"clusterIP": "None"}), &[]);
    assert_eq!(ask(&zone, "db-0.db.default.svc.cluster.local.", A), NO_NAME);
    assert_eq!(ask(&zone, "1.0.64.127.in-addr.arpa.", PTR), "no name in 127.in-addr.arpa.");
    zone.put_namespace("other", false);
    assert_eq!(ask(&zone, "other.svc.cluster.local.", A), NO_NAME);
}

#[test]
fn an_address_with_two_hostnames_is_answered_once() {
    let mut zone = zone();
    let named = |host: &str| json!({"addresses": ["127.64.0.1"], "hostname": host});
    let slices = [slice(&json!({"name": "pg", "port": 5432}), &[named("a"), named("b")])];
    put(&mut zone, "db", json!({"clusterIP": "None"}), &slices);
    assert_eq!(ask(&zone, "db.default.svc.cluster.local.", A), "127.64.0.1");
    let back = "a.db.default.svc.cluster.local., b.db.default.svc.cluster.local.";
    assert_eq!(ask(&zone, "1.0.64.127.in-addr.arpa.", PTR), back);
}

#[test]
fn nothing_is_denied_before_everything_is_known() {
    let mut zone = Zone::new("cluster.local.", None).expect("a domain");
    put(&mut zone, "web", json!({"clusterIP": "127.96.0.7"}), &[]);
    for name in ["web.default.svc.cluster.local.", "none.cluster.local.", "1.0.96.127.in-addr.arpa."] {
        assert_eq!(ask(&zone, name, A), "unready", "{name}");
    }
    assert_eq!(ask(&zone, "example.com.", A), "foreign");
    zone.set_ready();
    assert_eq!(ask(&zone, "web.default.svc.cluster.local.", A), "127.96.0.7");
    assert_eq!(ask(&zone, "ns.dns.cluster.local.", A), NO_DATA);
}

#[test]
fn answers_are_named_as_they_were_asked_and_hold_for_five_seconds() {
    let zone = zone();
    let name = Name::from_ascii("wEb.default.svc.cluster.LOCAL.").expect("a name");
    let Answer::Records { answers, .. } = zone.lookup(&name, A) else { panic!("no records") };
    assert!(answers[0].name.eq_case(&name));
    assert_eq!(answers[0].ttl, 5);
    let version = Name::from_ascii("dns-version.cluster.local.").expect("a name");
    let Answer::Records { answers, .. } = zone.lookup(&version, TXT) else { panic!("no records") };
    assert_eq!(answers[0].ttl, 28_800);
    let none = Name::from_ascii("none.cluster.local.").expect("a name");
    let Answer::NoName { authority } = zone.lookup(&none, A) else { panic!("a name") };
    let RData::SOA(soa) = &authority.data else { panic!("no SOA") };
    assert_eq!((authority.ttl, soa.minimum), (5, 5));
}

#[test]
fn a_domain_is_a_name() {
    for wrong in ["", ".", "a..b", &"a".repeat(64)] {
        assert!(Zone::new(wrong, None).is_err(), "{wrong:?}");
    }
}
