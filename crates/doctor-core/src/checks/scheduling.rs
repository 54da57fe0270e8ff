//! How Pods get their nodes.

pub(super) mod anti_affinity;
pub(super) mod latency;
pub(super) mod pending;
pub(super) mod scoring;

/// The label by which each node is a place of its own.
const HOSTNAME: &str = "kubernetes.io/hostname";

#[cfg(test)]
mod tests;
