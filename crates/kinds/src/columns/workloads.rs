//! The columns of what keeps Pods running.

use serde_json::Value;

use super::read::{Read, join};
use super::{Column, Columns, age, selector};

/// What every workload shows of its template in wide tables.
pub(super) const CONTAINERS: Column<'static> =
    Column::wide("Containers", "The names of the containers of the template.");
/// The images of the template.
pub(super) const IMAGES: Column<'static> =
    Column::wide("Images", "The images of the containers of the template.");
/// The Pods that belong to a workload.
pub(super) const SELECTOR: Column<'static> = Column::wide("Selector", "The labels of its Pods.");

/// Returns the columns of a kind of the group of this file.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "Deployment" => &DEPLOYMENT,
        "ReplicaSet" => &REPLICA_SET,
        "StatefulSet" => &STATEFUL_SET,
        "DaemonSet" => &DAEMON_SET,
        "ControllerRevision" => &CONTROLLER_REVISION,
        _ => return None,
    })
}

/// Returns the names and the images of the containers of a template.
pub(super) fn containers(template: &Value) -> (Value, Value) {
    let all = |field| join(template.list("spec.containers").iter().map(|c| c.text(field)), ",");
    (all("name").into(), all("image").into())
}

/// Returns how many Pods are wanted; a workload that does not say wants one.
fn desired(object: &Value) -> i64 {
    object.at("spec.replicas").as_i64().unwrap_or(1)
}

static DEPLOYMENT: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Ready", "How many of the Pods it wants are ready."),
        Column::text("Up-to-date", "How many of its Pods have the newest template."),
        Column::text("Available", "How many of its Pods have been ready for long enough."),
        Column::age(),
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    |deployment, now| {
        let (names, images) = containers(deployment.at("spec.template"));
        let selected = selector::requirements(deployment.at("spec.selector"));
        vec![
            deployment.text("metadata.name").into(),
            format!("{}/{}", deployment.int("status.readyReplicas"), desired(deployment)).into(),
            deployment.int("status.updatedReplicas").into(),
            deployment.int("status.availableReplicas").into(),
            age::of(deployment, now).into(),
            names,
            images,
            selected.unwrap_or_else(|| "<invalid>".to_owned()).into(),
        ]
    },
);

/// The columns of what keeps a number of Pods of one template.
const REPLICAS: &[Column<'static>] = &[
    Column::name(),
    Column::integer("Desired", "How many Pods it wants."),
    Column::integer("Current", "How many Pods there are."),
    Column::integer("Ready", "How many of them are ready."),
    Column::age(),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

static REPLICA_SET: Columns =
    Columns::known(REPLICAS, |set, now| replicas(set, selector::selector(set.at("spec.selector")), now));

pub(super) static REPLICATION_CONTROLLER: Columns = Columns::known(REPLICAS, |controller, now| {
    replicas(controller, selector::labels(controller.at("spec.selector")), now)
});

fn replicas(object: &Value, selected: String, now: i64) -> Vec<Value> {
    let (names, images) = containers(object.at("spec.template"));
    vec![
        object.text("metadata.name").into(),
        desired(object).into(),
        object.int("status.replicas").into(),
        object.int("status.readyReplicas").into(),
        age::of(object, now).into(),
        names,
        images,
        selected.into(),
    ]
}

static STATEFUL_SET: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Ready", "How many of the Pods it wants are ready."),
        Column::age(),
        CONTAINERS,
        IMAGES,
    ],
    |set, now| {
        let (names, images) = containers(set.at("spec.template"));
        vec![
            set.text("metadata.name").into(),
            format!("{}/{}", set.int("status.readyReplicas"), desired(set)).into(),
            age::of(set, now).into(),
            names,
            images,
        ]
    },
);

static DAEMON_SET: Columns = Columns::known(
    &[
        Column::name(),
        Column::integer("Desired", "How many nodes should run its Pod."),
        Column::integer("Current", "How many of them do."),
        Column::integer("Ready", "How many of its Pods are ready."),
        Column::integer("Up-to-date", "How many of its Pods have the newest template."),
        Column::integer("Available", "How many of its Pods have been ready for long enough."),
        Column::text("Node Selector", "The labels of the nodes that should run its Pod."),
        Column::age(),
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    |set, now| {
        let (names, images) = containers(set.at("spec.template"));
        let status = set.at("status");
        vec![
            set.text("metadata.name").into(),
            status.int("desiredNumberScheduled").into(),
            status.int("currentNumberScheduled").into(),
            status.int("numberReady").into(),
            status.int("updatedNumberScheduled").into(),
            status.int("numberAvailable").into(),
            selector::labels(set.at("spec.template.spec.nodeSelector")).into(),
            age::of(set, now).into(),
            names,
            images,
            selector::selector(set.at("spec.selector")).into(),
        ]
    },
);

static CONTROLLER_REVISION: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Controller", "The object this is a revision of."),
        Column::text("Revision", "The number of the revision."),
        Column::age(),
    ],
    |revision, now| {
        vec![
            revision.text("metadata.name").into(),
            controller(revision).into(),
            revision.int("revision").into(),
            age::of(revision, now).into(),
        ]
    },
);

/// Returns the owner that controls an object as `kind.group/name`.
fn controller(object: &Value) -> String {
    let owner = object.list("metadata.ownerReferences").iter().find(|owner| owner.truth("controller"));
    let Some(owner) = owner else { return "<none>".to_owned() };
    let (kind, name) = (owner.text("kind"), owner.text("name"));
    match owner.text("apiVersion").split_once('/') {
        Some((group, _)) => format!("{}.{}/{name}", kind.to_lowercase(), group.to_lowercase()),
        None if kind.is_empty() => name.to_owned(),
        None => format!("{}/{name}", kind.to_lowercase()),
    }
}

pub(super) static POD_TEMPLATE: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Containers", "The names of the containers of the template."),
        Column::text("Images", "The images of the containers of the template."),
        Column::text("Pod Labels", "The labels Pods of the template get."),
    ],
    |object, _| {
        let template = object.at("template");
        let (names, images) = containers(template);
        let labels = selector::labels(template.at("metadata.labels"));
        vec![object.text("metadata.name").into(), names, images, labels.into()]
    },
);
