use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod core;
mod groups;
mod pods;

/// The headings of every kind; a star marks those of wide tables.
const HEADINGS: &[(&str, &str, &str)] = &[
    ("", "Pod", "Name,Ready,Status,Restarts,Age,IP*,Node*,Nominated Node*,Readiness Gates*"),
    ("", "Service", "Name,Type,Cluster-IP,External-IP,Port(s),Age,Selector*"),
    ("", "ReplicationController", "Name,Desired,Current,Ready,Age,Containers*,Images*,Selector*"),
    (
        "",
        "Node",
        "Name,Status,Roles,Age,Version,Internal-IP*,External-IP*,OS-Image*,Kernel-Version*,Container-Runtime*",
    ),
    ("", "Namespace", "Name,Status,Age"),
    (
        "",
        "PersistentVolume",
        "Name,Capacity,Access Modes,Reclaim Policy,Status,Claim,StorageClass,VolumeAttributesClass,Reason,Age,VolumeMode*",
    ),
    (
        "",
        "PersistentVolumeClaim",
        "Name,Status,Volume,Capacity,Access Modes,StorageClass,VolumeAttributesClass,Age,VolumeMode*",
    ),
    ("", "Event", "Last Seen,Type,Reason,Object,Subobject*,Source*,Message,First Seen*,Count*,Name*"),
    (
        "events.k8s.io",
        "Event",
        "Last Seen,Type,Reason,Object,Subobject*,Source*,Message,First Seen*,Count*,Name*",
    ),
    ("", "Secret", "Name,Type,Data,Age"),
    ("", "ConfigMap", "Name,Data,Age"),
    ("", "ServiceAccount", "Name,Age"),
    ("", "Endpoints", "Name,Endpoints,Age"),
    ("", "ResourceQuota", "Name,Request,Limit,Age"),
    ("", "LimitRange", "Name,Created At"),
    ("", "PodTemplate", "Name,Containers,Images,Pod Labels"),
    ("", "ComponentStatus", "Name,Status,Message,Error"),
    ("", "Status", "Status,Reason,Message"),
    ("apps", "Deployment", "Name,Ready,Up-to-date,Available,Age,Containers*,Images*,Selector*"),
    ("apps", "ReplicaSet", "Name,Desired,Current,Ready,Age,Containers*,Images*,Selector*"),
    ("apps", "StatefulSet", "Name,Ready,Age,Containers*,Images*"),
    (
        "apps",
        "DaemonSet",
        "Name,Desired,Current,Ready,Up-to-date,Available,Node Selector,Age,Containers*,Images*,Selector*",
    ),
    ("apps", "ControllerRevision", "Name,Controller,Revision,Age"),
    ("batch", "Job", "Name,Status,Completions,Duration,Age,Containers*,Images*,Selector*"),
    (
        "batch",
        "CronJob",
        "Name,Schedule,Timezone,Suspend,Active,Last Schedule,Age,Containers*,Images*,Selector*",
    ),
    ("autoscaling", "HorizontalPodAutoscaler", "Name,Reference,Targets,MinPods,MaxPods,Replicas,Age"),
    ("autoscaling", "Scale", "Name,Desired,Available,Age"),
    ("policy", "PodDisruptionBudget", "Name,Min Available,Max Unavailable,Allowed Disruptions,Age"),
    ("discovery.k8s.io", "EndpointSlice", "Name,AddressType,Ports,Endpoints,Age"),
    ("coordination.k8s.io", "Lease", "Name,Holder,Age"),
    ("networking.k8s.io", "Ingress", "Name,Class,Hosts,Address,Ports,Age"),
    ("networking.k8s.io", "IngressClass", "Name,Controller,Parameters,Age"),
    ("networking.k8s.io", "NetworkPolicy", "Name,Pod-Selector,Age"),
    ("networking.k8s.io", "IPAddress", "Name,ParentRef"),
    ("networking.k8s.io", "ServiceCIDR", "Name,CIDRs,Age"),
    (
        "storage.k8s.io",
        "StorageClass",
        "Name,Provisioner,ReclaimPolicy,VolumeBindingMode,AllowVolumeExpansion,Age",
    ),
    (
        "storage.k8s.io",
        "CSIDriver",
        "Name,AttachRequired,PodInfoOnMount,StorageCapacity,TokenRequests,RequiresRepublish,Modes,Age",
    ),
    ("storage.k8s.io", "CSINode", "Name,Drivers,Age"),
    ("storage.k8s.io", "CSIStorageCapacity", "Name,StorageClassName,Capacity"),
    ("storage.k8s.io", "VolumeAttachment", "Name,Attacher,PV,Node,Attached,Age"),
    ("storage.k8s.io", "VolumeAttributesClass", "Name,DriverName,Age"),
    ("scheduling.k8s.io", "PriorityClass", "Name,Value,Global-Default,Age,PreemptionPolicy"),
    ("rbac.authorization.k8s.io", "Role", "Name,Created At"),
    ("rbac.authorization.k8s.io", "ClusterRole", "Name,Created At"),
    ("rbac.authorization.k8s.io", "RoleBinding", "Name,Role,Age,Users*,Groups*,ServiceAccounts*"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "Name,Role,Age,Users*,Groups*,ServiceAccounts*"),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "Name,Created At"),
    ("example.com", "Pod", "Name,Created At"),
];

/// The time of all tests: an hour after the objects were created.
fn now() -> i64 {
    age::parse("2026-05-01T12:00:00Z").expect("a point in time")
}

/// Gives an object a name and a time of creation where it has none.
fn with_metadata(mut object: Value) -> Value {
    for (field, value) in [("name", "x"), ("creationTimestamp", "2026-05-01T10:30:00Z")] {
        let place = &mut object["metadata"][field];
        if place.is_null() {
            *place = value.into();
        }
    }
    object
}

/// Checks the cells of an object called `x` that is 90 minutes old.
fn shows(group: &str, kind: &str, object: Value, expected: Value) {
    let Value::Array(expected) = expected else { panic!("cells are a list") };
    assert_eq!(of(group, kind).cells(&with_metadata(object), now()), expected, "{group} {kind}");
}

#[test]
fn headings_are_those_clients_know() {
    for (group, kind, expected) in HEADINGS {
        let columns = of(group, kind).columns();
        let shown: Vec<String> = columns
            .iter()
            .map(|column| format!("{}{}", column.name, if column.priority > 0 { "*" } else { "" }))
            .collect();
        assert_eq!(shown.join(","), *expected, "{group} {kind}");
        assert!(columns.iter().all(|column| !column.description.is_empty()), "{group} {kind}");
    }
}

#[test]
fn the_name_is_marked_where_objects_have_one() {
    for (group, kind, _) in HEADINGS {
        let marked = of(group, kind).columns().iter().any(|c| c.name == "Name" && c.format == "name");
        assert_eq!(marked, !matches!(*kind, "Status" | "Scale"), "{group} {kind}");
    }
}

#[test]
fn definitions_have_all_fields() {
    let expected = json!({
        "name": "Created At", "type": "date", "format": "", "priority": 0,
        "description": "The time at which the object was created.",
    });
    assert_eq!(of("", "LimitRange").definitions()[1], expected);
    assert_eq!(of("", "Event").definitions()[9]["priority"], 1);
}

#[test]
fn rows_carry_what_is_asked_for() {
    let pod = with_metadata(json!({"status": {"phase": "Failed"}}));
    let columns = of("", "Pod");
    let row = columns.row(&pod, now(), Include::Metadata);
    assert_eq!(row["cells"], Value::Array(columns.cells(&pod, now())));
    let conditions =
        json!([{"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}]);
    assert_eq!(row["conditions"], conditions);
    let metadata =
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": pod["metadata"]});
    assert_eq!(row["object"], metadata);
    assert_eq!(columns.row(&pod, now(), Include::Object)["object"], pod);

    let running = with_metadata(json!({"status": {"phase": "Running"}}));
    let row = columns.row(&running, now(), Include::Nothing);
    assert_eq!(row.get("conditions"), None);
    assert_eq!(row.get("object"), Some(&Value::Null));
}

/// The fields that columns read, to make objects of that have any of them, of any type.
const FIELDS: [&str; 24] = [
    "metadata",
    "spec",
    "status",
    "conditions",
    "containers",
    "initContainers",
    "containerStatuses",
    "initContainerStatuses",
    "state",
    "terminated",
    "type",
    "name",
    "ports",
    "metrics",
    "selector",
    "template",
    "subsets",
    "endpoints",
    "addresses",
    "rules",
    "subjects",
    "series",
    "hard",
    "creationTimestamp",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["", "True", "Ready", "é", "Always", "2026-05-01T12:00:00Z"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(&FIELDS[..]), inner), 0..6).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

fn has_a_cell_for_each_column(object: &Value, now: i64) {
    for (group, kind, _) in HEADINGS {
        let columns = of(group, kind);
        assert_eq!(columns.cells(object, now).len(), columns.columns().len(), "{group} {kind} of {object}");
    }
}

#[test]
fn empty_objects_have_all_cells() {
    let nulls: serde_json::Map<String, Value> = FIELDS.iter().map(|&f| (f.to_owned(), Value::Null)).collect();
    let lists: serde_json::Map<String, Value> =
        FIELDS.iter().map(|&f| (f.to_owned(), json!([null]))).collect();
    let deep = json!({"metadata": nulls, "spec": nulls, "status": nulls});
    let listed = json!({"metadata": lists, "spec": lists, "status": lists});
    for object in [json!({}), json!(null), json!([]), json!("x"), Value::Object(nulls), deep, listed] {
        has_a_cell_for_each_column(&object, 0);
    }
}

proptest! {
    #[test]
    fn any_object_has_all_cells(object in any_value(), now in any::<i64>()) {
        has_a_cell_for_each_column(&object, now);
    }
}
