//! Decisions, by tables and against a slow reference on random clusters.

mod random;
mod reference;

use super::*;
use crate::cluster::Cluster;
use crate::node::{Effect, NameRequirement, NodeTerm, Taint, ZONE};
use crate::pod::{HostPort, Shape};
use crate::relation::{Affinity, Spread};
use crate::testing::{GIB, node, on, pod, repels, selector, shape, spread, term};
use crate::volume::{AccessMode, AccessModes, Claim, ClaimState};
use crate::{Filter, Node, Scorer, Verdict};

fn cluster(nodes: impl IntoIterator<Item = Node>) -> Scheduler {
    let mut scheduler = Scheduler::new(None);
    nodes.into_iter().for_each(|node| scheduler.cluster.set_node(node));
    scheduler
}

/// The message of a decision that fails, or the node.
fn told(scheduler: &mut Scheduler, pod: Pod) -> String {
    match scheduler.schedule(&Arc::new(pod), 0) {
        Ok(placement) => placement.node.to_string(),
        Err(diagnosis) => diagnosis.message(None),
    }
}

/// The filter that keeps a Pod from the only node.
fn refused_by(node: Node, placed: Vec<Pod>, wanting: Pod) -> Option<Filter> {
    let name = Arc::clone(&node.name);
    let mut scheduler = cluster([node]);
    for pod in placed {
        scheduler.cluster.set_pod(&on(&name, pod));
    }
    let diagnosis = scheduler.schedule(&Arc::new(wanting), 0).err()?;
    diagnosis.filters().first().copied()
}

#[test]
fn each_filter_refuses_what_it_is_for() {
    let plain = || node("n", &[]);
    let taint = Taint { key: "k".into(), value: "v".into(), effect: Effect::NoExecute };
    let port = |port| vec![HostPort { ip: None, protocol: "TCP".into(), port }];
    let term = NodeTerm { labels: selector("disk=ssd"), names: Vec::new() };
    let mut wants_label = shape(0, 0);
    wants_label.nodes.terms = Some(vec![term]);
    let mut wants_gpu = shape(0, 0);
    wants_gpu.request.exact.add_extended(&"example.com/gpu".into(), 1);
    let wanting = |shape: Shape| pod("p", &[], shape);
    let table = [
        ("plain", plain(), vec![], wanting(shape(100, GIB)), None),
        (
            "cordoned",
            Node { unschedulable: true, ..plain() },
            vec![],
            wanting(shape(0, 0)),
            Some(Filter::NodeUnschedulable),
        ),
        (
            "named",
            plain(),
            vec![],
            wanting(Shape { node_name: Some("m".into()), ..shape(0, 0) }),
            Some(Filter::NodeName),
        ),
        (
            "tainted",
            Node { taints: vec![taint], ..plain() },
            vec![],
            wanting(shape(0, 0)),
            Some(Filter::TaintToleration),
        ),
        ("label", plain(), vec![], wanting(wants_label), Some(Filter::NodeAffinity)),
        (
            "port",
            plain(),
            vec![pod("a", &[], Shape { ports: port(80), ..shape(0, 0) })],
            wanting(Shape { ports: port(80), ..shape(0, 0) }),
            Some(Filter::NodePorts),
        ),
        (
            "processors",
            plain(),
            vec![pod("a", &[], shape(3000, 0))],
            wanting(shape(1001, 0)),
            Some(Filter::NodeResourcesFit),
        ),
        ("just enough", plain(), vec![pod("a", &[], shape(3000, 0))], wanting(shape(1000, 0)), None),
        ("memory", plain(), vec![], wanting(shape(0, 17 * GIB)), Some(Filter::NodeResourcesFit)),
        ("devices", plain(), vec![], wanting(wants_gpu), Some(Filter::NodeResourcesFit)),
        ("places", Node { pods: 0, ..plain() }, vec![], wanting(shape(0, 0)), Some(Filter::NodeResourcesFit)),
    ];
    for (name, node, placed, wanting, expected) in table {
        assert_eq!(refused_by(node, placed, wanting), expected, "{name}");
    }
}

#[test]
fn filters_that_look_at_other_pods_refuse_what_they_are_for() {
    let wanting = || pod("p", &[], shape(0, 0));
    let near = Affinity { required: vec![term("app=db", crate::HOSTNAME)], ..Affinity::default() };
    let table = [
        (
            "spread without label",
            node("n", &[]),
            vec![],
            Pod { spread: spread("app=db", "rack", 1), ..wanting() },
            Some(Filter::PodTopologySpread),
        ),
        (
            "its own repulsion",
            node("n", &[]),
            vec![pod("a", &[("app", "db")], shape(0, 0))],
            Pod { affinity: repels("app=db", crate::HOSTNAME), ..wanting() },
            Some(Filter::InterPodAffinity),
        ),
        (
            "the repulsion of others",
            node("n", &[]),
            vec![Pod { affinity: repels("app=db", crate::HOSTNAME), ..pod("a", &[], shape(0, 0)) }],
            pod("p", &[("app", "db")], shape(0, 0)),
            Some(Filter::InterPodAffinity),
        ),
        (
            "nobody to be near to",
            node("n", &[]),
            vec![],
            Pod { affinity: Arc::new(near.clone()), ..wanting() },
            Some(Filter::InterPodAffinity),
        ),
        (
            "the first to be near to",
            node("n", &[]),
            vec![],
            Pod { affinity: Arc::new(near), ..pod("p", &[("app", "db")], shape(0, 0)) },
            None,
        ),
    ];
    for (name, node, placed, wanting, expected) in table {
        assert_eq!(refused_by(node, placed, wanting), expected, "{name}");
    }
}

#[test]
fn users_read_what_they_know() {
    let mut scheduler = cluster([]);
    assert_eq!(told(&mut scheduler, pod("p", &[], shape(0, 0))), "no nodes available to schedule pods");
    let taint = Taint { key: "key".into(), value: "value".into(), effect: Effect::NoSchedule };
    scheduler.cluster.set_node(Node { taints: vec![taint], ..node("n1", &[]) });
    scheduler.cluster.set_node(node("n2", &[]));
    scheduler.cluster.set_node(node("n3", &[]));
    assert_eq!(
        told(&mut scheduler, pod("p", &[], shape(5000, 0))),
        "0/3 nodes are available: 1 node(s) had untolerated taint {key: value}, 2 Insufficient cpu."
    );
    let mut picky = shape(5000, 0);
    let names = vec![NameRequirement { is: true, name: "n2".into() }];
    picky.nodes.terms = Some(vec![NodeTerm { labels: selector(""), names }]);
    assert_eq!(
        told(&mut scheduler, pod("p", &[], picky)),
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    );
}

#[test]
fn pods_are_spread_as_evenly_as_asked() {
    let zones = [("n1", "a"), ("n2", "a"), ("n3", "b")];
    let mut scheduler = cluster(zones.iter().map(|(name, zone)| node(name, &[(ZONE, zone)])));
    let mut by_zone = [0, 0];
    for number in 0..6 {
        let wanting = Pod {
            spread: spread("app=db", ZONE, 1),
            ..pod(&format!("p{number}"), &[("app", "db")], shape(0, 0))
        };
        let wanting = Arc::new(wanting);
        let placement = scheduler.schedule(&wanting, number).unwrap();
        by_zone[usize::from(placement.node.as_ref() == "n3")] += 1;
        scheduler.cluster.assume(&wanting, &placement.node, placement.volumes);
    }
    assert_eq!(by_zone, [3, 3]);
}

#[test]
fn too_few_domains_count_as_an_empty_one() {
    let mut scheduler = cluster([node("n1", &[(ZONE, "a")])]);
    scheduler.cluster.set_pod(&on("n1", pod("a", &[("app", "db")], shape(0, 0))));
    let wanting = |min_domains| {
        let mut spread = Spread::clone(&spread("app=db", ZONE, 1));
        spread.constraints[0].min_domains = min_domains;
        Pod { spread: Arc::new(spread), ..pod("p", &[("app", "db")], shape(0, 0)) }
    };
    assert_eq!(told(&mut scheduler, wanting(1)), "n1");
    let message = "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints.";
    assert_eq!(told(&mut scheduler, wanting(2)), message);
}

#[test]
fn a_claim_of_one_pod_at_a_time_is_not_shared() {
    let mut scheduler = cluster([node("n1", &[]), node("n2", &[])]);
    scheduler.cluster.volumes.set_claim(Claim {
        namespace: "default".into(),
        name: "data".into(),
        state: ClaimState::Bound("v".into()),
        class: "".into(),
        deleting: false,
        request: GIB,
        modes: AccessModes::from_iter([AccessMode::ReadWriteOncePod]),
        block: false,
        selector: None,
    });
    let using = |name: &str| Pod { claims: vec!["data".into()], ..pod(name, &[], shape(0, 0)) };
    let gone = "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).";
    assert_eq!(told(&mut scheduler, using("b")), gone);
    scheduler.cluster.set_pod(&on("n1", using("a")));
    let used = "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and \
                ReadWriteOncePod access mode.";
    assert_eq!(told(&mut scheduler, using("b")), used);
}

#[test]
fn enough_nodes_follow_from_their_number() {
    let table = [
        (99, None, 99),
        (100, None, 100),
        (1000, None, 420),
        (5000, None, 500),
        (10_000, None, 500),
        (1000, Some(5), 100),
        (1000, Some(50), 500),
        (1000, Some(100), 1000),
    ];
    for (nodes, percentage, expected) in table {
        assert_eq!(enough(nodes, percentage), expected, "{nodes} {percentage:?}");
    }
}

#[test]
fn the_search_goes_on_where_it_stopped() {
    let mut scheduler = cluster((0..1000).map(|number| node(&format!("n{number}"), &[])));
    let first = scheduler.schedule(&Arc::new(pod("a", &[], shape(0, 0))), 0).unwrap();
    assert_eq!((first.evaluated, first.feasible, scheduler.next), (420, 420, 420));
    scheduler.schedule(&Arc::new(pod("b", &[], shape(0, 0))), 0).unwrap();
    scheduler.schedule(&Arc::new(pod("c", &[], shape(0, 0))), 0).unwrap();
    assert_eq!(scheduler.next, 260);
}

#[test]
fn room_that_is_kept_is_kept() {
    let mut scheduler = cluster([node("n1", &[])]);
    let important = Arc::new(Pod { priority: 10, ..pod("important", &[], shape(3000, GIB)) });
    scheduler.cluster.nominate(&important, &"n1".into());
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    assert_eq!(told(&mut scheduler, pod("p", &[], shape(2000, GIB))), message);
    assert_eq!(told(&mut scheduler, pod("p", &[], shape(1000, GIB))), "n1");
    let more_important = Pod { priority: 20, ..pod("q", &[], shape(2000, GIB)) };
    assert_eq!(told(&mut scheduler, more_important), "n1");
    assert_eq!(scheduler.schedule(&important, 0).unwrap().node.as_ref(), "n1");
    scheduler.cluster.clear_nomination("important");
    assert_eq!(told(&mut scheduler, pod("p", &[], shape(2000, GIB))), "n1");
}

#[test]
fn an_explanation_covers_every_node() {
    let mut scheduler =
        cluster([node("n1", &[]), Node { unschedulable: true, ..node("n2", &[]) }, node("n3", &[])]);
    scheduler.cluster.set_pod(&on("n1", pod("a", &[], shape(2000, GIB))));
    let wanting = Arc::new(pod("p", &[], shape(1000, 4 * GIB)));
    let explanation = scheduler.explain(&wanting).unwrap();
    let names: Vec<&str> = explanation.nodes.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(names, ["n3", "n1", "n2"]);
    assert_eq!(explanation.nodes[2].1, Verdict::Refused(Refusal::Cordoned));
    let Verdict::Passed { scores, total } = &explanation.nodes[0].1 else { panic!("n3 passes") };
    let score = |wanted: Scorer| scores.iter().find(|(scorer, _)| *scorer == wanted).unwrap().1;
    // A quarter of both is used then: 75 of 100 are left, evenly as before.
    assert_eq!(score(Scorer::NodeResourcesFit), 75);
    assert_eq!(score(Scorer::NodeResourcesBalancedAllocation), 75);
    assert_eq!(*total, 75 + 75 + 300);
    assert_eq!(told(&mut scheduler, Pod::clone(&wanting)), "n3");
}

#[test]
fn equals_are_drawn_by_the_seed() {
    let mut scheduler = cluster((0..8).map(|number| node(&format!("n{number}"), &[])));
    let wanting = Arc::new(pod("p", &[], shape(100, GIB)));
    let mut drawn = std::collections::HashSet::new();
    for seed in 0..200 {
        drawn.insert(scheduler.schedule(&wanting, seed).unwrap().node);
    }
    assert_eq!(drawn.len(), 8);
}
