//! The API as clients see it over HTTP: reads, watches, writes, and what else kube-apiserver promises.

#![cfg_attr(
    test,
    expect(clippy::large_futures, reason = "a test is one large future; there are few of them")
)]

#[cfg(test)]
#[path = "semantics/definitions.rs"]
mod definitions;
#[cfg(test)]
#[path = "semantics/discovery.rs"]
mod discovery;
#[cfg(test)]
#[path = "semantics/lists.rs"]
mod lists;
#[cfg(test)]
#[path = "semantics/owners.rs"]
mod owners;
#[cfg(test)]
#[path = "semantics/services.rs"]
mod services;
#[cfg(test)]
#[path = "semantics/subresources.rs"]
mod subresources;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "semantics/watches.rs"]
mod watches;
#[cfg(test)]
#[path = "semantics/writes.rs"]
mod writes;

use std::time::Duration;

/// Longer than any of these takes, by far.
const LIMIT: Duration = Duration::from_secs(100);
