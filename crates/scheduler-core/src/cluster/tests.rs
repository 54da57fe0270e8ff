//! The books are kept: what comes and goes leaves nothing behind.

use super::*;
use crate::pod::HostPort;
use crate::resources::Resources;
use crate::testing::{GIB, labels, node, on, pod, repels, selector, shape};

/// What a cluster is, without the order in which it became so.
fn fingerprint(cluster: &mut Cluster) -> String {
    let mut nodes: Vec<String> = Vec::new();
    for (_, slot) in cluster.slots.iter() {
        let mut pods: Vec<&str> = slot.pods.iter().map(|pod| pod.uid.as_ref()).collect();
        pods.sort_unstable();
        let mut ports = slot.ports.clone();
        ports.sort_unstable_by_key(|port| (port.port, port.protocol.clone()));
        let Slot { node, used, scored_cpu, scored_memory, .. } = slot;
        nodes.push(format!("{} {pods:?} {used:?} {scored_cpu} {scored_memory} {ports:?}", node.name));
    }
    nodes.sort_unstable();
    let everyone = Others { namespaces: Namespaces::only(&"default".into()), selector: selector("app=db") };
    let tally = cluster.census.tally_id(&Query { all: vec![everyone], terminating: true });
    let tally = cluster.census.tally(tally).to_vec();
    let mut claims: Vec<_> = cluster.claims.iter().collect();
    claims.sort_unstable();
    let kin = pod("x", &[("app", "db")], shape(0, 0)).kin;
    let holds = cluster.census.holds_about(&kin).len();
    format!("{nodes:?} {tally:?} {claims:?} {holds} {}", cluster.pods.len())
}

fn small() -> Cluster {
    let mut cluster = Cluster::default();
    cluster.set_node(node("n1", &[]));
    cluster.set_node(node("n2", &[]));
    cluster.set_pod(&on("n1", pod("old", &[("app", "db")], shape(500, GIB))));
    cluster
}

fn rich() -> Arc<Pod> {
    let port = HostPort { ip: None, protocol: "TCP".into(), port: 80 };
    let mut shape = shape(250, GIB);
    shape.ports.push(port);
    shape.request.exact.add_extended(&"example.com/gpu".into(), 1);
    let mut new = pod("new", &[("app", "db")], shape);
    new.claims.push("data".into());
    new.affinity = repels("app=db", crate::HOSTNAME);
    Arc::new(new)
}

#[test]
fn forgetting_an_assumption_leaves_the_state_as_before() {
    let mut cluster = small();
    let before = fingerprint(&mut cluster);
    cluster.assume(&rich(), &"n2".into(), VolumePlan::default());
    assert!(cluster.is_assumed("new"));
    assert_ne!(fingerprint(&mut cluster), before);
    cluster.forget("new");
    assert_eq!(fingerprint(&mut cluster), before);
}

#[test]
fn a_confirmed_assumption_counts_once_and_is_not_forgotten() {
    let mut cluster = small();
    cluster.assume(&rich(), &"n2".into(), VolumePlan::default());
    let assumed = fingerprint(&mut cluster);
    let changes = cluster.now();
    let confirmed = Arc::new(Pod { node: Some("n2".into()), ..Pod::clone(&rich()) });
    cluster.set_pod(&confirmed);
    assert_eq!(fingerprint(&mut cluster), assumed);
    assert_eq!(cluster.now(), changes, "no node has changed");
    assert!(!cluster.is_assumed("new"));
    cluster.forget("new");
    assert_eq!(fingerprint(&mut cluster), assumed);
}

#[test]
fn an_assumption_that_turns_out_otherwise_moves() {
    let mut cluster = small();
    cluster.assume(&rich(), &"n2".into(), VolumePlan::default());
    cluster.set_pod(&on("n1", Pod::clone(&rich())));
    assert_eq!(cluster.place("new").unwrap().as_ref(), "n1");
    assert_eq!(cluster.slot(cluster.index("n2").unwrap()).pods.len(), 0);
}

#[test]
fn pods_wait_for_their_node() {
    let mut cluster = Cluster::default();
    cluster.set_pod(&on("n1", pod("early", &[("app", "db")], shape(500, GIB))));
    cluster.set_node(node("n1", &[]));
    assert_eq!(cluster.slot(cluster.index("n1").unwrap()).used.milli_cpu, 500);
    let before = fingerprint(&mut cluster);
    cluster.remove_node("n1");
    assert_eq!(cluster.nodes(), 0);
    cluster.set_node(node("n1", &[]));
    assert_eq!(fingerprint(&mut cluster), before);
    cluster.remove_node("n1");
    cluster.remove_pod("early");
    cluster.set_node(node("n1", &[]));
    assert_eq!(cluster.slot(cluster.index("n1").unwrap()).used.milli_cpu, 0);
}

#[test]
fn a_pod_that_changes_is_counted_as_it_is_now() {
    let mut cluster = small();
    cluster.set_pod(&on("n1", pod("old", &[("app", "web")], shape(700, GIB))));
    assert_eq!(cluster.slot(cluster.index("n1").unwrap()).used.milli_cpu, 700);
    cluster.remove_pod("old");
    assert_eq!(cluster.slot(cluster.index("n1").unwrap()).used, Resources::default());
}

#[test]
fn labels_of_namespaces_matter_as_they_are() {
    let mut cluster = small();
    let namespaces = Namespaces { names: Vec::new(), selector: Some(selector("team=a")) };
    let query = Query { all: vec![Others { namespaces, selector: selector("app=db") }], terminating: true };
    let sum = |cluster: &mut Cluster| {
        let tally = cluster.census.tally_id(&query);
        cluster.census.tally(tally).iter().sum::<u32>()
    };
    assert_eq!(sum(&mut cluster), 0);
    cluster.set_namespace(&"default".into(), labels(&[("team", "a")]));
    assert_eq!(sum(&mut cluster), 1);
    cluster.remove_namespace(&"default".into());
    assert_eq!(sum(&mut cluster), 0);
}

#[test]
fn the_log_of_changes_forgets_what_is_old() {
    let mut cluster = small();
    let then = cluster.now();
    cluster.remove_pod("old");
    assert_eq!(cluster.changed_since(then).unwrap().len(), 1);
    for _ in 0..1000 {
        cluster.assume(&rich(), &"n2".into(), VolumePlan::default());
        cluster.forget("new");
    }
    assert!(cluster.changed_since(then).is_none());
    assert!(cluster.changes.len() < 1000);
}
