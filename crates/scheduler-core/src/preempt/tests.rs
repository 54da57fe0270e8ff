//! Who has to go, by tables.

use super::*;
use crate::cluster::Budget;
use crate::testing::{GIB, node, on, pod, selector, shape};

/// A Pod that takes a number of thousandths of a processor.
fn running(name: &str, priority: i32, milli_cpu: i64, started: i64) -> Pod {
    Pod { priority, started: Some(started), ..pod(name, &[("app", name)], shape(milli_cpu, GIB)) }
}

fn scheduler(nodes: &[(&str, &[Pod])]) -> Scheduler {
    let mut scheduler = Scheduler::new(None);
    for (name, pods) in nodes {
        scheduler.cluster.set_node(node(name, &[]));
        for pod in *pods {
            scheduler.cluster.set_pod(&on(name, pod.clone()));
        }
    }
    scheduler
}

fn wanting(priority: i32, milli_cpu: i64) -> Arc<Pod> {
    Arc::new(Pod { priority, ..pod("wanting", &[], shape(milli_cpu, GIB)) })
}

fn outcome(scheduler: &mut Scheduler, pod: &Arc<Pod>) -> Preemption {
    let diagnosis = scheduler.schedule(pod, 0).unwrap_err();
    scheduler.preempt(pod, &diagnosis, 0)
}

/// The node and the victims, or why there are none.
fn told(scheduler: &mut Scheduler, pod: &Arc<Pod>) -> String {
    match outcome(scheduler, pod) {
        Preemption::Possible(eviction) => {
            let names: Vec<&str> = eviction.victims.iter().map(|pod| pod.name.as_ref()).collect();
            format!("{}: {}", eviction.node, names.join(" "))
        }
        Preemption::NotEligible(why) => why.to_owned(),
        Preemption::NotHelpful(why) => why,
    }
}

#[test]
fn the_least_that_must_go_goes() {
    let pods = [running("a", 1, 1500, 1), running("b", 2, 1500, 2), running("c", 0, 1000, 3)];
    let mut scheduler = scheduler(&[("n1", &pods)]);
    assert_eq!(told(&mut scheduler, &wanting(5, 1000)), "n1: c");
    assert_eq!(told(&mut scheduler, &wanting(5, 1500)), "n1: a");
    assert_eq!(told(&mut scheduler, &wanting(5, 2500)), "n1: a c");
    assert_eq!(told(&mut scheduler, &wanting(5, 4000)), "n1: b a c");
}

#[test]
fn equals_never_go() {
    let mut scheduler =
        scheduler(&[("n1", &[running("a", 5, 4000, 1)]), ("n2", &[running("b", 6, 4000, 1)])]);
    assert_eq!(
        told(&mut scheduler, &wanting(5, 1000)),
        "0/2 nodes are available: 2 No preemption victims found for incoming pod."
    );
    scheduler.cluster.set_node(crate::Node { unschedulable: true, ..node("n3", &[]) });
    assert_eq!(
        told(&mut scheduler, &wanting(5, 1000)),
        "0/3 nodes are available: 1 Preemption is not helpful for scheduling, \
         2 No preemption victims found for incoming pod."
    );
    let mut meek = Pod::clone(&wanting(9, 1000));
    meek.preemption = PreemptionPolicy::Never;
    assert_eq!(told(&mut scheduler, &Arc::new(meek)), "not eligible due to preemptionPolicy=Never.");
}

#[test]
fn the_node_whose_victims_matter_least_is_chosen() {
    let full = |name: &str, priority, started| running(name, priority, 4000, started);
    let half = |name: &str, priority, started| running(name, priority, 2000, started);
    let table: [(&str, Vec<Pod>, Vec<Pod>, &str); 4] = [
        ("lower top", vec![full("a", 2, 1)], vec![full("b", 1, 1)], "n2: b"),
        ("smaller sum", vec![half("a", 2, 1), half("b", 2, 1)], vec![full("c", 2, 1)], "n2: c"),
        ("fewer", vec![half("a", -5, 1), half("b", -5, 1)], vec![full("c", -5, 1)], "n2: c"),
        ("later", vec![full("a", 1, 10)], vec![full("b", 1, 20)], "n2: b"),
    ];
    for (name, first, second, expected) in table {
        let mut scheduler = scheduler(&[("n1", &first), ("n2", &second)]);
        assert_eq!(told(&mut scheduler, &wanting(5, 4000)), expected, "{name}");
    }
}

#[test]
fn budgets_are_spared_where_possible() {
    let budget = |app: &str, allowed| Budget {
        namespace: "default".into(),
        name: app.into(),
        selector: selector(&format!("app={app}")),
        allowed,
        disrupted: Vec::new(),
    };
    let mut scheduler =
        scheduler(&[("n1", &[running("a", 0, 4000, 1)]), ("n2", &[running("b", 3, 4000, 1)])]);
    assert_eq!(told(&mut scheduler, &wanting(5, 4000)), "n1: a");
    scheduler.cluster.set_budget(budget("a", 0));
    assert_eq!(told(&mut scheduler, &wanting(5, 4000)), "n2: b");
    scheduler.cluster.set_budget(budget("a", 1));
    assert_eq!(told(&mut scheduler, &wanting(5, 4000)), "n1: a");
    scheduler.cluster.set_budget(Budget { disrupted: vec!["a".into()], ..budget("a", 0) });
    assert_eq!(told(&mut scheduler, &wanting(5, 4000)), "n1: a");
    scheduler.cluster.set_budget(budget("a", 0));
    scheduler.cluster.set_budget(budget("b", 0));
    let Preemption::Possible(eviction) = outcome(&mut scheduler, &wanting(5, 4000)) else {
        panic!("possible")
    };
    assert_eq!((eviction.node.as_ref(), eviction.violations), ("n1", 1));
    // On one node the one whose budget is used up stays if the other's going is enough.
    let pods = [running("a", 0, 2000, 1), running("c", 1, 2000, 1)];
    let mut scheduler = self::scheduler(&[("n1", &pods)]);
    scheduler.cluster.set_budget(budget("a", 0));
    assert_eq!(told(&mut scheduler, &wanting(5, 2000)), "n1: c");
}

#[test]
fn who_waits_for_victims_takes_no_more() {
    let mut scheduler = scheduler(&[("n1", &[running("a", 1, 4000, 1)])]);
    let wanting = wanting(5, 4000);
    scheduler.cluster.nominate(&wanting, &"n1".into());
    assert_eq!(told(&mut scheduler, &wanting), "n1: a");
    let mut going = Pod { preempted: true, ..running("a", 1, 4000, 1) };
    going.kin.terminating = true;
    scheduler.cluster.set_pod(&on("n1", going));
    let why = "not eligible due to a terminating pod on the nominated node.";
    assert_eq!(told(&mut scheduler, &wanting), why);
}

#[test]
fn the_less_important_lose_what_is_kept_for_them() {
    let mut scheduler = scheduler(&[("n1", &[running("a", 1, 4000, 1)])]);
    let other = Arc::new(Pod { uid: "other".into(), ..Pod::clone(&wanting(3, 4000)) });
    scheduler.cluster.nominate(&other, &"n1".into());
    let Preemption::Possible(eviction) = outcome(&mut scheduler, &wanting(5, 4000)) else {
        panic!("possible")
    };
    assert_eq!(eviction.displaced, [other]);
}
