//! Versions of the API.

pub(super) mod deprecated;
