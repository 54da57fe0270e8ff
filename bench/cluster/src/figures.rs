//! The figures of the report, and what the reference needs for them.

use stanchion_bench_kit::report::{Figure, figure, referred};

/// For 1,000 Nodes and 5,000 Pods.
pub(crate) const ALL_BOUND: Figure = referred("apply to all bound", "s", 26.0, "");
pub(crate) const ALL_BOUND_OTHERWISE: Figure = figure("apply to all bound", "s");
pub(crate) const ALL_READY: Figure = figure("apply to all Ready", "s");
pub(crate) const BOUND_RATE: Figure = figure("Pods bound", "1/s");
pub(crate) const BOUND_CPU: Figure = figure("processor time until all are bound", "s");
pub(crate) const PEAK: Figure = figure("resident at most", "MB");
pub(crate) const NODES_READY: Figure = figure("start to all Nodes Ready", "s");
pub(crate) const REST_SHARE: Figure = figure("processor", "% of a core");
pub(crate) const REST_MEMORY: Figure = referred("resident", "MB", 520.0, "without a Node");
pub(crate) const REST_MEMORY_OTHERWISE: Figure = figure("resident", "MB");
pub(crate) const ANSWERS: Figure = figure("start to the first answer", "ms");
pub(crate) const POD_READY: Figure = figure("start to a Ready Pod", "ms");
