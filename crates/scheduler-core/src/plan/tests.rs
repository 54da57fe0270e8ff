//! What a plan remembers is what would be found out anew.

use super::*;
use crate::node::Image;
use crate::testing::{GIB, node, on, pod, shape};

#[test]
fn a_plan_follows_changes() {
    let mut cluster = Cluster::default();
    cluster.set_node(node("n1", &[]));
    cluster.set_node(node("n2", &[]));
    let wanting = Arc::new(shape(3000, GIB));
    let mut plans = Plans::default();
    let fits = |plans: &mut Plans, cluster: &Cluster| -> Vec<bool> {
        let plan = plans.of(&wanting, cluster);
        (0..cluster.bound()).map(|index| plan.cell(index).fits).collect()
    };
    assert_eq!(fits(&mut plans, &cluster), [true, true]);
    cluster.set_pod(&on("n2", pod("a", &[], shape(2000, GIB))));
    assert_eq!(fits(&mut plans, &cluster), [true, false]);
    cluster.set_node(Node { unschedulable: true, ..node("n1", &[]) });
    assert_eq!(fits(&mut plans, &cluster), [false, false]);
    cluster.remove_pod("a");
    cluster.set_node(node("n3", &[]));
    assert_eq!(fits(&mut plans, &cluster), [false, true, true]);
}

#[test]
fn old_plans_go_when_there_are_too_many() {
    let mut cluster = Cluster::default();
    cluster.set_node(node("n1", &[]));
    let mut plans = Plans::default();
    for number in 0..2000 {
        plans.of(&Arc::new(shape(number, GIB)), &cluster);
        assert!(plans.by_shape.len() <= MAX_PLANS);
    }
}

#[test]
fn room_and_balance_follow_the_formulas() {
    // processors and memory in use and asked for (of 4000 and 16 GiB); what is left; how even
    let table = [
        ((0, 0), (1000, 4 * GIB), 75, 75),
        ((2000, 0), (1000, 4 * GIB), 50, 75),
        ((0, 8 * GIB), (2000, 0), 49, 87),
        ((0, 0), (4000, 0), 49, 50),
    ];
    for ((cpu, memory), (asked_cpu, asked_memory), left, even) in table {
        let mut cluster = Cluster::default();
        cluster.set_node(node("n1", &[]));
        if cpu + memory > 0 {
            let mut used = shape(cpu, memory);
            (used.request.scored_cpu, used.request.scored_memory) = (cpu, memory);
            cluster.set_pod(&on("n1", pod("a", &[], used)));
        }
        let cell = *Plans::default().of(&Arc::new(shape(asked_cpu, asked_memory)), &cluster).cell(0);
        assert_eq!((cell.room, cell.balance), (left, even), "{cpu} {memory} {asked_cpu} {asked_memory}");
    }
}

#[test]
fn images_count_by_size_and_spread() {
    let image = |size: i64| vec![Image { names: vec!["registry/app:1".into()], size: size << 20 }];
    let table = [(23, 1, 0), (1000, 2, 100), (1000, 1, 48), (2000, 1, 100), (10, 2, 0)];
    for (size, nodes, expected) in table {
        let mut cluster = Cluster::default();
        cluster.set_node(Node { images: image(size), ..node("n1", &[]) });
        let other = if nodes == 2 { image(size) } else { Vec::new() };
        cluster.set_node(Node { images: other, ..node("n2", &[]) });
        let cell = *Plans::default().of(&Arc::new(shape(100, GIB)), &cluster).cell(0);
        assert_eq!(cell.images, expected, "{size} MiB on {nodes} nodes");
    }
}
