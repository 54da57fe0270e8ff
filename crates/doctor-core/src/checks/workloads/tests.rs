use serde_json::{Value, json};

use crate::checks::given::{ago, finds_of};
use crate::{Finding, Severity};

const TOGETHER: &str = "workloads/replicas-together";

fn node(name: &str, zone: &str) -> Value {
    json!({"kind": "Node", "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn nodes(count: usize) -> Vec<Value> {
    (0..count).map(|number| node(&format!("n{number}"), &format!("z{number}"))).collect()
}

/// Pods of one StatefulSet, on the nodes of these numbers.
fn database(places: &[usize]) -> Vec<Value> {
    let one = |(number, place): (usize, &usize)| {
        json!({"kind": "Pod", "metadata": {"name": format!("db-{number}"), "namespace": "a",
                "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "spec": {"nodeName": format!("n{place}"), "containers": [{"name": "c", "image": "mariadb:11"}]},
            "status": {"phase": "Running"}})
    };
    places.iter().enumerate().map(one).collect()
}

fn together(nodes: Vec<Value>, pods: &[Value]) -> Option<Finding> {
    let mut found = finds_of(TOGETHER, &[nodes, pods.to_vec()].concat());
    assert!(found.len() < 2, "{found:#?}");
    found.pop()
}

fn severity(nodes: Vec<Value>, pods: &[Value]) -> Option<Severity> {
    together(nodes, pods).map(|finding| finding.severity)
}

#[test]
fn instances_that_share_a_node() {
    assert_eq!(severity(nodes(3), &database(&[0, 1, 2])), None);
    let found = together(nodes(3), &database(&[0, 0, 1])).expect("two share one");
    assert_eq!((found.severity, found.count), (Severity::Warning, 2), "{found:#?}");
    assert_eq!(found.summary, "2 of 3 instances of MariaDB are on one node");
    let found = together(nodes(2), &database(&[1, 1])).expect("both share one");
    assert_eq!(found.summary, "all 2 instances of MariaDB are on one node");
    assert_eq!(severity(nodes(2), &database(&[0])), None);
}

#[test]
fn where_there_is_no_room_it_is_worth_knowing() {
    assert_eq!(severity(nodes(1), &database(&[0, 0, 0])), Some(Severity::Info));
    assert_eq!(severity(nodes(2), &database(&[0, 0, 1])), Some(Severity::Info));
    assert_eq!(severity(nodes(2), &database(&[0, 0, 0])), Some(Severity::Warning));
    let broken = |field: &str, value: Value| {
        let mut all = nodes(2);
        let (name, inner) = field.split_once('.').expect("two parts");
        all[1][name][inner] = value;
        severity(all, &database(&[0, 0]))
    };
    assert_eq!(broken("spec.unschedulable", json!(true)), Some(Severity::Info));
    assert_eq!(broken("spec.taints", json!([{"key": "gpu", "effect": "NoSchedule"}])), Some(Severity::Info));
    assert_eq!(
        broken("spec.taints", json!([{"key": "gpu", "effect": "PreferNoSchedule"}])),
        Some(Severity::Warning)
    );
    assert_eq!(
        broken("status.conditions", json!([{"type": "Ready", "status": "Unknown"}])),
        Some(Severity::Info)
    );
}

#[test]
fn nodes_that_instances_may_not_be_on_do_not_count() {
    let with = |spec: Value| {
        let mut pods = database(&[0, 0]);
        for pod in &mut pods {
            for (key, value) in spec.as_object().expect("fields") {
                pod["spec"][key] = value.clone();
            }
        }
        severity(nodes(3), &pods)
    };
    assert_eq!(with(json!({})), Some(Severity::Warning));
    assert_eq!(with(json!({"nodeSelector": {"kubernetes.io/hostname": "n0"}})), Some(Severity::Info));
    let affinity = |operator: &str, values: &[&str]| {
        let term = json!({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": operator, "values": values}]});
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}})
    };
    assert_eq!(with(affinity("In", &["n0"])), Some(Severity::Info));
    assert_eq!(with(affinity("In", &["n0", "n1"])), Some(Severity::Warning));
    assert_eq!(with(affinity("Gt", &["3"])), Some(Severity::Info), "it is not understood");
}

#[test]
fn who_is_no_instance_of_the_same_database_may_share() {
    let mut jobs = database(&[0, 0]);
    for pod in &mut jobs {
        pod["spec"]["restartPolicy"] = json!("Never");
    }
    assert_eq!(severity(nodes(2), &jobs), None);
    let mut over = database(&[0, 0]);
    over[1]["status"]["phase"] = json!("Failed");
    assert_eq!(severity(nodes(2), &over), None);
    let mut two = database(&[0, 0]);
    two[1]["metadata"]["ownerReferences"][0]["name"] = json!("other");
    assert_eq!(severity(nodes(2), &two), None);
    let label = |name: &str| {
        let mut two = two.clone();
        for pod in &mut two {
            pod["metadata"]["labels"][name] = json!("x");
            pod["metadata"]["labels"]["app.kubernetes.io/name"] = json!("mariadb");
        }
        severity(nodes(2), &two)
    };
    assert_eq!(label("app.kubernetes.io/instance"), Some(Severity::Warning), "a chart with two StatefulSets");
    assert_eq!(label("postgres-operator.crunchydata.com/cluster"), Some(Severity::Warning));
    let mut of_each = database(&[0, 0]);
    for pod in &mut of_each {
        pod["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
    }
    assert_eq!(severity(nodes(2), &of_each), None);
}

#[test]
fn instances_in_one_zone() {
    let all = || vec![node("n0", "east"), node("n1", "east"), node("n2", "west")];
    assert_eq!(severity(all(), &database(&[0, 1])), Some(Severity::Info));
    assert_eq!(severity(all(), &database(&[0, 2])), None);
    assert_eq!(severity(all()[..2].to_vec(), &database(&[0, 1])), None, "there is no other zone");
    let mut pods = database(&[0, 1]);
    let spread =
        json!([{"topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}]);
    for pod in &mut pods {
        pod["spec"]["topologySpreadConstraints"] = spread.clone();
    }
    assert_eq!(severity(all(), &pods), Some(Severity::Warning));
    let mut unlabelled = all();
    unlabelled[0]["metadata"]["labels"] = json!({});
    assert_eq!(severity(unlabelled, &database(&[0, 1])), None, "of one nobody knows the zone");
}

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
fn deployment(spec: Value, status: Value) -> Value {
    json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "a", "creationTimestamp": ago(9000)},
        "spec": spec, "status": status})
}

fn one(check: &str, objects: &[Value]) -> Vec<(Severity, String)> {
    finds_of(check, objects).into_iter().map(|one| (one.severity, one.summary)).collect()
}

#[test]
fn histories() {
    let old = |count: usize| {
        let set = |number| {
            json!({"kind": "ReplicaSet", "metadata": {"name": format!("web-{number}"), "namespace": "a",
                "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]},
                "spec": {"replicas": 0}, "status": {"replicas": 0}})
        };
        (0..count).map(set).collect::<Vec<_>>()
    };
    let of = |limit: Value, count: usize| {
        let web = deployment(json!({"revisionHistoryLimit": limit}), json!({"observedGeneration": 1}));
        let found = one("workloads/history", &[vec![web], old(count)].concat());
        found.into_iter().map(|(severity, _)| severity).collect::<Vec<_>>()
    };
    assert_eq!(of(json!(10), 10), []);
    assert_eq!(of(json!(null), 10), []);
    assert_eq!(of(json!(11), 0), [Severity::Info]);
    assert_eq!(of(json!(100), 31), [Severity::Warning]);
    assert_eq!(of(json!(0), 0), [Severity::Info]);
}

#[test]
fn classes_that_anybody_may_use() {
    let class =
        |value: i64| json!({"kind": "PriorityClass", "metadata": {"name": "databases"}, "value": value});
    let check = "workloads/quota-by-class";
    assert_eq!(one(check, &[class(1000)]).len(), 1);
    assert_eq!(one(check, &[class(0)]), []);
    assert_eq!(one(check, &[class(2_000_000_000)]), []);
    let mut never = class(1000);
    never["preemptionPolicy"] = json!("Never");
    assert_eq!(one(check, &[never]), []);
    let quota = |operator: &str, name: &str| {
        json!({"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "a"}, "spec": {"scopeSelector":
            {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": [name]}]}}})
    };
    assert_eq!(one(check, &[class(1000), quota("In", "databases")]), []);
    assert_eq!(one(check, &[class(1000), quota("Exists", "")]), []);
    assert_eq!(one(check, &[class(1000), quota("In", "others")]).len(), 1);
}

#[test]
fn rollouts_that_do_not_get_on() {
    let check = "workloads/stalled";
    let progressing = |status: &str, reason: &str| {
        let condition = json!([{"type": "Progressing", "status": status, "reason": reason, "message": "m"}]);
        one(check, &[deployment(json!({}), json!({"observedGeneration": 1, "conditions": condition}))])
    };
    assert_eq!(progressing("False", "ProgressDeadlineExceeded").len(), 1);
    assert_eq!(progressing("True", "ReplicaSetUpdated"), []);
    assert_eq!(one(check, &[deployment(json!({}), json!({}))]).len(), 1, "nobody has looked at it");
    let mut young = deployment(json!({}), json!({}));
    young["metadata"]["creationTimestamp"] = json!(ago(60));
    assert_eq!(one(check, &[young]), []);

    let set = |update: &str| {
        json!({"kind": "StatefulSet", "metadata": {"name": "db", "namespace": "a"}, "spec": {"replicas": 2},
            "status": {"observedGeneration": 2, "currentRevision": "db-1", "updateRevision": update}})
    };
    let pod = |ready: &str, since: i64| {
        let mut pods = database(&[0, 1]);
        pods[1]["status"]["conditions"] =
            json!([{"type": "Ready", "status": ready, "lastTransitionTime": ago(since)}]);
        pods[0]["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        pods
    };
    assert_eq!(one(check, &[vec![set("db-2")], pod("False", 700)].concat()).len(), 1);
    assert_eq!(one(check, &[vec![set("db-2")], pod("False", 60)].concat()), []);
    assert_eq!(one(check, &[vec![set("db-2")], pod("True", 700)].concat()), []);
    assert_eq!(one(check, &[vec![set("db-1")], pod("False", 700)].concat()), [], "no update is under way");
}

#[test]
fn pods_that_run_and_are_not_ready() {
    let check = "workloads/unavailable";
    let pods = |image: &str, unready: &[i64]| {
        let mut pods = database(&[0, 1]);
        for (number, pod) in pods.iter_mut().enumerate() {
            let since = unready.get(number).copied();
            pod["spec"]["containers"][0]["image"] = json!(image);
            pod["status"]["conditions"] = json!([{"type": "Ready", "status": if since.is_some() { "False" } else { "True" },
                "lastTransitionTime": ago(since.unwrap_or(9000))}]);
            pod["status"]["containerStatuses"] =
                json!([{"name": "c", "state": {"running": {"startedAt": ago(9000)}}}]);
        }
        pods
    };
    let of = |image: &str, unready: &[i64]| {
        let found = one(check, &[nodes(2), pods(image, unready)].concat());
        found.into_iter().map(|(severity, _)| severity).collect::<Vec<_>>()
    };
    assert_eq!(of("mariadb:11", &[]), []);
    assert_eq!(of("mariadb:11", &[60]), []);
    assert_eq!(of("mariadb:11", &[700]), [Severity::Warning]);
    assert_eq!(of("mariadb:11", &[700, 700]), [Severity::Critical]);
    assert_eq!(of("nginx:1", &[700]), [Severity::Info]);
    assert_eq!(of("nginx:1", &[700, 700]), [Severity::Warning]);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut pods = pods("mariadb:11", &[700]);
        change(&mut pods[0]);
        one(check, &[nodes(2), pods].concat())
    };
    let state =
        |state: Value| move |pod: &mut Value| pod["status"]["containerStatuses"][0]["state"] = state.clone();
    assert_eq!(with(&state(json!({"waiting": {"reason": "CrashLoopBackOff"}}))), [], "it crashes");
    assert_eq!(with(&state(json!({"running": {"startedAt": ago(60)}}))), [], "it has begun again");
    assert_eq!(with(&|pod| pod["status"]["containerStatuses"] = json!([])), []);
    assert_eq!(with(&|pod| pod["spec"]["nodeName"] = json!("gone")), [], "its node is what is ill");
    assert_eq!(with(&|pod| pod["metadata"]["deletionTimestamp"] = json!(ago(0))), []);
}
