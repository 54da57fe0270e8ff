//! A node with its Pods and what they use.

use std::sync::Arc;

use crate::node::Node;
use crate::pod::{HostPort, Pod};
use crate::resources::Resources;

/// A node with its Pods.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) node: Arc<Node>,
    pub(crate) pods: Vec<Arc<Pod>>,
    pub(crate) used: Resources,
    pub(crate) scored_cpu: i64,
    pub(crate) scored_memory: i64,
    pub(crate) ports: Vec<HostPort>,
}

impl Slot {
    pub(super) fn new(node: Arc<Node>) -> Self {
        let used = Resources::default();
        Self { node, pods: Vec::new(), used, scored_cpu: 0, scored_memory: 0, ports: Vec::new() }
    }

    pub(super) fn add(&mut self, pod: Arc<Pod>) {
        let request = &pod.shape.request;
        self.used.add(&request.exact);
        self.scored_cpu += request.scored_cpu;
        self.scored_memory += request.scored_memory;
        self.ports.extend(pod.shape.ports.iter().cloned());
        self.pods.push(pod);
    }

    pub(super) fn remove(&mut self, uid: &str) {
        let Some(at) = self.pods.iter().position(|pod| pod.uid.as_ref() == uid) else { return };
        let pod = self.pods.swap_remove(at);
        let request = &pod.shape.request;
        self.used.subtract(&request.exact);
        self.scored_cpu -= request.scored_cpu;
        self.scored_memory -= request.scored_memory;
        for port in &pod.shape.ports {
            if let Some(at) = self.ports.iter().position(|have| have == port) {
                self.ports.swap_remove(at);
            }
        }
    }
}
