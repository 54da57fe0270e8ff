//! Signs of life: what probes ask for.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A loop that has not turned for so long is dead: far above what it may be held up for, below what a probe's patience is.
const DEAD: Duration = Duration::from_secs(20);

/// Whether the agent's loop turns, and what the database lacks to be ready.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Signs>);

#[derive(Debug)]
struct Signs {
    turned: Instant,
    missing: Option<String>,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        let missing = Some("the agent has just begun".to_owned());
        Self(Mutex::new(Signs { turned: Instant::now(), missing }))
    }

    /// Notes a turn of the loop, and what the database lacks.
    pub(crate) fn turn(&self, missing: Option<String>) {
        *self.0.lock() = Signs { turned: Instant::now(), missing };
    }

    /// Returns whether the loop turns.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.lock().turned.elapsed() < DEAD
    }

    /// Returns what the database lacks to be ready.
    pub(crate) fn missing(&self) -> Option<String> {
        self.0.lock().missing.clone()
    }
}
