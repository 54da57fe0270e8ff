//! The figures of the report, and what the reference needs for them: a kube-apiserver 1.36 with etcd on another machine
//! of this size, two cores. It was measured there, not in the same run.

use stanchion_bench_kit::report::{Figure, figure, referred};

pub(crate) const READY: Figure = referred("start to ready", "ms", 1_000.0, "1 to 2.5 s");
pub(crate) const READY_FULL: Figure = figure("start to ready", "ms");
pub(crate) const EMPTY_MEMORY: Figure = referred("resident", "MB", 325.0, "");
pub(crate) const LOADED_MEMORY: Figure = referred("resident", "MB", 510.0, "with 5,000 Pods");
pub(crate) const CREATES: Figure = referred("against the reference", "1/s", 670.0, "");
pub(crate) const MEMORY: Figure = figure("resident", "MB");
pub(crate) const PEAK: Figure = figure("resident at most", "MB");
pub(crate) const THROUGHPUT: Figure = figure("throughput", "1/s");
pub(crate) const P50: Figure = figure("latency p50", "ms");
pub(crate) const P99: Figure = figure("latency p99", "ms");
pub(crate) const SERVER_CPU: Figure = figure("server CPU per request", "µs");
pub(crate) const CLIENT_CPU: Figure = figure("client CPU per request", "µs");
pub(crate) const LIST_TIME: Figure = figure("time", "ms");
pub(crate) const LIST_SIZE: Figure = figure("size", "MB");
pub(crate) const LIST_RATE: Figure = figure("rate", "MB/s");
pub(crate) const LIST_CPU: Figure = figure("server CPU", "ms");
pub(crate) const DELIVERED: Figure = figure("delivered", "%");
pub(crate) const SERVER_SHARE: Figure = figure("server CPU", "% of a core");
pub(crate) const WATCH_CLIENT_SHARE: Figure = figure("client CPU", "% of a core");
pub(crate) const CHURN_RATIO: Figure = figure("resident", "ratio");
