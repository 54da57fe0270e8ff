//! Keys that wait to be looked at, each at most once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The delay after a first failure, doubled for each more in a row up to the second figure.
const RETRY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_mins(1));

/// Keys that wait, some of them for a moment to come. Clones share them.
///
/// A key waits once however often it is added, so the queue is bounded by the number of keys there are. A key that was
/// taken is not given out again before [`Queue::done`]; when added meanwhile it waits again after that.
pub struct Queue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    ready: VecDeque<T>,
    /// What is in `ready`, or is to be put there when it is done.
    dirty: HashSet<T>,
    taken: HashSet<T>,
    later: BTreeMap<(Instant, u64), T>,
    moments: HashMap<T, (Instant, u64)>,
    sequence: u64,
    failures: HashMap<T, u32>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        let (ready, later) = (state.ready.len(), state.later.len());
        f.debug_struct("Queue").field("ready", &ready).field("later", &later).finish_non_exhaustive()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            taken: HashSet::new(),
            later: BTreeMap::new(),
            moments: HashMap::new(),
            sequence: 0,
            failures: HashMap::new(),
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }
}

impl<T: Clone + Eq + Hash> Queue<T> {
    /// Adds a key that is to be looked at as soon as possible.
    pub fn add(&self, key: T) {
        self.shared.state.lock().add(key);
        self.shared.changed.notify_one();
    }

    /// Adds a key that is to be looked at after a delay; of several delays the one that ends first counts.
    pub fn add_after(&self, key: T, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        self.shared.state.lock().add_at(key, Instant::now() + delay);
        self.shared.changed.notify_one();
    }

    /// Adds a key again after a failure, with a delay that grows with each failure in a row. Returns the delay.
    pub fn retry(&self, key: T) -> Duration {
        let delay = {
            let mut state = self.shared.state.lock();
            let failures = state.failures.entry(key.clone()).or_default();
            *failures = failures.saturating_add(1);
            let doubled = 1_u32.checked_shl(*failures - 1).unwrap_or(u32::MAX);
            RETRY.0.saturating_mul(doubled).min(RETRY.1)
        };
        self.add_after(key, delay);
        delay
    }

    /// Forgets the failures of a key: it succeeded, or nobody wants to know any more.
    pub fn forget(&self, key: &T) {
        self.shared.state.lock().failures.remove(key);
    }

    /// Waits for a key, and takes it.
    pub async fn next(&self) -> T {
        loop {
            let changed = self.shared.changed.notified();
            let moment = {
                let mut state = self.shared.state.lock();
                state.ripen(Instant::now());
                if let Some(key) = state.take() {
                    // Another waiter may be needed for what is left.
                    self.shared.changed.notify_one();
                    return key;
                }
                state.later.first_key_value().map(|((moment, _), _)| *moment)
            };
            match moment {
                Some(moment) => {
                    // Either way there is something to look for.
                    tokio::time::timeout_at(moment, changed).await.unwrap_or_default();
                }
                None => changed.await,
            }
        }
    }

    /// Gives a taken key back.
    pub fn done(&self, key: &T) {
        let mut state = self.shared.state.lock();
        state.taken.remove(key);
        if state.dirty.contains(key) {
            state.ready.push_back(key.clone());
            self.shared.changed.notify_one();
        }
    }

    /// Returns how many keys can be taken now.
    pub fn len(&self) -> usize {
        self.shared.state.lock().ready.len()
    }

    /// Returns whether no key can be taken now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone + Eq + Hash> State<T> {
    fn add(&mut self, key: T) {
        if self.dirty.insert(key.clone()) && !self.taken.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn add_at(&mut self, key: T, moment: Instant) {
        if let Some(known) = self.moments.get(&key) {
            if known.0 <= moment {
                return;
            }
            self.later.remove(known);
        }
        self.sequence += 1;
        self.later.insert((moment, self.sequence), key.clone());
        self.moments.insert(key, (moment, self.sequence));
    }

    /// Moves what has waited long enough.
    fn ripen(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            self.moments.remove(&key);
            self.add(key);
        }
    }

    fn take(&mut self) -> Option<T> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.taken.insert(key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests;
