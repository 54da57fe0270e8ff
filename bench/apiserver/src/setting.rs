//! What was measured, where.

use serde::Serialize;

/// What was measured, where.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Before the first server was started.
    pub(crate) load_average: f64,
    pub(crate) subject: String,
    pub(crate) runs: usize,
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
}

impl Setting {
    /// Returns what stands above the tables.
    pub(crate) fn introduction(&self) -> String {
        let Self { machine, load_average, subject, runs, nodes, pods } = self;
        format!(
            "{subject}. {machine}. Load average before the start: {load_average}. {runs} runs, {nodes} Nodes, \
             {pods} Pods. The reference is kube-apiserver 1.36 with etcd on another machine with 2 cores.\n"
        )
    }
}
