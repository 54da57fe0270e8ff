//! Certificates, wherever they were found.

use crate::subject::Subject;

/// A certificate that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Where: `/etc/kubernetes/pki/apiserver.crt`, `10.0.0.1:6443`.
    pub source: String,
    /// What it was found in.
    pub found_in: FoundIn,
    /// The object of the API that it was found in, if it was.
    pub object: Option<Subject>,
    /// For whom it was made.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// From when on it is valid, in seconds since the Unix epoch.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// Whether it is an authority's.
    pub is_authority: bool,
    /// Whether the authority at hand made it.
    pub chain: Chain,
    /// Whether the private key beside it is its own; none if there is none.
    pub key_fits: Option<bool>,
    /// The name or address that it was reached at and does not hold, if so.
    pub lacks_name: Option<String>,
}

/// What a certificate was found in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundIn {
    /// A file of its own.
    #[default]
    File,
    /// A kubeconfig.
    Kubeconfig,
    /// A handshake: it is what a server shows now.
    Handshake,
    /// An object of the API: a Secret, or what says whom the API server trusts.
    Object,
}

/// Whether an authority at hand made a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Chain {
    /// No authority is at hand that calls itself its issuer.
    #[default]
    Unknown,
    /// One made it.
    Signed {
        /// Where that one is.
        by: String,
    },
    /// One calls itself its issuer, and did not sign it.
    Foreign {
        /// Where that one is.
        by: String,
    },
    /// Whoever is shown it trusts none who made it.
    Untrusted {
        /// Where those stand whom that one trusts.
        by: String,
    },
}
