//! The objects of one resource and their changes of late.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::RwLock;
use stanchion_kinds::table::SelectableField;
use tokio::sync::watch;

use super::entry::{Entry, What};

/// Changes that a ring keeps at most; a client that resumes from further back lists anew.
const RING_CAPACITY: usize = 20_000;
/// Changes that a ring always keeps, however old.
const RING_FLOOR: usize = 100;
/// Bytes of objects that a ring keeps at most.
const RING_BYTES: usize = 16 * 1024 * 1024;
/// How long changes are kept.
const RING_SPAN: Duration = Duration::from_secs(75);

/// What happened to one object.
#[derive(Debug)]
pub(crate) struct Change {
    /// When.
    pub(crate) revision: i64,
    /// The object before, if it was there.
    pub(crate) before: Option<Arc<Entry>>,
    /// The object after; for a deletion the last one, with the revision of the deletion.
    pub(crate) after: Arc<Entry>,
    /// Whether the object is gone.
    pub(crate) deleted: bool,
}

/// The history asked for is no longer kept; the revision is the first that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired(pub(crate) i64);

/// One resource.
#[derive(Debug)]
pub(crate) struct Shard {
    prefix: Box<str>,
    fields: &'static [SelectableField],
    state: RwLock<State>,
    /// The revision up to which the cache as a whole is complete: changes after it may be apart from their siblings.
    applied: Arc<AtomicI64>,
    moved: watch::Sender<i64>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Arc<str>, Arc<Entry>>,
    ring: VecDeque<(Instant, Arc<Change>)>,
    ring_bytes: usize,
    /// The ring has every change after this revision.
    since: i64,
}

impl Shard {
    pub(super) fn new(prefix: &str, fields: &'static [SelectableField], applied: &Arc<AtomicI64>) -> Self {
        let (state, moved) = (RwLock::default(), watch::Sender::new(0));
        Self { prefix: prefix.into(), fields, state, applied: Arc::clone(applied), moved }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn len(&self) -> usize {
        self.state.read().objects.len()
    }

    /// Says that nothing is known of before.
    pub(super) fn start_at(&self, revision: i64) {
        self.state.write().since = revision;
    }

    /// Takes in an object found by a list.
    pub(super) fn load(&self, key: &str, revision: i64, stored: &[u8]) {
        let key = Arc::from(key);
        match Entry::new(Arc::clone(&key), revision, stored, self.fields, What::Added) {
            Some(entry) => {
                self.state.write().objects.insert(key, Arc::new(entry));
            }
            None => {
                tracing::error!(prefix = %self.prefix, %key, "an object in the store is not JSON; it is left out");
            }
        }
    }

    /// Takes in a change; nothing as the value is a deletion.
    pub(super) fn apply(&self, key: &str, revision: i64, stored: Option<&[u8]>) {
        let entry = match stored {
            None => None,
            Some(bytes) => {
                let what = if self.has(key) { What::Modified } else { What::Added };
                let entry = Entry::new(Arc::from(key), revision, bytes, self.fields, what);
                if entry.is_none() {
                    tracing::error!(prefix = %self.prefix, %key, "an object in the store is not JSON; it is left out");
                    return;
                }
                entry.map(Arc::new)
            }
        };
        let mut state = self.state.write();
        let change = match entry {
            Some(after) => {
                let before = state.objects.insert(Arc::clone(&after.key), Arc::clone(&after));
                Change { revision, before, after, deleted: false }
            }
            None => match state.objects.remove(key) {
                Some(before) => {
                    let after = Arc::new(before.at(revision));
                    Change { revision, before: Some(before), after, deleted: true }
                }
                None => return,
            },
        };
        state.ring_bytes += change.after.size();
        state.ring.push_back((Instant::now(), Arc::new(change)));
        state.trim();
    }

    /// Tells whoever waits that there are changes up to a revision, all of them.
    pub(super) fn tell(&self, revision: i64) {
        self.moved.send_replace(revision);
    }

    /// Replaces everything by what a new list found, as changes at its revision.
    pub(super) fn replace(&self, found: &HashMap<String, (i64, Bytes)>, revision: i64) {
        let old: Vec<(Arc<str>, i64)> =
            self.state.read().objects.values().map(|e| (Arc::clone(&e.key), e.revision)).collect();
        let known: HashMap<&str, i64> = old.iter().map(|(key, at)| (key.as_ref(), *at)).collect();
        let mut changed: Vec<_> =
            found.iter().filter(|(key, (at, _))| known.get(key.as_str()) != Some(at)).collect();
        changed.sort_by_key(|(_, (at, _))| *at);
        for (key, (at, bytes)) in changed {
            self.apply(key, *at, Some(bytes));
        }
        for (key, _) in old.iter().filter(|(key, _)| !found.contains_key(key.as_ref())) {
            self.apply(key, revision, None);
        }
    }

    /// Reads an object of the store's history.
    pub(crate) fn read(&self, key: Arc<str>, revision: i64, stored: &[u8]) -> Option<Entry> {
        Entry::new(key, revision, stored, self.fields, What::Modified)
    }

    /// Lets go of changes that are old.
    pub(super) fn trim(&self) {
        self.state.write().trim();
    }

    /// Returns a receiver that changes with every change.
    pub(crate) fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }

    /// Returns everything as it is, and the revision after which changes are to be asked for.
    pub(crate) fn snapshot(&self) -> (i64, Vec<Arc<Entry>>) {
        // What is newer than this may be in the objects already; it comes once more as a change.
        let position = self.applied.load(Ordering::Acquire);
        let state = self.state.read();
        (position.max(state.since), state.objects.values().cloned().collect())
    }

    fn has(&self, key: &str) -> bool {
        self.state.read().objects.contains_key(key)
    }

    /// Returns one object.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.state.read().objects.get(key).cloned()
    }

    /// Returns the objects that begin with `namespace` (all if empty) from a key on, as they are now.
    pub(crate) fn list(&self, namespace: &str, from: &str) -> Vec<Arc<Entry>> {
        let state = self.state.read();
        state.range(namespace, from).cloned().collect()
    }

    /// Returns the objects as they were at a revision, or nothing if the ring does not reach back.
    pub(crate) fn list_at(&self, namespace: &str, from: &str, revision: i64) -> Option<Vec<Arc<Entry>>> {
        let state = self.state.read();
        if revision < state.since {
            return None;
        }
        let mut undone: BTreeMap<Arc<str>, Option<Arc<Entry>>> = BTreeMap::new();
        for (_, change) in state.ring.iter().rev().take_while(|(_, change)| change.revision > revision) {
            undone.insert(Arc::clone(&change.after.key), change.before.clone());
        }
        if undone.is_empty() {
            return Some(state.range(namespace, from).cloned().collect());
        }
        let wanted = |key: &str| within(key, namespace) && key >= from;
        let mut found: BTreeMap<Arc<str>, Arc<Entry>> =
            state.range(namespace, from).map(|entry| (Arc::clone(&entry.key), Arc::clone(entry))).collect();
        for (key, before) in undone.into_iter().filter(|(key, _)| wanted(key)) {
            match before {
                Some(entry) => found.insert(key, entry),
                None => found.remove(&key),
            };
        }
        Some(found.into_values().collect())
    }

    /// Returns up to `limit` changes after a revision, in order.
    pub(crate) fn changes(&self, after: i64, limit: usize) -> Result<Vec<Arc<Change>>, Expired> {
        let state = self.state.read();
        if after < state.since {
            return Err(Expired(state.since));
        }
        let applied = self.applied.load(Ordering::Acquire);
        let start = state.ring.partition_point(|(_, change)| change.revision <= after);
        let end = state.ring.partition_point(|(_, change)| change.revision <= applied).max(start);
        let complete = state.ring.range(start..end).map(|(_, change)| change);
        let mut found: Vec<Arc<Change>> = complete.take(limit).cloned().collect();
        // A transaction may change several objects at one revision: they are never told apart.
        let more = state.ring.iter().skip(start + found.len()).map(|(_, change)| change);
        if let Some(last) = found.last().map(|change| change.revision) {
            found.extend(more.take_while(|change| change.revision == last).cloned());
        }
        Ok(found)
    }
}

impl State {
    fn range<'a>(&'a self, namespace: &str, from: &str) -> impl Iterator<Item = &'a Arc<Entry>> + use<'a> {
        let first = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let first = if from > first.as_str() { from } else { first.as_str() };
        let namespace = namespace.to_owned();
        let found = self.objects.range::<str, _>((Bound::Included(first), Bound::Unbounded));
        found.take_while(move |(key, _)| within(key, &namespace)).map(|(_, entry)| entry)
    }

    fn trim(&mut self) {
        while let Some((at, _)) = self.ring.front() {
            let length = self.ring.len();
            let old = at.elapsed() > RING_SPAN && length > RING_FLOOR;
            if !(old || length > RING_CAPACITY || self.ring_bytes > RING_BYTES && length > RING_FLOOR) {
                return;
            }
            let Some((_, change)) = self.ring.pop_front() else { return };
            self.ring_bytes -= change.after.size();
            self.since = change.revision;
        }
        if self.ring.is_empty() {
            self.ring.shrink_to_fit();
        }
    }
}

fn within(key: &str, namespace: &str) -> bool {
    namespace.is_empty() || key.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('/'))
}
