use serde_json::{Value, json};

use super::*;
use crate::facts::kube::workload::{Workload, WorkloadKind};
use crate::severity::Severity;

fn live() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": "db", "namespace": "shop", "uid": "u1", "generation": 3, "resourceVersion": "7",
            "managedFields": [
                {"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": {"f:spec": {
                    "f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"db\"}": {
                        ".": {}, "f:name": {}, "f:livenessProbe": {"f:exec": {"f:command": {}}}}}}}}}},
                {"manager": "stanchion-doctor-history", "operation": "Apply", "fieldsV1": {"f:spec": {"f:revisionHistoryLimit": {}}}},
                {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {
                    "f:dnsConfig": {"f:options": {}}}}}}},
            ],
        },
        "spec": {
            "replicas": 2, "revisionHistoryLimit": 20,
            "template": {"spec": {
                "dnsConfig": {"options": [{"name": "ndots", "value": "5"}, {"name": "edns0"}]},
                "containers": [
                    {"name": "sidecar", "image": "x"},
                    {"name": "db", "image": "mariadb:11", "livenessProbe": {"exec": {"command": ["mysqladmin", "ping"]}},
                     "readinessProbe": {"exec": {"command": ["check"]}, "periodSeconds": 5, "successThreshold": 2}},
                ],
            }},
        },
        "status": {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 2, "observedGeneration": 3},
    })
}

fn target() -> Target {
    Target { kind: TargetKind::StatefulSet, namespace: Some("shop".to_owned()), name: "db".to_owned() }
}

/// Applies a patch as an API server would, as far as these tests need it.
fn patched(before: &Value, steps: &Value) -> Value {
    let mut object = before.clone();
    for step in steps.as_array().expect("a patch") {
        let path = step["path"].as_str().expect("a path");
        let (parent, name) = path.rsplit_once('/').expect("a parent");
        match step["op"].as_str() {
            Some("test") => assert_eq!(object.pointer(path), Some(&step["value"]), "{path}"),
            Some("remove") => {
                object
                    .pointer_mut(parent)
                    .and_then(Value::as_object_mut)
                    .expect("a map")
                    .remove(name)
                    .expect("it is there");
            }
            _ => object.pointer_mut(parent).expect("a parent")[name] = step["value"].clone(),
        }
    }
    object
}

#[test]
fn a_liveness_probe_goes_and_comes_back() {
    let edit = Edit::WithoutLiveness { container: "db".to_owned() };
    let Request::Patch(patch) = edit.request(&target(), &live()).expect("a request") else {
        panic!("a patch")
    };
    let after = patched(&live(), &patch);
    let container = &after["spec"]["template"]["spec"]["containers"][1];
    assert_eq!(container.get("livenessProbe"), None);
    let startup = json!({"exec": {"command": ["check"]}, "periodSeconds": 5, "successThreshold": 1, "failureThreshold": 17_280});
    assert_eq!(container["startupProbe"], startup, "it has a day");
    let found = differences(&live(), &after);
    let paths: Vec<_> = found.iter().map(|one| one.path.as_str()).collect();
    let base = "/spec/template/spec/containers/1";
    assert_eq!(paths, [format!("{base}/livenessProbe"), format!("{base}/startupProbe")]);
    assert!(
        found[0].to_string().starts_with("- /spec/template/spec/containers/1/livenessProbe: {"),
        "{}",
        found[0]
    );
    assert_eq!(patched(&after, &Value::Array(undo_patch(&found))), live());
    assert_eq!(owners(&live(), &found).into_iter().collect::<Vec<_>>(), ["kubectl-client-side-apply"]);
    assert_eq!(keepers(&owners(&live(), &found)), Vec::<&str>::new());
    let gone = Edit::WithoutLiveness { container: "sidecar".to_owned() }.request(&target(), &live());
    assert!(gone.expect_err("there is none").why.contains("no liveness probe any more"));
}

#[test]
fn owners_of_lists_and_of_what_is_ours() {
    let difference = |path: &str| vec![Difference { path: path.to_owned(), old: None, new: Some(json!(1)) }];
    let of = |path: &str| owners(&live(), &difference(path)).into_iter().collect::<Vec<_>>();
    assert_eq!(
        of("/spec/template/spec/dnsConfig/options/0/value"),
        ["argocd-controller"],
        "a list that is owned as one"
    );
    assert_eq!(of("/spec/revisionHistoryLimit"), Vec::<String>::new(), "our own");
    assert_eq!(
        of("/spec/template/spec/containers/0/livenessProbe"),
        Vec::<String>::new(),
        "another container's"
    );
    assert_eq!(of("/spec/template/spec/topologySpreadConstraints"), Vec::<String>::new());
    let found = owners(&live(), &difference("/spec/template/spec/dnsConfig/options"));
    assert_eq!(keepers(&found), ["argocd-controller"]);
}

#[test]
fn requests_hold_the_identity_and_only_what_they_want() {
    let of = |edit: Edit| match edit.request(&target(), &live()).expect("a request") {
        Request::Apply(object) => object,
        other => panic!("{other:?}"),
    };
    let metadata = json!({"name": "db", "namespace": "shop", "uid": "u1"});
    let history = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": {"revisionHistoryLimit": 10}});
    assert_eq!(of(Edit::History { limit: 10 }), history);
    let options = json!({"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
    assert_eq!(of(Edit::Ndots { dots: 2 })["spec"], json!({"template": {"spec": {"dnsConfig": options}}}));
    let mut owned = live();
    owned["metadata"]["ownerReferences"] =
        json!([{"kind": "DatabaseCluster", "name": "orders", "controller": true}]);
    let why = Edit::History { limit: 10 }.request(&target(), &owned).expect_err("it is refused").why;
    assert!(why.contains("belongs to DatabaseCluster orders"), "{why}");
}

#[test]
fn a_taint_is_added_to_those_that_are_there() {
    let edit = Edit::OutOfService { proof: Vec::new() };
    let of = |node: &Value| edit.request(&Target::node("n1"), node);
    let Ok(Request::Patch(patch)) = of(&json!({"metadata": {"uid": "n"}, "spec": {}})) else {
        panic!("a patch")
    };
    assert_eq!(patch[1]["value"][0]["value"], "nodeshutdown");
    let tainted = json!({"spec": {"taints": [{"key": "node.kubernetes.io/out-of-service"}]}});
    assert!(of(&tainted).is_err());
    let others = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
    let Ok(Request::Patch(patch)) = of(&others) else { panic!("a patch") };
    assert_eq!((&patch[1]["op"], &patch[2]["path"]), (&json!("test"), &json!("/spec/taints/-")));
}

#[test]
fn what_is_added_to_a_list_is_one_difference() {
    let of = |taints: Value| json!({"spec": {"taints": taints}});
    let found = differences(&of(json!(["a"])), &of(json!(["a", "b"])));
    assert_eq!((found.len(), found[0].path.as_str(), &found[0].old), (1, "/spec/taints/1", &None));
    let whole = differences(&of(json!(["a", "b"])), &of(json!(["b"])));
    assert_eq!((whole.len(), whole[0].path.as_str()), (1, "/spec/taints"));
}

#[test]
fn a_rollout_ends_when_all_pods_are_new_and_ready() {
    let of = |change: fn(&mut Value)| {
        let mut object = live();
        change(&mut object);
        settled(TargetKind::StatefulSet, &object)
    };
    assert!(matches!(of(|_| {}), Settled::NotYet { .. }), "one is not ready");
    assert_eq!(of(|one| one["status"]["readyReplicas"] = json!(2)), Settled::Yes);
    assert!(matches!(of(|one| one["metadata"]["generation"] = json!(4)), Settled::NotYet { .. }));
    assert!(matches!(
        of(|one| one["spec"]["updateStrategy"] = json!({"type": "OnDelete"})),
        Settled::ByHand { .. }
    ));
    assert_eq!(settled(TargetKind::Node, &json!({})), Settled::Yes);
}

fn facts(change: fn(&mut Workload)) -> Facts {
    let mut facts = Facts::new(0);
    let workload = json!({"metadata": {"name": "db", "namespace": "shop"},
        "spec": {"replicas": 2, "revisionHistoryLimit": 50, "selector": {"matchLabels": {"app": "db"},
            "matchExpressions": [{"key": "tier", "operator": "Exists"}]}}});
    let mut workload: Workload = serde_json::from_value(workload).expect("a workload");
    workload.kind = WorkloadKind::StatefulSet;
    change(&mut workload);
    facts.kube.workloads.push(workload);
    for need in [Need::KubeWorkloads, Need::KubePods, Need::KubeBudgets, Need::KubeNodes, Need::KubeJobs] {
        facts.note(need, Reading::Read { source: "here".to_owned() });
    }
    facts
}

fn finding(check: &'static str, subject: Subject) -> Finding {
    Finding {
        check,
        severity: Severity::Warning,
        subject,
        summary: String::new(),
        advice: String::new(),
        evidence: Vec::new(),
        affected: Vec::new(),
        count: 1,
        fixable: true,
    }
}

fn planned(facts: &Facts, check: &'static str) -> ObjectPlan {
    plan(facts, &[finding(check, Subject::namespaced("StatefulSet", "shop", "db"))])
}

#[track_caller]
fn left(plan: &ObjectPlan, part: &str) {
    assert_eq!(plan.steps, [], "nothing is done");
    assert!(plan.left[0].why.contains(part), "{part:?} is not in {:?}", plan.left[0].why);
}

#[test]
fn a_budget_has_the_selector_of_its_workload() {
    let plan = planned(&facts(|_| {}), "budgets/missing");
    let selector =
        json!({"matchLabels": {"app": "db"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]});
    assert_eq!(plan.steps[0].edit, Edit::MakeBudget { selector: selector.clone() });
    assert_eq!(plan.steps[0].target.path(), "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/db");
    let Ok(Request::Create(object)) = plan.steps[0].edit.request(&plan.steps[0].target, &Value::Null) else {
        panic!("it is made")
    };
    assert_eq!(object["spec"], json!({"maxUnavailable": 1, "selector": selector}));
    left(&planned(&facts(|one| one.spec.replicas = Some(1)), "budgets/missing"), "one Pod");
}

#[test]
fn what_is_known_in_part_is_not_acted_on() {
    let mut facts = facts(|_| {});
    assert_eq!(planned(&facts, "workloads/history").steps.len(), 1);
    facts.note(
        Need::KubeWorkloads,
        Reading::Partly { source: "here".to_owned(), missing: vec!["forbidden".to_owned()] },
    );
    left(&planned(&facts, "workloads/history"), "were not all read: forbidden");
    facts.readings.clear();
    left(&planned(&facts, "workloads/history"), "nobody asked");
}

#[test]
fn what_an_operator_keeps_is_left_to_it() {
    let owned = facts(|one| {
        let owner = json!([{"kind": "DatabaseCluster", "name": "orders", "controller": true}]);
        one.meta.owner_references = serde_json::from_value(owner).expect("owners");
    });
    left(&planned(&owned, "workloads/history"), "belongs to DatabaseCluster orders");
    let of = |kind: &str| {
        plan(&facts(|_| {}), &[finding("budgets/missing", Subject::namespaced(kind, "shop", "x"))])
    };
    left(&of("Pod"), "nobody makes");
    left(&of("Galera"), "what keeps that kind");
    left(&of("Deployment"), "not there any more");
}

#[test]
fn jobs_that_ended_go_after_a_week() {
    let mut facts = facts(|_| {});
    let job = |name: &str, owner: Value| {
        let job = json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owner},
            "status": {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
        serde_json::from_value(job).expect("a Job")
    };
    facts.kube.jobs = vec![
        job("load", json!([])),
        job("night-1", json!([{"kind": "CronJob", "name": "night", "controller": true}])),
    ];
    let of = |subject: Subject| plan(&facts, &[finding("jobs/no-ttl", subject)]);
    let all = of(Subject::new("Namespace", "shop"));
    assert_eq!(all.steps.len(), 1, "{all:?}");
    assert_eq!(
        (all.steps[0].target.name.as_str(), &all.steps[0].edit),
        ("load", &Edit::Ttl { seconds: 604_800 })
    );
    left(&of(Subject::namespaced("Job", "shop", "night-1")), "belongs to CronJob night");
    left(&of(Subject::new("Namespace", "other")), "no Job any more");
}
