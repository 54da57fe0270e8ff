//! Certificates.

pub(super) mod chain;
pub(super) mod expiry;
pub(super) mod key;
pub(super) mod kubelet_rotation;
pub(super) mod names;

use crate::facts::certificate::{Certificate, FoundIn};
use crate::subject::Subject;

/// Names a certificate as what a finding is about.
fn subject(certificate: &Certificate) -> Subject {
    if let Some(object) = &certificate.object {
        return object.clone();
    }
    let kind = match certificate.found_in {
        FoundIn::File => "file",
        FoundIn::Kubeconfig => "kubeconfig",
        FoundIn::Handshake => "server",
        FoundIn::Object => "object",
    };
    Subject::new(kind, &certificate.source)
}

#[cfg(test)]
mod tests;
