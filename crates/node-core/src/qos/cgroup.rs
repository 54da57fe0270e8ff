//! The values of cgroups, version 1 and 2.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::resources::{Amount, Resources};

/// The period over which processor time is counted out, in microseconds.
pub const PERIOD_MICROS: i64 = 100_000;
/// The least quota the kernel takes, in microseconds.
const MIN_QUOTA_MICROS: i64 = 1000;
/// The bounds of `cpu.shares`.
const SHARES: (i64, i64) = (2, 262_144);

/// How much processor time there is in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuQuota {
    /// The time, in microseconds.
    pub quota_micros: i64,
    /// The period, in microseconds.
    pub period_micros: i64,
}

/// The values of one cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `cpu.shares` of version 1.
    pub cpu_shares: i64,
    /// `cpu.weight` of version 2.
    pub cpu_weight: i64,
    /// `cpu.cfs_quota_us` and `cpu.max`; no limit if none.
    pub cpu_quota: Option<CpuQuota>,
    /// `memory.limit_in_bytes` and `memory.max`; no limit if none.
    pub memory: Option<i64>,
}

/// Returns the shares for thousandths of a processor.
pub fn shares(milli: i64) -> i64 {
    (milli.max(0).saturating_mul(1024) / 1000).clamp(SHARES.0, SHARES.1)
}

/// Returns the weight of version 2 for shares of version 1.
pub fn weight(shares: i64) -> i64 {
    1 + (shares.clamp(SHARES.0, SHARES.1) - 2) * 9999 / 262_142
}

/// Returns the quota for thousandths of a processor; none for none.
pub fn quota(milli: i64) -> Option<CpuQuota> {
    let quota_micros = (milli.saturating_mul(PERIOD_MICROS) / 1000).max(MIN_QUOTA_MICROS);
    (milli > 0).then_some(CpuQuota { quota_micros, period_micros: PERIOD_MICROS })
}

impl Limits {
    /// Computes the values of a container. What has a limit but no request requests the limit.
    pub fn of_container(container: &Container) -> Self {
        let resources = Resources::of(container.resources.as_ref());
        let request = resources.request(Amount::Cpu).or(resources.limit(Amount::Cpu)).unwrap_or(0);
        Self::new(request, resources.limit(Amount::Cpu), resources.limit(Amount::Memory))
    }

    /// Computes the values of a Pod: as it says itself, else the sum over its containers. A limit holds for the
    /// whole only if every container has one.
    pub fn of_pod(spec: &PodSpec) -> Self {
        let total = Resources::of_pod(spec);
        let request = total.request(Amount::Cpu).unwrap_or(0);
        Self::new(request, total.limit(Amount::Cpu), total.limit(Amount::Memory))
    }

    fn new(request: i64, cpu: Option<i64>, memory: Option<i64>) -> Self {
        let cpu_shares = shares(request);
        let cpu_quota = cpu.and_then(quota);
        let memory = memory.filter(|limit| *limit > 0);
        Self { cpu_shares, cpu_weight: weight(cpu_shares), cpu_quota, memory }
    }
}
