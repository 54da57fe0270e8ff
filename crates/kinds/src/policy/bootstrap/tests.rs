//! Tests that the tables read as the objects clients know, and let everybody do their work.

use std::collections::BTreeSet;

use stanchion_machinery::meta;

use super::*;
use crate::policy::rbac::{Policy, Request, ResourceRequest, Rule};

fn policy() -> Policy {
    let mut policy = Policy::default();
    for role in cluster_roles() {
        policy.set_cluster_role(&role);
    }
    for role in roles() {
        policy.set_role(&role);
    }
    for binding in cluster_role_bindings() {
        policy.set_cluster_role_binding(&binding);
    }
    for binding in role_bindings() {
        policy.set_role_binding(&binding);
    }
    policy
}

#[test]
fn every_line_of_the_tables_is_a_rule_or_binding() {
    let mut names = BTreeSet::new();
    for role in cluster_roles().iter().chain(&roles()) {
        assert!(names.insert((meta::namespace(role).to_owned(), meta::name(role).to_owned())), "{role}");
        assert!(role.get("aggregationRule").is_some() || role["rules"] != json!([]), "{role}");
        for rule in Rule::parse_all(role) {
            assert!(rule.urls.is_empty() != rule.resources.is_empty(), "{rule}");
            for list in [&rule.verbs, &rule.groups, &rule.resources, &rule.names, &rule.urls] {
                assert!(list.is_sorted(), "{rule} in {}", meta::name(role));
            }
            assert!(rule.verbs.iter().all(|verb| !["read", "write", "all", "follow", ""].contains(&&**verb)));
        }
    }
    for binding in cluster_role_bindings().iter().chain(&role_bindings()) {
        let role = binding["roleRef"]["name"].as_str().expect("a name").to_owned();
        assert!(names.contains(&(meta::namespace(binding).to_owned(), role)), "{binding}");
    }
    assert_eq!((cluster_roles().len(), roles().len()), (31 + 38, 7));
    assert_eq!((cluster_role_bindings().len(), role_bindings().len()), (12 + 38, 7));
}

#[test]
fn objects_are_as_clients_know_them() {
    let find = |objects: Vec<Value>, name: &str| {
        objects.into_iter().find(|object| meta::name(object) == name).expect("is there")
    };
    assert_eq!(
        find(cluster_roles(), "view"),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {
                "name": "view",
                "labels": {
                    "kubernetes.io/bootstrapping": "rbac-defaults",
                    "rbac.authorization.k8s.io/aggregate-to-edit": "true",
                },
                "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
            },
            "aggregationRule": {"clusterRoleSelectors": [
                {"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
            ]},
            "rules": [],
        })
    );
    assert_eq!(
        find(role_bindings(), "system::extension-apiserver-authentication-reader")["roleRef"],
        json!({
            "apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
            "name": "extension-apiserver-authentication-reader",
        })
    );
    assert_eq!(
        find(cluster_role_bindings(), "system:controller:job-controller")["subjects"],
        json!([{"kind": "ServiceAccount", "name": "job-controller", "namespace": "kube-system"}])
    );
    assert_eq!(find(cluster_role_bindings(), "system:node").get("subjects"), None);
    assert_eq!(find(priority_classes(), "system-node-critical")["value"], json!(2_000_001_000));
    assert_eq!(namespaces().len(), 4);
}

#[test]
fn the_policy_lets_everybody_do_their_work() {
    let policy = policy();
    let known: &[&str] = &["system:authenticated"];
    let pods = ResourceRequest { resource: "pods", namespace: "default", ..ResourceRequest::default() };
    let asks = |user, groups, verb, resource, path| {
        policy.authorize(&Request { user, groups, verb, resource, path }).reason
    };
    assert_eq!(
        asks("jane", known, "get", None, "/apis/apps"),
        r#"RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated""#
    );
    assert_eq!(asks("jane", known, "list", Some(pods), ""), "");
    assert_eq!(
        asks("system:serviceaccount:kube-system:job-controller", known, "create", Some(pods), ""),
        r#"RBAC: allowed by ClusterRoleBinding "system:controller:job-controller" of ClusterRole "system:controller:job-controller" to ServiceAccount "job-controller/kube-system""#
    );
    let admin = policy.aggregated_rules("admin").expect("is put together");
    for (verb, group, resource) in [
        ("create", "rbac.authorization.k8s.io", "roles"),
        ("patch", "apps", "deployments"),
        ("get", "", "pods"),
    ] {
        let wanted = ResourceRequest { group, resource, namespace: "default", ..ResourceRequest::default() };
        let request = Request { user: "", groups: &[], verb, resource: Some(wanted), path: "" };
        assert!(admin.iter().any(|rule| rule.allows(&request)), "{verb} {resource}");
    }
}
