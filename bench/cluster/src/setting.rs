//! What was measured, where.

use serde::Serialize;

/// What was measured, where.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Before the first cluster was started.
    pub(crate) load_average: f64,
    pub(crate) subject: String,
    pub(crate) runs: usize,
}

impl Setting {
    /// Returns what stands above the tables.
    pub(crate) fn introduction(&self) -> String {
        let Self { machine, load_average, subject, runs } = self;
        format!(
            "{subject}. {machine}. Load average before the start: {load_average}. {runs} runs. The reference is \
             Kubernetes 1.36 on another machine with 2 cores: kube-scheduler without its limit of requests, beside \
             kube-apiserver and etcd; at rest also kube-controller-manager.\n"
        )
    }
}
