//! The columns of what makes up the cluster: nodes, namespaces, leases, priorities.

use std::collections::BTreeSet;

use serde_json::Value;

use super::read::{Read, join, or};
use super::{Column, Columns, age};

/// The label whose value is a role of a node.
const ROLE: &str = "kubernetes.io/role";
/// What labels begin with that end in a role of a node.
const ROLE_PREFIX: &str = "node-role.kubernetes.io/";

/// Returns the columns of a kind of this file that is in a group of its own.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "Lease" => &LEASE,
        "PriorityClass" => &PRIORITY_CLASS,
        _ => return None,
    })
}

pub(super) static NODE: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Status", "Whether the node is ready and takes Pods."),
        Column::text("Roles", "The roles its labels give it."),
        Column::age(),
        Column::text("Version", "The version of its kubelet."),
        Column::wide("Internal-IP", "Its address within the cluster."),
        Column::wide("External-IP", "Its address outside."),
        Column::wide("OS-Image", "Its operating system."),
        Column::wide("Kernel-Version", "The version of its kernel."),
        Column::wide("Container-Runtime", "What runs its containers."),
    ],
    |node, now| {
        let info = node.at("status.nodeInfo");
        vec![
            node.text("metadata.name").into(),
            node_status(node).into(),
            roles(node).into(),
            age::of(node, now).into(),
            info.text("kubeletVersion").into(),
            address(node, "InternalIP").into(),
            address(node, "ExternalIP").into(),
            or(info.text("osImage"), age::UNKNOWN).into(),
            or(info.text("kernelVersion"), age::UNKNOWN).into(),
            or(info.text("containerRuntimeVersion"), age::UNKNOWN).into(),
        ]
    },
);

fn node_status(node: &Value) -> String {
    let ready = node.list("status.conditions").iter().rfind(|condition| condition.text("type") == "Ready");
    let status = match ready.map(|condition| condition.text("status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let closed = if node.truth("spec.unschedulable") { ",SchedulingDisabled" } else { "" };
    format!("{status}{closed}")
}

fn roles(node: &Value) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in node.map("metadata.labels").into_iter().flatten() {
        if let Some(role) = key.strip_prefix(ROLE_PREFIX) {
            roles.insert(role);
        } else if key == ROLE {
            roles.insert(value.as_str().unwrap_or(""));
        }
    }
    roles.remove("");
    if roles.is_empty() { "<none>".to_owned() } else { join(roles.into_iter(), ",") }
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    let address = node.list("status.addresses").iter().find(|address| address.text("type") == kind);
    address.map_or("<none>", |found| found.text("address"))
}

pub(super) static NAMESPACE: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Status", "Whether the namespace is in use or going away."),
        Column::age(),
    ],
    |namespace, now| {
        vec![
            namespace.text("metadata.name").into(),
            namespace.text("status.phase").into(),
            age::of(namespace, now).into(),
        ]
    },
);

pub(super) static COMPONENT_STATUS: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Status", "Whether the component is healthy."),
        Column::text("Message", "What the component says of it."),
        Column::text("Error", "What went wrong when it was asked."),
    ],
    |component, _| {
        let healthy = component.list("conditions").iter().find(|c| c.text("type") == "Healthy");
        let status = match healthy.map(|condition| condition.text("status")) {
            Some("True") => "Healthy",
            Some(_) => "Unhealthy",
            None => "Unknown",
        };
        let said = |field| healthy.map_or("", |condition| condition.text(field));
        vec![
            component.text("metadata.name").into(),
            status.into(),
            said("message").into(),
            said("error").into(),
        ]
    },
);

static LEASE: Columns = Columns::known(
    &[Column::name(), Column::text("Holder", "Who holds the lease."), Column::age()],
    |lease, now| {
        vec![
            lease.text("metadata.name").into(),
            lease.text("spec.holderIdentity").into(),
            age::of(lease, now).into(),
        ]
    },
);

static PRIORITY_CLASS: Columns = Columns::known(
    &[
        Column::name(),
        Column::integer("Value", "The priority of its Pods."),
        Column::boolean("Global-Default", "Whether Pods that name no class get this one."),
        Column::age(),
        Column::text("PreemptionPolicy", "Whether its Pods may displace others."),
    ],
    |class, now| {
        vec![
            class.text("metadata.name").into(),
            class.int("value").into(),
            class.truth("globalDefault").into(),
            age::of(class, now).into(),
            class.text("preemptionPolicy").into(),
        ]
    },
);
