//! What a manager is told.

use std::fmt;
use std::sync::Arc;

use stanchion_store::KeyValueStore;

/// What a manager is told.
#[derive(Clone)]
pub struct Options {
    /// The store that agents report to.
    pub store: Arc<dyn KeyValueStore>,
    /// Who it is among managers, for people who look at the election.
    pub identity: String,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("identity", &self.identity).finish_non_exhaustive()
    }
}
