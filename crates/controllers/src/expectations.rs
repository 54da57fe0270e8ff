//! What informers have not shown yet: objects just made or deleted.
//!
//! Informers lag behind. A controller that makes objects with generated names and counts what it sees would make too
//! many, so after creations and deletions it counts nothing again until informers have shown them, or until five
//! minutes have passed: an object may come and go while an informer lists anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use parking_lot::Mutex;
use stanchion_informers::{Change, Informer};

use crate::calls::Object;
use crate::owner;

/// How long something is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// What is waited for, by the uid of the owner. Bounded by the creations and deletions of one sync of each owner.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    owners: Mutex<HashMap<String, Expected>>,
}

#[derive(Debug, Default)]
struct Expected {
    /// What was shown while creations are under way: it may be shown before the API has answered with its uid.
    shown: Option<HashSet<String>>,
    creations: HashMap<String, Timestamp>,
    deletions: HashMap<String, Timestamp>,
}

impl Expected {
    fn is_empty(&self) -> bool {
        self.shown.is_none() && self.creations.is_empty() && self.deletions.is_empty()
    }
}

impl Expectations {
    /// Takes note that an owner begins to create.
    pub(crate) fn begin(&self, owner: &str) {
        self.owners.lock().entry(owner.to_owned()).or_default().shown = Some(HashSet::new());
    }

    /// Takes note that an object was created between [`Self::begin`] and [`Self::end`].
    pub(crate) fn created(&self, owner: &str, uid: &str, now: Timestamp) {
        let mut owners = self.owners.lock();
        let expected = owners.entry(owner.to_owned()).or_default();
        if !expected.shown.as_ref().is_some_and(|shown| shown.contains(uid)) {
            expected.creations.insert(uid.to_owned(), now);
        }
    }

    /// Takes note that all creations have been answered.
    pub(crate) fn end(&self, owner: &str) {
        self.change(owner, |expected| expected.shown = None);
    }

    /// Takes note that an object is about to be deleted. Returns whether that is news.
    pub(crate) fn deleting(&self, owner: &str, uid: &str, now: Timestamp) -> bool {
        let mut owners = self.owners.lock();
        owners.entry(owner.to_owned()).or_default().deletions.insert(uid.to_owned(), now).is_none()
    }

    /// Takes note that an object could not be deleted.
    pub(crate) fn not_deleted(&self, owner: &str, uid: &str) {
        self.change(owner, |expected| {
            expected.deletions.remove(uid);
        });
    }

    /// Takes note of everything that informers show. To be called before the handlers that have owners looked at.
    pub(crate) fn follow<O: Object, K: Object>(
        self: &Arc<Self>,
        owners: &Informer<O>,
        objects: &Informer<K>,
    ) {
        let expectations = Arc::clone(self);
        owners.on_change(move |change| {
            if let (Change::Deleted(_), Some(uid)) = (change, &change.object().meta().uid) {
                expectations.forget(uid);
            }
        });
        let expectations = Arc::clone(self);
        objects.on_change(move |change| expectations.observe(change));
    }

    fn observe<K: Resource>(&self, change: &Change<K>) {
        let meta = change.object().meta();
        let (Some(controller), Some(uid)) = (owner::controller(meta), &meta.uid) else { return };
        let deleted = matches!(change, Change::Deleted(_)) || meta.deletion_timestamp.is_some();
        self.change(&controller.uid, |expected| {
            if let Some(shown) = &mut expected.shown {
                shown.insert(uid.clone());
            }
            expected.creations.remove(uid);
            if deleted {
                expected.deletions.remove(uid);
            }
        });
    }

    /// Returns whether everything was shown that is worth waiting for. Not to be called while creations are under way.
    pub(crate) fn fulfilled(&self, owner: &str, now: Timestamp) -> bool {
        let waited = |since: &Timestamp| {
            let waited = now.duration_since(*since);
            Duration::try_from(waited).is_ok_and(|waited| waited >= PATIENCE)
        };
        self.change(owner, |expected| {
            // Still there if a sync was broken off.
            expected.shown = None;
            expected.creations.retain(|_, since| !waited(since));
            expected.deletions.retain(|_, since| !waited(since));
        });
        !self.owners.lock().contains_key(owner)
    }

    fn forget(&self, owner: &str) {
        self.owners.lock().remove(owner);
    }

    fn change(&self, owner: &str, change: impl FnOnce(&mut Expected)) {
        let mut owners = self.owners.lock();
        if let Some(expected) = owners.get_mut(owner) {
            change(expected);
            if expected.is_empty() {
                owners.remove(owner);
            }
        }
    }
}

#[cfg(test)]
mod tests;
