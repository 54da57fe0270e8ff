//! Scripts of what happens to Pods in the queue.

use super::*;
use crate::node::Node;
use crate::testing::{GIB, node, on, pod, shape};

fn waiting(name: &str, priority: i32) -> Arc<Pod> {
    Arc::new(Pod { priority, ..pod(name, &[], shape(1000, GIB)) })
}

fn popped(queue: &mut Queue, now: i64) -> Option<String> {
    queue.pop(now).map(|pod| pod.name.to_string())
}

#[test]
fn priority_goes_first_then_who_came_first() {
    let mut queue = Queue::default();
    for (name, priority) in [("a", 0), ("b", 10), ("c", 0), ("d", 10)] {
        queue.set(&waiting(name, priority), 5);
    }
    let order: Vec<_> = std::iter::from_fn(|| popped(&mut queue, 5)).collect();
    assert_eq!(order, ["b", "d", "a", "c"]);
    assert_eq!(queue.next(5), None);
}

#[test]
fn a_refused_pod_waits_for_what_helps_and_for_its_backoff() {
    let mut queue = Queue::default();
    queue.set(&waiting("a", 0), 0);
    queue.set(&waiting("other", 0), 0);
    assert_eq!(popped(&mut queue, 0).as_deref(), Some("a"));
    queue.refused("a", vec![Filter::NodeResourcesFit], 100);
    let small = Node { pods: 1, allocatable: crate::Resources::default(), ..node("n", &[]) };
    assert_eq!(queue.happened(&Happening::NodeAdded(&small), 200), 0);
    assert_eq!(queue.happened(&Happening::NodeAdded(&node("n", &[])), 200), 1);
    assert_eq!(queue.depths(), Depths { active: 1, backoff: 1, ..Depths::default() });
    assert_eq!(popped(&mut queue, 200).as_deref(), Some("other"));
    assert_eq!(popped(&mut queue, 300).as_deref(), Some("a"), "nothing else is to be done");
    queue.refused("a", vec![Filter::NodeResourcesFit], 300);
    let gone = on("n", pod("gone", &[], shape(0, 0)));
    assert_eq!(queue.happened(&Happening::PodGone(&gone), 3_000), 1);
    assert_eq!(queue.depths().active, 1, "the back-off of 2 s is over");
}

#[test]
fn errors_back_off_from_one_to_ten_seconds() {
    let mut queue = Queue::default();
    queue.set(&waiting("a", 0), 0);
    let mut now = 0;
    for wait in [1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
        assert_eq!(popped(&mut queue, now).as_deref(), Some("a"));
        queue.failed("a", now);
        assert_eq!(popped(&mut queue, now + wait - 1), None, "no early try after an error");
        assert_eq!(queue.next(now), Some(now + wait));
        now += wait;
    }
}

#[test]
fn after_five_minutes_a_pod_is_tried_anyway() {
    let mut queue = Queue::default();
    queue.set(&waiting("a", 0), 0);
    popped(&mut queue, 0);
    queue.refused("a", vec![Filter::NodeAffinity], 10);
    assert_eq!(queue.next(10), Some(10 + UNSCHEDULABLE_MOST));
    assert_eq!(popped(&mut queue, 9 + UNSCHEDULABLE_MOST), None);
    assert_eq!(popped(&mut queue, 10 + UNSCHEDULABLE_MOST).as_deref(), Some("a"));
}

#[test]
fn gates_keep_a_pod_out() {
    let mut queue = Queue::default();
    let gated = Arc::new(Pod { gates: vec!["example.com/wait".into()], ..Pod::clone(&waiting("a", 0)) });
    queue.set(&gated, 0);
    assert_eq!(popped(&mut queue, 0), None);
    assert_eq!(queue.depths().gated, 1);
    queue.activate("a");
    assert_eq!(popped(&mut queue, 0), None);
    queue.set(&waiting("a", 0), 1);
    assert_eq!(popped(&mut queue, 1).as_deref(), Some("a"));
}

#[test]
fn a_change_that_matters_has_a_pod_tried_again() {
    let mut queue = Queue::default();
    queue.set(&waiting("a", 0), 0);
    popped(&mut queue, 0);
    queue.refused("a", vec![Filter::NodeResourcesFit], 0);
    queue.set(&Arc::new(Pod { nominated: Some("n".into()), ..Pod::clone(&waiting("a", 0)) }), 1_500);
    assert_eq!(queue.depths().unschedulable, 1);
    queue.set(&Arc::new(pod("a", &[], shape(500, GIB))), 1_500);
    assert_eq!(queue.depths().active, 1);
}

#[test]
fn a_pod_that_is_out_can_change_and_go() {
    let mut queue = Queue::default();
    queue.set(&waiting("a", 0), 0);
    popped(&mut queue, 0);
    queue.set(&waiting("a", 7), 1);
    queue.failed("a", 2);
    assert_eq!(queue.pop(2_000).unwrap().priority, 7);
    queue.remove("a");
    queue.failed("a", 3_000);
    assert!(!queue.contains("a"));
    assert_eq!(queue.next(3_000), None);
}

#[test]
fn hints_match_filters() {
    let fit = [Filter::NodeResourcesFit];
    let wanting = waiting("a", 0);
    let (plain, cordoned) = (node("n", &[]), Node { unschedulable: true, ..node("n", &[]) });
    let placed = on("n", pod("b", &[("app", "db")], shape(0, 0)));
    let repelled =
        Arc::new(Pod { affinity: crate::testing::repels("app=db", "zone"), ..Pod::clone(&wanting) });
    let table = [
        (Happening::NodeAdded(&plain), &[Filter::NodeUnschedulable][..], &wanting, true),
        (Happening::NodeAdded(&cordoned), &[Filter::NodeUnschedulable], &wanting, false),
        (
            Happening::NodeChanged { old: &cordoned, new: &plain },
            &[Filter::NodeUnschedulable],
            &wanting,
            true,
        ),
        (Happening::NodeChanged { old: &cordoned, new: &plain }, &fit, &wanting, false),
        (Happening::PodPlaced(&placed), &fit, &wanting, false),
        (Happening::PodGone(&placed), &fit, &wanting, true),
        (Happening::PodGone(&placed), &[Filter::InterPodAffinity], &wanting, false),
        (Happening::PodGone(&placed), &[Filter::InterPodAffinity], &repelled, true),
        (Happening::Storage, &[Filter::VolumeBinding], &wanting, true),
        (Happening::Storage, &fit, &wanting, false),
        (Happening::Storage, &[], &wanting, true),
    ];
    for (number, (happening, filters, pod, expected)) in table.into_iter().enumerate() {
        assert_eq!(hint::helps(&happening, filters, pod), expected, "row {number}");
    }
}
