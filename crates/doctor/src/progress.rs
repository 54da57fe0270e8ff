//! How far a look has come, for whoever watches it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stanchion_doctor_core::Need;

/// How far a look has come. Copies tell of the same look.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Parts>>);

/// What is read.
#[derive(Debug, Default)]
struct Parts {
    /// What is left to read.
    left: BTreeSet<Need>,
    /// How much there was to read in all.
    all: usize,
}

/// How far a look has come at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many parts have been read, or could not be.
    pub done: usize,
    /// Out of how many.
    pub all: usize,
    /// What is left, as people call it.
    pub left: Vec<&'static str>,
}

impl Progress {
    /// Says what is going to be read.
    pub fn expect(&self, needs: impl IntoIterator<Item = Need>) {
        let mut parts = self.parts();
        for need in needs {
            if parts.left.insert(need) {
                parts.all += 1;
            }
        }
    }

    /// Says that a part has been read, or could not be.
    pub fn done(&self, need: Need) {
        self.parts().left.remove(&need);
    }

    /// Returns how far it is.
    pub fn standing(&self) -> Standing {
        let parts = self.parts();
        let left = parts.left.iter().map(|need| need.name()).collect();
        Standing { done: parts.all - parts.left.len(), all: parts.all, left }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_left() {
        let progress = Progress::default();
        progress.expect([Need::KubePods, Need::KubeNodes]);
        progress.clone().expect([Need::KubePods, Need::Prometheus]);
        progress.done(Need::KubePods);
        progress.done(Need::KubePods);
        progress.done(Need::Certificates);
        let left = vec!["nodes", "series of Prometheus"];
        assert_eq!(progress.standing(), Standing { done: 1, all: 3, left });
    }
}
