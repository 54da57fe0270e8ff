//! Tests of decisions, escalation checks and refusals.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn pods(verb: &str) -> Request<'_> {
    let resource = ResourceRequest { resource: "pods", namespace: "default", ..ResourceRequest::default() };
    Request { user: "jane", groups: &["dev"], verb, resource: Some(resource), path: "" }
}

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
    Rule::parse(&json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names}))
}

#[test]
fn rules_allow_what_they_list() {
    let cases = [
        (rule(&["get"], &[""], &["pods"], &[]), "pods", "", "x", true),
        (rule(&["get"], &[""], &["pods"], &[]), "pods", "log", "x", false),
        (rule(&["get"], &[""], &["pods/log"], &[]), "pods", "log", "x", true),
        (rule(&["get"], &[""], &["pods/log"], &[]), "pods", "", "x", false),
        (rule(&["get"], &[""], &["*/log"], &[]), "pods", "log", "x", true),
        (rule(&["get"], &[""], &["*/log"], &[]), "pods", "", "x", false),
        (rule(&["get"], &[""], &["*"], &[]), "pods", "log", "x", true),
        (rule(&["*"], &["*"], &["*"], &[]), "pods", "exec", "x", true),
        (rule(&["list"], &[""], &["pods"], &[]), "pods", "", "x", false),
        (rule(&["get"], &["apps"], &["pods"], &[]), "pods", "", "x", false),
        (rule(&["get"], &[""], &["pods"], &["x", "y"]), "pods", "", "x", true),
        (rule(&["get"], &[""], &["pods"], &["y"]), "pods", "", "x", false),
        (rule(&["get"], &[""], &["pods"], &["y"]), "pods", "", "", false),
    ];
    for (rule, resource, subresource, name, expected) in cases {
        let wanted = ResourceRequest { group: "", resource, subresource, namespace: "default", name };
        let request = Request { resource: Some(wanted), ..pods("get") };
        assert_eq!(rule.allows(&request), expected, "{rule} {resource}/{subresource} {name}");
        let path = Request { resource: None, path: "/metrics", ..pods("get") };
        assert!(!rule.allows(&path), "{rule}");
    }
}

#[test]
fn rules_allow_paths() {
    for (url, path, expected) in [
        ("/metrics", "/metrics", true),
        ("/metrics", "/metrics/slis", false),
        ("/healthz/*", "/healthz/ping", true),
        ("/healthz/*", "/healthz", false),
        ("/api*", "/apis", true),
        ("*", "/anything", true),
    ] {
        let rule = Rule::parse(&json!({"verbs": ["get"], "nonResourceURLs": [url]}));
        let request = Request { resource: None, path, ..pods("get") };
        assert_eq!(rule.allows(&request), expected, "{url} {path}");
        assert!(!rule.allows(&pods("get")), "{url}");
    }
}

#[test]
fn subjects_are_users_groups_and_service_accounts() {
    let account = "system:serviceaccount:ns:bot";
    let cases = [
        (json!({"kind": "User", "name": "jane"}), "jane", true),
        (json!({"kind": "User", "name": "dev"}), "jane", false),
        (json!({"kind": "Group", "name": "dev"}), "jane", true),
        (json!({"kind": "Group", "name": "ops"}), "jane", false),
        (json!({"kind": "ServiceAccount", "name": "bot", "namespace": "ns"}), account, true),
        (json!({"kind": "ServiceAccount", "name": "bot"}), account, true),
        (json!({"kind": "ServiceAccount", "name": "bot", "namespace": "other"}), account, false),
        (json!({"kind": "Thing", "name": "jane"}), "jane", false),
        (json!(7), "jane", false),
    ];
    for (subject, user, expected) in cases {
        assert_eq!(subject_matches(&subject, user, &["dev"], "ns"), expected, "{subject}");
    }
    assert!(!subject_matches(&json!({"kind": "ServiceAccount", "name": "bot"}), account, &[], ""));
}

fn binding(name: &str, namespace: &str, role: (&str, &str), subject: &Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace}, "subjects": [subject],
        "roleRef": {"kind": role.0, "name": role.1},
    })
}

#[test]
fn decisions_follow_the_objects() {
    let mut policy = Policy::default();
    assert_eq!(policy.authorize(&pods("list")), Decision::default());
    let user = json!({"kind": "User", "name": "jane"});
    policy.set_role_binding(&binding("b", "default", ("Role", "reader"), &user));
    let refused = Decision {
        allowed: false,
        reason: r#"RBAC: role.rbac.authorization.k8s.io "reader" not found"#.to_owned(),
    };
    assert_eq!(policy.authorize(&pods("list")), refused);
    policy.set_role(&json!({
        "metadata": {"name": "reader", "namespace": "default"},
        "rules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}],
    }));
    let allowed = policy.authorize(&pods("list"));
    assert!(allowed.allowed);
    assert_eq!(allowed.reason, r#"RBAC: allowed by RoleBinding "b/default" of Role "reader" to User "jane""#);
    assert_eq!(policy.authorize(&pods("delete")), Decision::default());
    let elsewhere = ResourceRequest { resource: "pods", namespace: "other", ..ResourceRequest::default() };
    assert!(!policy.authorize(&Request { resource: Some(elsewhere), ..pods("list") }).allowed);

    let account = json!({"kind": "ServiceAccount", "name": "bot"});
    policy.set_role_binding(&binding("b", "default", ("Role", "reader"), &account));
    assert!(!policy.authorize(&pods("list")).allowed);
    let bot = Request { user: "system:serviceaccount:default:bot", ..pods("list") };
    assert_eq!(
        policy.authorize(&bot).reason,
        r#"RBAC: allowed by RoleBinding "b/default" of Role "reader" to ServiceAccount "bot/default""#
    );
    policy.remove_role("default", "reader");
    assert!(!policy.authorize(&bot).allowed);
    policy.remove_role_binding("default", "b");
    assert_eq!(policy.authorize(&bot), Decision::default());

    let group = json!({"kind": "Group", "name": "dev"});
    policy.set_cluster_role_binding(&binding("c", "", ("ClusterRole", "all"), &group));
    policy.set_cluster_role_binding(&binding("d", "", ("ClusterRole", "none"), &group));
    assert_eq!(
        policy.authorize(&pods("list")).reason,
        r#"RBAC: [clusterrole.rbac.authorization.k8s.io "all" not found, clusterrole.rbac.authorization.k8s.io "none" not found]"#
    );
    policy.set_cluster_role(&json!({
        "metadata": {"name": "all"}, "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    }));
    assert_eq!(
        policy.authorize(&pods("list")).reason,
        r#"RBAC: allowed by ClusterRoleBinding "c" of ClusterRole "all" to Group "dev""#
    );
    let granted = policy.rules_for("jane", &["dev"], "default");
    assert_eq!(granted.rules, [rule(&["*"], &["*"], &["*"], &[])]);
    assert_eq!(granted.errors, [r#"clusterrole.rbac.authorization.k8s.io "none" not found"#]);
    policy.remove_cluster_role_binding("c");
    policy.remove_cluster_role_binding("d");
    assert_eq!(policy.authorize(&pods("list")), Decision::default());
    assert!(policy.authorize(&Request { groups: &["x", MASTERS], ..pods("list") }).allowed);
}

#[test]
fn cluster_roles_are_put_together() {
    let part = |name: &str, verb: &str, labels: Value| {
        json!({
            "metadata": {"name": name, "labels": labels},
            "rules": [{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}],
        })
    };
    let whole = |name: &str, of: &str, labels: Value| {
        json!({
            "metadata": {"name": name, "labels": labels}, "rules": [],
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {of: "true"}}]},
        })
    };
    let verbs = |policy: &Policy| -> Vec<String> {
        let rules = policy.aggregated_rules("admin").expect("is put together");
        rules.iter().map(|rule| rule.verbs.join(",")).collect()
    };
    let mut policy = Policy::default();
    policy.set_cluster_role(&whole("admin", "to-admin", json!({"to-view": "true"})));
    policy.set_cluster_role(&whole("view", "to-view", json!({"to-admin": "true"})));
    policy.set_cluster_role(&part("b", "list", json!({"to-view": "true"})));
    policy.set_cluster_role(&part("a", "list", json!({"to-view": "true"})));
    policy.set_cluster_role(&part("c", "create", json!({"to-admin": "true"})));
    policy.set_cluster_role(&part("d", "delete", json!({"to-admin": "false"})));
    assert_eq!(verbs(&policy), ["create", "list"]);
    policy.set_cluster_role(&part("d", "delete", json!({"to-admin": "true"})));
    assert_eq!(verbs(&policy), ["create", "delete", "list"]);
    policy.set_cluster_role(&part("c", "create", json!({})));
    assert_eq!(verbs(&policy), ["delete", "list"]);
    policy.remove_cluster_role("a");
    assert_eq!(verbs(&policy), ["delete", "list"]);
    policy.remove_cluster_role("b");
    assert_eq!(verbs(&policy), ["delete"]);
    assert_eq!(policy.aggregated_rules("d"), None);
}

#[test]
fn refusals_read_as_clients_know_them() {
    let told = |request: &Request<'_>| forbidden(request, "").message;
    assert_eq!(
        told(&pods("list")),
        r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default""#
    );
    let scale = ResourceRequest {
        group: "apps",
        resource: "deployments",
        subresource: "scale",
        namespace: "",
        name: "web",
    };
    let request = Request { resource: Some(scale), ..pods("update") };
    assert_eq!(
        told(&request),
        r#"deployments.apps "web" is forbidden: User "jane" cannot update resource "deployments/scale" in API group "apps" at the cluster scope"#
    );
    let path = Request { resource: None, path: "/metrics", ..pods("get") };
    assert_eq!(told(&path), r#"forbidden: User "jane" cannot get path "/metrics""#);
    assert_eq!(
        forbidden(&path, "RBAC: x").message,
        r#"forbidden: User "jane" cannot get path "/metrics": RBAC: x"#
    );
}

#[test]
fn escalations_are_told() {
    let owner = [rule(&["get", "list"], &[""], &["pods"], &[]), rule(&["*"], &["apps"], &["*/scale"], &[])];
    let cases = [
        (rule(&["get"], &[""], &["pods"], &[]), ""),
        (rule(&["get"], &[""], &["pods"], &["x"]), ""),
        (rule(&["update"], &["apps"], &["deployments/scale"], &[]), ""),
        (
            rule(&["update"], &["apps"], &["deployments"], &[]),
            r#"{APIGroups:["apps"], Resources:["deployments"], Verbs:["update"]}"#,
        ),
        (
            rule(&["get", "watch", "delete"], &[""], &["secrets", "pods"], &[]),
            "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\" \"delete\"]}\n\
             {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"watch\" \"delete\"]}",
        ),
        (
            rule(&["get"], &[""], &["secrets"], &["b", "a"]),
            "{APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"a\"], Verbs:[\"get\"]}\n\
             {APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"b\"], Verbs:[\"get\"]}",
        ),
        (
            Rule { verbs: vec!["get".to_owned()], urls: vec!["/x".to_owned()], ..Rule::default() },
            r#"{NonResourceURLs:["/x"], Verbs:["get"]}"#,
        ),
    ];
    for (wanted, told) in cases {
        let missing = covers(&owner, std::slice::from_ref(&wanted));
        assert_eq!(missing.is_empty(), told.is_empty(), "{wanted}");
        let message = escalation_message("jane", &["dev", "ops"], &missing, &[]);
        assert_eq!(
            message,
            format!(
                "user \"jane\" (groups=[\"dev\" \"ops\"]) is attempting to grant RBAC permissions not currently held:\n{told}"
            )
        );
    }
    assert!(
        escalation_message("j", &[], &[], &["x".to_owned()]).ends_with("held:\n; resolution errors: [x]")
    );
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let some = |words: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(words).prop_map(str::to_owned), 0..3)
    };
    let parts = (
        some(&["get", "list", "*"]),
        some(&["", "apps", "*"]),
        some(&["pods", "pods/log", "*/log", "*"]),
        some(&["x", "y"]),
        some(&["/a", "/a*", "*"]),
    );
    parts.prop_map(|(verbs, groups, resources, names, urls)| Rule { verbs, groups, resources, names, urls })
}

proptest! {
    #[test]
    fn rules_cover_themselves(rules in prop::collection::vec(any_rule(), 0..4)) {
        prop_assert_eq!(covers(&rules, &rules), Vec::<Rule>::new());
    }

    #[test]
    fn more_rules_never_cover_less(
        owner in prop::collection::vec(any_rule(), 0..3),
        more in prop::collection::vec(any_rule(), 0..3),
        wanted in prop::collection::vec(any_rule(), 0..3),
    ) {
        let before = covers(&owner, &wanted);
        let all: Vec<Rule> = owner.into_iter().chain(more).collect();
        let after = covers(&all, &wanted);
        prop_assert!(after.iter().all(|part| before.contains(part)));
    }

    #[test]
    fn what_is_covered_allows_no_less(
        owner in prop::collection::vec(any_rule(), 0..3),
        wanted in any_rule(),
        verb in prop::sample::select(&["get", "list"]),
        resource in prop::sample::select(&["pods", "nodes"]),
        subresource in prop::sample::select(&["", "log"]),
        name in prop::sample::select(&["", "x", "z"]),
    ) {
        let asked = ResourceRequest { group: "", resource, subresource, namespace: "", name };
        let request = Request { user: "", groups: &[], verb, resource: Some(asked), path: "" };
        if covers(&owner, std::slice::from_ref(&wanted)).is_empty() && wanted.allows(&request) {
            prop_assert!(owner.iter().any(|rule| rule.allows(&request)));
        }
    }

    #[test]
    fn rules_survive_their_json(rule in any_rule()) {
        prop_assert_eq!(Rule::parse(&rule.to_value()), rule);
    }
}
