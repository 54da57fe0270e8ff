//! The API server among those who mean it harm: bodies, paths, queries, credentials, patches, definitions and floods
//! that no honest client sends. Every answer has to be a refusal in the API's words, and the server has to go on as
//! if nothing had been.

#![cfg_attr(
    test,
    expect(
        clippy::large_futures,
        clippy::needless_pass_by_value,
        clippy::too_many_lines,
        clippy::case_sensitive_file_extension_comparisons,
        reason = "tables of cases are long, and their values are made where they are used"
    )
)]

#[cfg(test)]
#[path = "hostile/bodies.rs"]
mod bodies;
#[cfg(test)]
#[path = "hostile/client.rs"]
mod client;
#[cfg(test)]
#[path = "hostile/credentials.rs"]
mod credentials;
#[cfg(test)]
#[path = "hostile/definitions.rs"]
mod definitions;
#[cfg(test)]
#[path = "hostile/floods.rs"]
mod floods;
#[cfg(test)]
#[path = "hostile/identity.rs"]
mod identity;
#[cfg(test)]
#[path = "hostile/patches.rs"]
mod patches;
#[cfg(test)]
#[path = "hostile/paths.rs"]
mod paths;
#[cfg(test)]
#[path = "hostile/queries.rs"]
mod queries;
#[cfg(test)]
#[path = "hostile/rights.rs"]
mod rights;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "hostile/sweep.rs"]
mod sweep;

use std::time::Duration;

/// Longer than any of these takes, by far.
const LIMIT: Duration = Duration::from_mins(5);
