use serde_json::{Value, json};

use super::{budget, patience};
use crate::checks::given::finds_of;
use crate::facts::kube::template::Probe;
use crate::{Finding, Severity};

/// A Pod of a workload with one container.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
fn pod(image: &str, container: Value, spec: Value) -> Value {
    let mut pod = json!({"kind": "Pod",
        "metadata": {"name": "db-0", "namespace": "a", "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
        "spec": {"nodeName": "n", "restartPolicy": "Always", "containers": [{"name": "c", "image": image}]},
        "status": {"phase": "Running", "qosClass": "Burstable"}});
    for (key, value) in container.as_object().into_iter().flatten() {
        pod["spec"]["containers"][0][key] = value.clone();
    }
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

fn named(mut pod: Value, name: &str) -> Value {
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["ownerReferences"][0]["name"] = json!(name);
    pod
}

fn finds(check: &str, objects: &[Value]) -> Vec<Finding> {
    finds_of(&format!("pods/{check}"), objects)
}

#[track_caller]
fn severities(check: &str, objects: &[Value]) -> Vec<Severity> {
    finds(check, objects).into_iter().map(|finding| finding.severity).collect()
}

const DATABASE: &str = "mariadb:10.11";
const OTHER: &str = "nginx:1.27";

#[test]
fn times_of_probes() {
    let probe = |value: Value| serde_json::from_value::<Probe>(value).expect("a probe");
    let usual = probe(json!({}));
    assert_eq!((patience(&usual), budget(&usual)), (30, 30));
    let own = probe(json!({"initialDelaySeconds": 5, "periodSeconds": 2, "failureThreshold": 4}));
    assert_eq!((patience(&own), budget(&own)), (8, 13));
    let hostile = probe(
        json!({"initialDelaySeconds": i64::MAX, "periodSeconds": i64::MAX, "failureThreshold": i64::MAX}),
    );
    assert_eq!(budget(&hostile), i64::MAX);
}

#[test]
fn liveness_on_a_database() {
    let check = "liveness-on-database";
    let probe = || json!({"livenessProbe": {"exec": {"command": ["mysqladmin", "ping"]}}});
    let found = finds(
        check,
        &[pod(DATABASE, probe(), json!({})), named(pod(DATABASE, json!({}), json!({})), "other")],
    );
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning), "{found:#?}");
    assert_eq!(found[0].subject.to_string(), "StatefulSet a/db");
    assert!(found[0].evidence[0].source.ends_with("/api/v1/namespaces/a/pods/db-0"), "{found:#?}");
    assert_eq!(severities(check, &[pod(OTHER, probe(), json!({}))]), []);
    let script = json!({"livenessProbe": {"exec": {"command": ["/live.sh"]}}});
    assert_eq!(severities(check, &[pod(DATABASE, script, json!({}))]), [Severity::Info]);
    let mut over = pod(DATABASE, probe(), json!({}));
    over["metadata"]["deletionTimestamp"] = json!("2027-01-01T00:00:00Z");
    assert_eq!(severities(check, &[over]), [], "it goes");
}

#[test]
fn time_to_start() {
    let check = "startup-budget";
    let tcp = |extra: Value| {
        let mut probe = json!({"tcpSocket": {"port": 3306}});
        extra.as_object().into_iter().flatten().for_each(|(key, value)| probe[key] = value.clone());
        probe
    };
    let live = |extra: Value| json!({"livenessProbe": tcp(extra)});
    assert_eq!(severities(check, &[pod(DATABASE, live(json!({})), json!({}))]), [Severity::Warning]);
    assert_eq!(severities(check, &[pod(DATABASE, live(json!({"initialDelaySeconds": 300})), json!({}))]), []);
    let both = |failures: i64| json!({"livenessProbe": tcp(json!({})), "startupProbe": tcp(json!({"failureThreshold": failures}))});
    assert_eq!(severities(check, &[pod(DATABASE, both(30), json!({}))]), []);
    let found = finds(check, &[pod(DATABASE, both(6), json!({}))]);
    assert!(found[0].summary.contains("startup probe if it needs more than 60 s"), "{found:#?}");
    assert_eq!(severities(check, &[pod(OTHER, live(json!({})), json!({}))]), [], "as Kubernetes has it");
    assert_eq!(
        severities(check, &[pod(OTHER, live(json!({"periodSeconds": 1})), json!({}))]),
        [Severity::Info]
    );
    let of_kubeadm = json!({"startupProbe": {"httpGet": {"path": "/readyz", "port": 2381}, "initialDelaySeconds": 10, "failureThreshold": 24}});
    assert_eq!(severities(check, &[pod("registry.k8s.io/etcd:3.6.4-0", of_kubeadm, json!({}))]), []);
    let of_agent = json!({"command": ["/stanchion/stanchion", "agent", "run"], "ports": [{"name": "agent", "containerPort": 8377}],
        "startupProbe": {"httpGet": {"path": "/livez", "port": "agent"}, "periodSeconds": 1}});
    assert_eq!(severities(check, &[pod(DATABASE, of_agent, json!({}))]), []);
}

#[test]
fn liveness_like_readiness() {
    let check = "liveness-is-readiness";
    let both = |live: i64, path: &str| {
        json!({"livenessProbe": {"httpGet": {"path": path, "port": 80}, "failureThreshold": live},
            "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "failureThreshold": 3}})
    };
    assert_eq!(severities(check, &[pod(DATABASE, both(3, "/"), json!({}))]), [Severity::Warning]);
    assert_eq!(severities(check, &[pod(OTHER, both(3, "/"), json!({}))]), [Severity::Info]);
    assert_eq!(severities(check, &[pod(OTHER, both(30, "/"), json!({}))]), []);
    assert_eq!(severities(check, &[pod(OTHER, both(3, "/live"), json!({}))]), []);
}

#[test]
fn tags_that_move() {
    let check = "moving-tag";
    for image in ["mariadb", "mariadb:latest", "reg:5000/mariadb", "mariadb:lts", "mariadb:Latest-ubi"] {
        assert_eq!(severities(check, &[pod(image, json!({}), json!({}))]), [Severity::Warning], "{image}");
    }
    for image in [
        "mariadb:11",
        "mariadb@sha256:0a",
        "mariadb:latest@sha256:0a",
        "mariadb:11-latest",
        "reg:5000/mariadb:11",
    ] {
        assert_eq!(severities(check, &[pod(image, json!({}), json!({}))]), [], "{image}");
    }
    let found = finds(
        check,
        &[pod("nginx", json!({}), json!({})), named(pod("web:main", json!({}), json!({})), "web")],
    );
    assert_eq!((found.len(), found[0].count, found[0].severity), (1, 2, Severity::Info), "{found:#?}");
}

#[test]
fn what_is_asked_for() {
    let check = "resources";
    let with = |image: &str, resources: Value| {
        severities(check, &[pod(image, json!({"resources": resources}), json!({}))])
    };
    assert_eq!(with(DATABASE, json!({})), [Severity::Warning, Severity::Info]);
    assert_eq!(with(DATABASE, json!({"requests": {"memory": "1Gi", "cpu": "1"}})), [Severity::Info]);
    assert_eq!(
        with(DATABASE, json!({"requests": {"memory": "1Gi", "cpu": "1"}, "limits": {"memory": "1Gi"}})),
        []
    );
    assert_eq!(with(DATABASE, json!({"limits": {"memory": "1Gi", "cpu": "1"}})), []);
    assert_eq!(with(OTHER, json!({})), [Severity::Info]);
    assert_eq!(with(OTHER, json!({"requests": {"memory": "1Gi"}})), []);
    let all = json!({"resources": {"requests": {"memory": "1Gi", "cpu": "1"}, "limits": {"memory": "1Gi"}}});
    assert_eq!(severities(check, &[pod(DATABASE, json!({}), all)]), [], "it is said for the whole Pod");
}

#[test]
fn who_is_killed_first() {
    let check = "qos-order";
    let node =
        || json!({"kind": "Node", "metadata": {"name": "n"}, "status": {"capacity": {"memory": "16Gi"}}});
    let with = |image: &str, name: &str, qos: &str, resources: Value, priority: i64| {
        let mut pod = named(pod(image, json!({"resources": resources}), json!({"priority": priority})), name);
        pod["status"]["qosClass"] = json!(qos);
        pod
    };
    let more = || json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}});
    let database = |qos: &str, resources: Value| with(DATABASE, "db", qos, resources, 0);
    let safe =
        |priority: i64| with(OTHER, "web", "Guaranteed", json!({"limits": {"memory": "1Gi"}}), priority);
    assert_eq!(severities(check, &[node(), database("BestEffort", json!({})), safe(0)]), [Severity::Warning]);
    assert_eq!(severities(check, &[node(), database("BestEffort", json!({}))]), [], "it is alone");
    let found = finds(check, &[node(), database("Burstable", more()), safe(0)]);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning), "{found:#?}");
    let values: Vec<_> = found[0].evidence.iter().map(|evidence| evidence.value.as_str()).collect();
    assert_eq!(values, ["938", "1.0 GiB", "-997", "1"], "1000 - 1000 × 1 GiB / 16 GiB");
    assert_eq!(
        severities(check, &[node(), database("Burstable", more()), safe(1000)]),
        [],
        "it matters more"
    );
    assert_eq!(severities(check, &[node(), database("Burstable", more()), safe(2_000_000_000)]), []);
    assert_eq!(severities(check, &[database("Burstable", more()), safe(0)]), [], "nobody knows the node");
    let bounded = json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}});
    assert_eq!(severities(check, &[node(), database("Burstable", bounded), safe(0)]), [], "it takes no more");
    let worse = with(OTHER, "web", "Burstable", json!({"requests": {"memory": "64Mi"}}), 0);
    assert_eq!(severities(check, &[node(), database("Burstable", more()), worse]), []);
}

#[test]
fn time_to_end() {
    let check = "grace-period";
    let hook = |command: &[&str]| json!({"lifecycle": {"preStop": {"exec": {"command": command}}}});
    let with = |image: &str, container: Value, grace: i64| {
        severities(check, &[pod(image, container, json!({"terminationGracePeriodSeconds": grace}))])
    };
    assert_eq!(with(OTHER, hook(&["sleep", "30"]), 30), [Severity::Warning]);
    assert_eq!(with(OTHER, hook(&["sh", "-c", "sleep 10; sleep 1m"]), 60), [Severity::Warning]);
    assert_eq!(with(OTHER, hook(&["sh", "-c", "nginx -s quit; sleep 60"]), 30), [], "it may end before");
    assert_eq!(with(OTHER, hook(&["sleep", "29"]), 30), []);
    assert_eq!(
        with(OTHER, json!({"lifecycle": {"preStop": {"sleep": {"seconds": 30}}}}), 30),
        [Severity::Warning]
    );
    assert_eq!(with(DATABASE, json!({}), 5), [Severity::Warning]);
    assert_eq!(with(DATABASE, hook(&["sleep", "25"]), 30), [Severity::Warning], "5 s are left");
    assert_eq!(with(DATABASE, json!({}), 30), []);
    let large = || json!({"resources": {"limits": {"memory": "16Gi"}}});
    assert_eq!(with(DATABASE, large(), 30), [Severity::Info]);
    assert_eq!(with(DATABASE, large(), 60), []);
    assert_eq!(with("redis:7", large(), 30), []);
}

#[test]
fn shells_in_front() {
    let check = "shell-as-first-process";
    let with = |image: &str, command: &[&str]| {
        severities(check, &[pod(image, json!({"command": command}), json!({}))])
    };
    assert_eq!(with(OTHER, &["sh", "-c", "server | tee /log"]), [Severity::Warning]);
    assert_eq!(with(OTHER, &["sh", "-c", "prepare && server"]), [Severity::Info]);
    assert_eq!(with(DATABASE, &["sh", "-c", "prepare && mariadbd"]), [Severity::Warning]);
    assert_eq!(
        with(DATABASE, &["bash", "-c", "prepare && mariadbd"]),
        [Severity::Info],
        "it depends on its version"
    );
    assert_eq!(with(DATABASE, &["sh", "-c", "mariadbd"]), [Severity::Info], "it depends on the shell");
    assert_eq!(with(OTHER, &["bash", "-c", "server --x"]), []);
    assert_eq!(with(OTHER, &["sh", "-c", "prepare && exec server"]), []);
    assert_eq!(with(OTHER, &["sh", "-c", "trap 'kill 0' TERM; server & wait"]), []);
    assert_eq!(with(OTHER, &["tini", "--", "sh", "-c", "a; b"]), []);
    assert_eq!(with(OTHER, &["dumb-init", "sh", "-c", "a | b"]), []);
    let shared = json!({"shareProcessNamespace": true});
    let pipe = || json!({"command": ["sh", "-c", "a | b"]});
    assert_eq!(severities(check, &[pod(OTHER, pipe(), shared)]), []);
    assert_eq!(severities(check, &[pod(OTHER, pipe(), json!({"restartPolicy": "Never"}))]), []);
    let hook =
        json!({"command": ["sh", "-c", "a | b"], "lifecycle": {"preStop": {"exec": {"command": ["quit"]}}}});
    assert_eq!(severities(check, &[pod(OTHER, hook, json!({}))]), []);
}

#[test]
fn how_much_a_database_matters() {
    let check = "database-priority";
    let database = |spec: Value| pod(DATABASE, json!({}), spec);
    let other = |priority: i64| {
        named(pod(OTHER, json!({}), json!({"priority": priority, "priorityClassName": "high"})), "web")
    };
    assert_eq!(severities(check, &[database(json!({"priority": 0}))]), [Severity::Info]);
    assert_eq!(severities(check, &[database(json!({"priority": 0})), other(100)]), [Severity::Warning]);
    assert_eq!(
        severities(check, &[database(json!({"priority": 0})), other(2_000_000_000)]),
        [Severity::Info]
    );
    let class = json!({"kind": "PriorityClass", "metadata": {"name": "high"}, "value": 100, "preemptionPolicy": "Never"});
    assert_eq!(severities(check, &[database(json!({"priority": 0})), other(100), class]), [Severity::Info]);
    assert_eq!(
        severities(check, &[database(json!({"priority": 50, "priorityClassName": "db"})), other(100)]),
        []
    );
    assert_eq!(severities(check, &[other(100)]), []);
}

#[test]
fn where_temporary_files_go() {
    let check = "temp-space";
    let of = |container: Value, volumes: Value| {
        severities(check, &[pod(DATABASE, container, json!({"volumes": volumes}))])
    };
    assert_eq!(of(json!({}), json!([])), [Severity::Warning]);
    assert_eq!(of(json!({"resources": {"limits": {"ephemeral-storage": "1Gi"}}}), json!([])), []);
    let mounted = |path: &str, volume: Value| {
        let mut volume = volume;
        volume["name"] = json!("v");
        of(
            json!({"volumeMounts": [{"name": "v", "mountPath": path}], "args": ["--tmpdir=/scratch"]}),
            json!([volume]),
        )
    };
    assert_eq!(mounted("/scratch", json!({"emptyDir": {}})), [Severity::Warning]);
    assert_eq!(mounted("/scratch", json!({"emptyDir": {"sizeLimit": "1Gi"}})), []);
    assert_eq!(mounted("/scratch", json!({"emptyDir": {"medium": "Memory"}})), []);
    assert_eq!(mounted("/scratch", json!({"hostPath": {"path": "/mnt"}})), [Severity::Warning]);
    assert_eq!(mounted("/scratch", json!({"persistentVolumeClaim": {"claimName": "x"}})), []);
    assert_eq!(
        mounted("/scratcher", json!({"persistentVolumeClaim": {"claimName": "x"}})),
        [Severity::Warning]
    );
    let configured = json!({"volumeMounts": [{"name": "conf", "mountPath": "/etc/mysql/conf.d"}]});
    assert_eq!(of(configured, json!([])), [], "it may name another directory");
    assert_eq!(severities(check, &[pod("postgres:16", json!({}), json!({}))]), [], "they are with its data");
    assert_eq!(
        severities(check, &[pod("corp/mysql:8", json!({}), json!({}))]),
        [Severity::Info],
        "it may have settings"
    );
}
