//! Reads the facts of a cluster for a diagnosis.
//!
//! ```text
//!   sources (etcd, …) ──▶ collectors ──▶ Facts ──▶ stanchion-doctor-core: checks, findings
//! ```
//!
//! Each source is optional. Whatever cannot be read is noted with its reason, and goes on without; every read has a deadline.

mod certs;
mod etcd;

pub use certs::{CertificateOptions, read_certificates};
pub use etcd::{ClientCertificate, Done, Etcd, EtcdError, EtcdOptions, RepairError, SaveError, Tls};

/// Says in one line why something failed.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
