//! Which Pods are instances of one database.

use std::collections::BTreeMap;

use crate::checks::databases;
use crate::facts::Facts;
use crate::facts::kube::pod::Pod;
use crate::facts::kube::pods::PodGroup;
use crate::subject::Subject;

/// Instances of one database.
pub(super) struct Cluster<'a> {
    /// What made them, or the first of them.
    pub(super) cause: Subject,
    /// Which database.
    pub(super) engine: &'static str,
    /// Those that have a node.
    pub(super) instances: Vec<Instance<'a>>,
}

/// An instance of a database.
pub(super) struct Instance<'a> {
    pub(super) pod: &'a Pod,
    pub(super) node: &'a str,
}

/// Labels by which operators say of which cluster a Pod is, also where each instance has a maker of its own.
const OF_OPERATORS: [&str; 4] =
    ["stanchion.dev/cluster", "cnpg.io/cluster", "postgres-operator.crunchydata.com/cluster", "cluster-name"];
const INSTANCE: &str = "app.kubernetes.io/instance";
const NAME: &str = "app.kubernetes.io/name";

/// Returns databases with their instances that are there to stay. Those of a DaemonSet have a node each by nature.
pub(super) fn clusters(facts: &Facts) -> impl Iterator<Item = Cluster<'_>> {
    let mut all: BTreeMap<(&str, String), Cluster<'_>> = BTreeMap::new();
    for group in facts.kube.pods.groups().iter().filter(|group| group.cause.kind != "DaemonSet") {
        let Some((_, database)) = databases::of(&group.template).next() else { continue };
        let key = (&*group.namespace, key(group, database.engine.is_replicated));
        let new =
            || Cluster { cause: group.cause.clone(), engine: database.engine.name, instances: Vec::new() };
        let cluster = all.entry(key).or_insert_with(new);
        let live = facts.kube.pods.members(group).filter(|pod| pod.is_live());
        let placed = live.filter_map(|pod| Some(Instance { pod, node: pod.node.as_deref()? }));
        cluster.instances.extend(placed);
    }
    all.into_values()
}

/// Returns what is the same for all instances of a database.
fn key(group: &PodGroup, is_replicated: bool) -> String {
    let label = |name: &str| group.labels.get(name).filter(|value| !value.is_empty());
    if let Some((name, value)) = OF_OPERATORS.iter().find_map(|name| Some((name, label(name)?))) {
        return format!("{name}={value}");
    }
    // A chart that has one maker for who writes and another one for who copies. Shards are not copies of each other.
    match (label(INSTANCE), label(NAME)) {
        (Some(instance), Some(name)) if is_replicated => format!("{NAME}={name},{INSTANCE}={instance}"),
        _ => group.cause.to_string(),
    }
}
