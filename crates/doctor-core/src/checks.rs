//! All checks.

mod age;
mod api;
mod budgets;
mod certs;
mod databases;
pub(crate) mod dns;
mod etcd;
mod exemptions;
#[cfg(test)]
pub(crate) mod given;
mod ingress;
mod jobs;
mod nodes;
pub(crate) mod pods;
mod prometheus;
mod releases;
mod scheduling;
mod services;
mod shell;
mod source;
pub(crate) mod volumes;
mod workloads;

use crate::check::Check;

/// All checks, in the order of their ids.
pub const ALL: &[&Check] = &[
    &api::deprecated::CHECK,
    &budgets::blocking::CHECK,
    &budgets::empty::CHECK,
    &budgets::missing::CHECK,
    &budgets::overlapping::CHECK,
    &certs::chain::CHECK,
    &certs::expiry::CHECK,
    &certs::key::CHECK,
    &certs::kubelet_rotation::CHECK,
    &certs::names::CHECK,
    &dns::ndots::CHECK,
    &dns::replicas::CHECK,
    &etcd::alarm::CHECK,
    &etcd::commit::CHECK,
    &etcd::compaction::CHECK,
    &etcd::fillers::CHECK,
    &etcd::fragmentation::CHECK,
    &etcd::fsync::CHECK,
    &etcd::growth::CHECK,
    &etcd::member::CHECK,
    &etcd::quorum::CHECK,
    &etcd::snapshot::CHECK,
    &etcd::space::CHECK,
    &etcd::timing::CHECK,
    &etcd::version::CHECK,
    &exemptions::expired::CHECK,
    &ingress::limits::CHECK,
    &ingress::retired::CHECK,
    &jobs::cronjob::CHECK,
    &jobs::no_deadline::CHECK,
    &jobs::no_ttl::CHECK,
    &nodes::eviction::CHECK,
    &nodes::image_gc::CHECK,
    &nodes::pod_addresses::CHECK,
    &nodes::pressure::CHECK,
    &nodes::ready::CHECK,
    &nodes::reserved::CHECK,
    &pods::crashing::CHECK,
    &pods::database_priority::CHECK,
    &pods::grace_period::CHECK,
    &pods::liveness_is_readiness::CHECK,
    &pods::liveness_on_database::CHECK,
    &pods::moving_tag::CHECK,
    &pods::not_starting::CHECK,
    &pods::qos_order::CHECK,
    &pods::resources::CHECK,
    &pods::shell_as_first_process::CHECK,
    &pods::startup_budget::CHECK,
    &pods::temp_space::CHECK,
    &prometheus::labels::CHECK,
    &prometheus::series::CHECK,
    &releases::pending::CHECK,
    &releases::pile::CHECK,
    &scheduling::anti_affinity::CHECK,
    &scheduling::latency::CHECK,
    &scheduling::pending::CHECK,
    &scheduling::scoring::CHECK,
    &services::no_endpoints::CHECK,
    &volumes::stuck::CHECK,
    &workloads::history::CHECK,
    &workloads::quota_by_class::CHECK,
    &workloads::replicas_together::CHECK,
    &workloads::stalled::CHECK,
    &workloads::unavailable::CHECK,
];

/// Returns the check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    ALL.iter().copied().find(|check| check.id == id)
}

#[cfg(test)]
mod tests;
