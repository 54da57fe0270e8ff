//! Random clusters: what is decided on the indexes is what the reference decides.

use proptest::prelude::*;

use super::reference::World;
use super::*;
use crate::node::{Image, PreferredNodes, Tolerated, Toleration};
use crate::preempt::Preemption;
use crate::relation::{Inclusion, Namespaces, Others, SpreadConstraint, Term, Unsatisfiable, Weighted};

const APPS: [&str; 3] = ["db", "web", "job"];
const KEYS: [&str; 3] = [crate::HOSTNAME, ZONE, "rack"];

fn any_taints() -> impl Strategy<Value = Vec<Taint>> {
    let effect = prop_oneof![Just(Effect::NoSchedule), Just(Effect::PreferNoSchedule)];
    let taint = (prop_oneof![Just("k1"), Just("k2")], effect).prop_map(|(key, effect)| Taint {
        key: key.into(),
        value: "v".into(),
        effect,
    });
    prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(taint, 1..3)]
}

fn any_node(number: usize) -> impl Strategy<Value = Node> {
    let zone = prop_oneof![4 => prop::sample::select(vec!["a", "b", "c"]).prop_map(Some), 1 => Just(None)];
    let rack = prop::option::of(prop::sample::select(vec!["r1", "r2"]));
    let image = prop::option::of(Just(Image { names: vec!["registry/app:1".into()], size: 700 << 20 }));
    (zone, rack, any_taints(), prop::bool::weighted(0.1), 1_i64..5, 2_i64..9, image).prop_map(
        move |(zone, rack, taints, unschedulable, cpus, gib, image)| {
            let name = format!("n{number}");
            let mut pairs = Vec::new();
            pairs.extend(zone.map(|zone| (ZONE, zone)));
            pairs.extend(rack.map(|rack| ("rack", rack)));
            let mut node = node(&name, &pairs);
            node.allocatable.milli_cpu = cpus * 1000;
            node.allocatable.memory = gib * GIB;
            node.pods = 4;
            Node { taints, unschedulable, images: image.into_iter().collect(), ..node }
        },
    )
}

fn any_app() -> impl Strategy<Value = &'static str> {
    prop::sample::select(APPS.to_vec())
}

fn any_term() -> impl Strategy<Value = Term> {
    let namespaces = prop_oneof![
        3 => Just(Namespaces { names: vec!["default".into()], selector: None }),
        1 => Just(Namespaces { names: vec![], selector: Some(selector("")) }),
        1 => Just(Namespaces { names: vec!["other".into()], selector: None }),
    ];
    (any_app(), prop::sample::select(KEYS.to_vec()), namespaces).prop_map(|(app, key, namespaces)| Term {
        others: Others { namespaces, selector: selector(&format!("app={app}")) },
        topology_key: key.into(),
    })
}

fn any_affinity() -> impl Strategy<Value = Affinity> {
    let few = || prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(any_term(), 1..3)];
    let wishes = || {
        let wish = (1..100_i32, any_term()).prop_map(|(weight, term)| Weighted { weight, term });
        prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(wish, 1..3)]
    };
    (few(), wishes(), few(), wishes()).prop_map(|(required, preferred, anti_required, anti_preferred)| {
        Affinity { required, preferred, anti_required, anti_preferred }
    })
}

fn any_spread() -> impl Strategy<Value = Spread> {
    let inclusion = || prop_oneof![Just(Inclusion::Honor), Just(Inclusion::Ignore)];
    let hardness = prop_oneof![Just(Unsatisfiable::DoNotSchedule), Just(Unsatisfiable::ScheduleAnyway)];
    let constraint = (
        1..3_i32,
        prop::sample::select(KEYS.to_vec()),
        hardness,
        any_app(),
        1..4_usize,
        inclusion(),
        inclusion(),
    )
        .prop_map(|(max_skew, key, unsatisfiable, app, min_domains, node_affinity, node_taints)| {
            SpreadConstraint {
                max_skew,
                topology_key: key.into(),
                unsatisfiable,
                selector: selector(&format!("app={app}")),
                min_domains,
                node_affinity,
                node_taints,
            }
        });
    prop_oneof![
        3 => Just(Spread::default()),
        1 => any_app().prop_map(|app| Spread::by_default(&selector(&format!("app={app}")))),
        2 => prop::collection::vec(constraint, 1..3)
            .prop_map(|constraints| Spread { constraints, by_default: false }),
    ]
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let term = |text: &str| NodeTerm { labels: selector(text), names: Vec::new() };
    let terms = prop_oneof![
        5 => Just(None),
        1 => Just(Some(vec![term("rack=r1")])),
        1 => Just(Some(vec![term("rack=r2"), term(&format!("{ZONE} in (a,b)"))])),
    ];
    let preferred = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![
            PreferredNodes { weight: 10, term: term(&format!("{ZONE}=a")) },
            PreferredNodes { weight: 30, term: term("rack") },
        ]),
    ];
    let toleration = Toleration { key: Some("k1".into()), values: Tolerated::Exists, effect: None };
    let tolerations = prop_oneof![2 => Just(vec![]), 1 => Just(vec![toleration])];
    let port = HostPort { ip: None, protocol: "TCP".into(), port: 80 };
    let ports = prop_oneof![5 => Just(vec![]), 1 => Just(vec![port])];
    (0..5_i64, 0..3_i64, terms, preferred, tolerations, ports).prop_map(
        |(cpu, gib, terms, preferred, tolerations, ports)| {
            let mut shape = shape(cpu * 500, gib * GIB);
            shape.nodes.terms = terms;
            Shape { preferred, tolerations, ports, ..shape }
        },
    )
}

fn any_pod() -> impl Strategy<Value = Pod> {
    let namespace = prop_oneof![4 => Just("default"), 1 => Just("other")];
    let parts = (any_app(), namespace, any_shape(), any_spread(), any_affinity());
    (parts, 0..3_i32, prop::bool::weighted(0.1), 0..4_i64).prop_map(
        |((app, namespace, shape, spread, affinity), priority, terminating, started)| {
            let mut pod = pod("p", &[("app", app)], shape);
            pod.kin.namespace = namespace.into();
            pod.kin.terminating = terminating;
            let (spread, affinity) = (Arc::new(spread), Arc::new(affinity));
            Pod { spread, affinity, priority, started: Some(started), ..pod }
        },
    )
}

/// What is done to a cluster between decisions.
#[derive(Clone, Debug)]
enum Step {
    /// A Pod is placed on the node of this number, whether it fits or not.
    Place(Pod, usize),
    /// The Pod of this number goes.
    Remove(usize),
    /// The node of this number becomes another.
    Change(usize, Node),
    /// The node of this number goes and comes back.
    Flap(usize),
    /// A decision is made and carried out.
    Decide(Pod),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any_pod(), 0..6_usize).prop_map(|(pod, node)| Step::Place(pod, node)),
        1 => (0..20_usize).prop_map(Step::Remove),
        1 => (0..6_usize).prop_flat_map(|n| any_node(n).prop_map(move |node| Step::Change(n, node))),
        1 => (0..6_usize).prop_map(Step::Flap),
        4 => any_pod().prop_map(Step::Decide),
    ]
}

fn any_nodes() -> impl Strategy<Value = Vec<Node>> {
    (2..6_usize).prop_flat_map(|count| (0..count).map(any_node).collect::<Vec<_>>())
}

/// Compares one decision with the reference.
fn agree(scheduler: &mut Scheduler, world: &World, pod: &Arc<Pod>, seed: u64) -> Option<Arc<str>> {
    let explanation = scheduler.explain(pod).unwrap();
    let passed: Vec<&Node> = world.nodes.iter().filter(|node| world.refused(pod, node).is_none()).collect();
    let scores = world.scores(pod, &passed);
    for node in &world.nodes {
        let (_, verdict) = explanation.nodes.iter().find(|(name, _)| *name == node.name).unwrap();
        match (world.refused(pod, node), verdict) {
            (Some(filter), Verdict::Refused(refusal)) => {
                assert_eq!(refusal.filter(), filter, "{}", node.name);
            }
            (None, Verdict::Passed { scores: got, .. }) => {
                let row = passed.iter().position(|have| have.name == node.name).unwrap();
                let got: Vec<i64> = got.iter().map(|(_, score)| *score).collect();
                assert_eq!(got, scores[row], "{}", node.name);
            }
            (expected, got) => panic!("{}: {expected:?} {got:?}", node.name),
        }
    }
    let total = |row: &[i64; 7]| -> i64 {
        Scorer::ALL.iter().zip(row).map(|(scorer, score)| scorer.weight() * score).sum()
    };
    let most = scores.iter().map(total).max();
    match scheduler.schedule(pod, seed) {
        Ok(placement) => {
            let row = passed.iter().position(|node| node.name == placement.node).expect("one that passed");
            assert_eq!(Some(total(&scores[row])), most);
            Some(placement.node)
        }
        Err(diagnosis) => {
            assert!(passed.is_empty());
            let mut filters: Vec<Filter> =
                world.nodes.iter().filter_map(|node| world.refused(pod, node)).collect();
            filters.sort_unstable();
            filters.dedup();
            assert_eq!(diagnosis.filters(), filters);
            None
        }
    }
}

fn place(cluster: &mut Cluster, world: &mut World, pod: Pod) {
    cluster.set_pod(&Arc::new(pod.clone()));
    world.placed.push(pod);
}

/// Does a step to both.
fn take(scheduler: &mut Scheduler, world: &mut World, step: Step, number: usize) {
    let uid: Arc<str> = format!("p{number}").into();
    match step {
        Step::Place(pod, at) => {
            let node = Arc::clone(&world.nodes[at % world.nodes.len()].name);
            place(&mut scheduler.cluster, world, Pod { uid, node: Some(node), ..pod });
        }
        Step::Remove(at) => {
            if !world.placed.is_empty() {
                let gone = world.placed.swap_remove(at % world.placed.len());
                scheduler.cluster.remove_pod(&gone.uid);
            }
        }
        Step::Change(at, node) => {
            let at = at % world.nodes.len();
            let name = Arc::clone(&world.nodes[at].name);
            world.nodes[at] = Node { name, ..node };
            scheduler.cluster.set_node(world.nodes[at].clone());
        }
        Step::Flap(at) => {
            let node = world.nodes[at % world.nodes.len()].clone();
            scheduler.cluster.remove_node(&node.name);
            scheduler.cluster.set_node(node);
        }
        Step::Decide(pod) => {
            let pod = Arc::new(Pod { uid, ..pod });
            let before = scheduler.cluster.pods();
            if let Some(node) = agree(scheduler, world, &pod, number as u64) {
                scheduler.cluster.assume(&pod, &node, VolumePlan::default());
                if number.is_multiple_of(3) {
                    scheduler.cluster.forget(&pod.uid);
                } else {
                    world.placed.push(Pod { node: Some(node), ..Pod::clone(&pod) });
                }
            } else {
                let diagnosis = scheduler.schedule(&pod, 0).unwrap_err();
                check_preemption(scheduler, world, &pod, &diagnosis);
            }
            assert!(scheduler.cluster.pods() <= before + 1);
        }
    }
}

/// Victims are less important, and without them the Pod has a place there.
fn check_preemption(scheduler: &mut Scheduler, world: &World, pod: &Arc<Pod>, diagnosis: &Diagnosis) {
    let Preemption::Possible(eviction) = scheduler.preempt(pod, diagnosis, 7) else { return };
    assert!(!eviction.victims.is_empty());
    assert!(eviction.victims.iter().all(|victim| victim.priority < pod.priority));
    let node = world.nodes.iter().find(|node| node.name == eviction.node).unwrap();
    let is_victim = |pod: &Pod| eviction.victims.iter().any(|victim| victim.uid == pod.uid);
    let mut without = world.clone();
    without.placed.retain(|pod| !is_victim(pod));
    assert_eq!(without.refused(pod, node), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decisions_are_those_of_the_reference(
        nodes in any_nodes(),
        steps in prop::collection::vec(any_step(), 1..25),
        last in any_pod(),
    ) {
        let mut scheduler = Scheduler::new(None);
        let mut world = World { nodes, placed: Vec::new() };
        for node in &world.nodes {
            scheduler.cluster.set_node(node.clone());
        }
        for (number, step) in steps.into_iter().enumerate() {
            take(&mut scheduler, &mut world, step, number);
        }
        agree(&mut scheduler, &world, &Arc::new(last), 1);
    }
}
