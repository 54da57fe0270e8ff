//! What was measured, where.

use serde::Serialize;

/// What was measured, where.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Before the cluster was started.
    pub(crate) load_average: f64,
    pub(crate) runs: usize,
}

impl Setting {
    /// Returns what stands above the tables.
    pub(crate) fn introduction(&self) -> String {
        let Self { machine, load_average, runs } = self;
        format!(
            "{machine}. Load average before the start: {load_average}. {runs} runs. The cluster is `stanchion up` with \
             simulated Nodes, on the same machine: its processors answer what is asked meanwhile. Memory is the most that \
             was resident, looked at each 5 ms. kubectl gets the same kinds in all namespaces as JSON, and judges nothing.\n"
        )
    }
}
