//! The filters that look at one node and nothing else, in the order in which they are asked.

use std::sync::Arc;

use crate::cluster::Slot;
use crate::pod::Shape;
use crate::refusal::{Refusal, Shortage};

/// Returns why a node is refused for what can be seen of it alone.
pub(crate) fn refusal(shape: &Shape, slot: &Slot) -> Option<Refusal> {
    standing(shape, slot).or_else(|| usage(shape, slot))
}

/// The filters whose answer does not change with the Pods of the node.
fn standing(shape: &Shape, slot: &Slot) -> Option<Refusal> {
    let node = &slot.node;
    if node.is_cordoned(&shape.tolerations) {
        return Some(Refusal::Cordoned);
    }
    if shape.node_name.as_ref().is_some_and(|name| *name != node.name) {
        return Some(Refusal::OtherName);
    }
    if let Some(taint) = node.untolerated(&shape.tolerations) {
        let taint = &node.taints[taint];
        return Some(Refusal::Taint { key: Arc::clone(&taint.key), value: Arc::clone(&taint.value) });
    }
    (!shape.nodes.matches(node)).then_some(Refusal::Affinity)
}

/// The filters whose answer does.
fn usage(shape: &Shape, slot: &Slot) -> Option<Refusal> {
    if shape.ports.iter().any(|port| slot.ports.iter().any(|taken| taken.conflicts(port))) {
        return Some(Refusal::Ports);
    }
    resources(shape, slot)
}

fn resources(shape: &Shape, slot: &Slot) -> Option<Refusal> {
    let (request, allocatable, used) = (&shape.request, &slot.node.allocatable, &slot.used);
    let mut short = Vec::new();
    let mut ever = false;
    if i64::try_from(slot.pods.len()).is_ok_and(|pods| pods >= slot.node.pods) {
        short.push(Shortage::Pods);
    }
    if !request.is_nothing() {
        let exact = &request.exact;
        let mut ask = |name: &dyn Fn() -> Arc<str>, wanted: i64, all: i64, taken: i64| {
            if wanted > 0 && wanted > all - taken {
                short.push(Shortage::Resource(name()));
                ever |= wanted > all;
            }
        };
        ask(&|| "cpu".into(), exact.milli_cpu, allocatable.milli_cpu, used.milli_cpu);
        ask(&|| "memory".into(), exact.memory, allocatable.memory, used.memory);
        ask(&|| "ephemeral-storage".into(), exact.ephemeral, allocatable.ephemeral, used.ephemeral);
        for (name, wanted) in &exact.extended {
            ask(&|| Arc::clone(name), *wanted, allocatable.extended(name), used.extended(name));
        }
    }
    (!short.is_empty()).then_some(Refusal::Resources { short, ever })
}
