//! Reads the facts of a cluster for a diagnosis.
//!
//! ```text
//!   sources (etcd, …) ──▶ collectors ──▶ Facts ──▶ stanchion-doctor-core: checks, findings
//! ```
//!
//! Each source is optional. Whatever cannot be read is noted with its reason, and goes on without; every read has a deadline.

mod certs;
mod cluster;
mod etcd;
mod progress;
mod prometheus;

pub use certs::{
    AnewError, CertificateOptions, ClusterCertificates, RenewError, RestartError, SwapError,
    read_certificates, renew_certificates, restart_static_pod, survey_certificates,
};
pub use cluster::repair::{Edited, ObjectError, TriedStep, UndoError, UndoNotes, quoted};
pub use cluster::{Cluster, KubeError, KubeOptions};
pub use etcd::{
    ClientCertificate, Done, Etcd, EtcdError, EtcdOptions, GrowthSource, Pauses, RepairError, SaveError,
    Saved, Tls, WeighError, WritePauses, expire_snapshots, snapshot_name,
};
pub use progress::{Progress, Standing};
pub use prometheus::{PrometheusError, PrometheusLogin, PrometheusOptions, read_prometheus};

/// Says in one line why something failed. What the API says is the end of it: its status would only be repeated.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let status = status(error);
        let said = status.map_or_else(|| error.to_string(), |one| format!("{} ({})", one.message, one.code));
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = if status.is_some() { None } else { error.source() };
    }
    text
}

/// Returns the status that the API answered with.
fn status<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a kube::core::Status> {
    let boxed = error.downcast_ref::<Box<kube::Error>>().map(|error| &**error);
    match error.downcast_ref::<kube::Error>().or(boxed)? {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}
