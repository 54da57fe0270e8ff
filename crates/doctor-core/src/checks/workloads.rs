//! Deployments, StatefulSets and DaemonSets, and how their Pods are placed.

pub(super) mod history;
pub(super) mod quota_by_class;
pub(super) mod replicas_together;
pub(super) mod stalled;
pub(super) mod unavailable;

#[cfg(test)]
mod tests;
