//! kubectl against the API server: what it says, on stdout and on stderr, and how it ends, is what it says to a
//! cluster of Kubernetes.
//!
//! There are no controllers and no kubelet here: transcripts play their parts by writing what they would write.

#[cfg(test)]
#[path = "kubectl/kube.rs"]
mod kube;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "kubectl/transcripts.rs"]
mod transcripts;
#[cfg(test)]
#[path = "kubectl/watching.rs"]
mod watching;

use std::time::Duration;

/// Longer than any of these takes, by far.
const LIMIT: Duration = Duration::from_secs(100);
