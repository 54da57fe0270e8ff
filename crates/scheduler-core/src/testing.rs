//! Builders of small objects, for tests.

use std::sync::Arc;

use stanchion_machinery::selector::Labels;

use crate::{
    Affinity, ContainerRequest, Inclusion, Kin, LabelSet, Namespaces, Node, Others, Pod, PreemptionPolicy,
    RequestParts, Resources, Selector, Shape, Spread, SpreadConstraint, Term, Unsatisfiable,
};

/// A gibibyte.
pub(crate) const GIB: i64 = 1 << 30;

pub(crate) fn selector(text: &str) -> Selector {
    Selector::new(Labels::parse(text).unwrap())
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::new(pairs.iter().copied())
}

/// A node with 4 processors, 16 GiB and 10 places.
pub(crate) fn node(name: &str, pairs: &[(&str, &str)]) -> Node {
    let mut pairs = pairs.to_vec();
    pairs.push((crate::HOSTNAME, name));
    Node {
        name: name.into(),
        labels: labels(&pairs),
        allocatable: Resources { milli_cpu: 4000, memory: 16 * GIB, ephemeral: 100 * GIB, extended: vec![] },
        pods: 10,
        ..Node::default()
    }
}

pub(crate) fn shape(milli_cpu: i64, memory: i64) -> Shape {
    let container = ContainerRequest {
        milli_cpu: (milli_cpu != 0).then_some(milli_cpu),
        memory: (memory != 0).then_some(memory),
        ..ContainerRequest::default()
    };
    let parts = RequestParts { containers: vec![container], ..RequestParts::default() };
    Shape { request: parts.total(), images: vec!["registry/app:1".into()], ..Shape::default() }
}

/// A Pod in namespace `default`.
pub(crate) fn pod(name: &str, pairs: &[(&str, &str)], shape: Shape) -> Pod {
    Pod {
        uid: name.into(),
        name: name.into(),
        kin: Kin { namespace: "default".into(), labels: labels(pairs), terminating: false },
        shape: Arc::new(shape),
        spread: Arc::default(),
        affinity: Arc::default(),
        claims: Vec::new(),
        priority: 0,
        preemption: PreemptionPolicy::LowerPriority,
        node: None,
        nominated: None,
        gates: Vec::new(),
        preempted: false,
        created: 0,
        started: None,
    }
}

/// The Pod, bound.
pub(crate) fn on(node: &str, pod: Pod) -> Arc<Pod> {
    Arc::new(Pod { node: Some(node.into()), ..pod })
}

pub(crate) fn term(text: &str, key: &str) -> Term {
    let namespaces = Namespaces { names: vec!["default".into()], selector: None };
    Term { others: Others { namespaces, selector: selector(text) }, topology_key: key.into() }
}

pub(crate) fn repels(text: &str, key: &str) -> Arc<Affinity> {
    Arc::new(Affinity { anti_required: vec![term(text, key)], ..Affinity::default() })
}

pub(crate) fn spread(text: &str, key: &str, max_skew: i32) -> Arc<Spread> {
    let constraint = SpreadConstraint {
        max_skew,
        topology_key: key.into(),
        unsatisfiable: Unsatisfiable::DoNotSchedule,
        selector: selector(text),
        min_domains: 1,
        node_affinity: Inclusion::Honor,
        node_taints: Inclusion::Ignore,
    };
    Arc::new(Spread { constraints: vec![constraint], by_default: false })
}
