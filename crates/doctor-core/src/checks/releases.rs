//! Releases of Helm.

pub(super) mod pending;
pub(super) mod pile;
