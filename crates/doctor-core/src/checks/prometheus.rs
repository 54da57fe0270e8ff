//! Prometheus.

pub(super) mod labels;
pub(super) mod series;

use crate::facts::Facts;
use crate::subject::Subject;

/// Names the server.
fn subject(facts: &Facts) -> Subject {
    Subject::new("Prometheus", &facts.prometheus.server)
}

#[cfg(test)]
mod tests;
