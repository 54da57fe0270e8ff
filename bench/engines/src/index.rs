//! The ordered in-memory index, the same for every engine.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::engine::Slot;

#[derive(Debug)]
struct History<P> {
    latest: Slot<P>,
    older: Vec<Slot<P>>,
}

/// Key to revisions, and each revision to its place.
#[derive(Debug)]
pub(crate) struct Index<P> {
    keys: BTreeMap<Box<[u8]>, History<P>>,
}

impl<P: Copy> Index<P> {
    pub(crate) fn new() -> Self {
        Self { keys: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn insert(&mut self, key: &[u8], slot: Slot<P>) {
        if let Some(history) = self.keys.get_mut(key) {
            history.older.push(std::mem::replace(&mut history.latest, slot));
        } else {
            self.keys.insert(key.into(), History { latest: slot, older: Vec::new() });
        }
    }

    pub(crate) fn latest(&self, key: &[u8]) -> Option<Slot<P>> {
        self.keys.get(key).map(|history| history.latest)
    }

    /// The latest revisions of `count` neighbouring keys from `start` on.
    pub(crate) fn range(&self, start: &[u8], count: usize) -> Vec<Slot<P>> {
        let from = (std::ops::Bound::Included(start), std::ops::Bound::Unbounded);
        self.keys.range::<[u8], _>(from).take(count).map(|(_, history)| history.latest).collect()
    }

    /// Forgets and returns all revisions that are not the latest of their key, ascending.
    pub(crate) fn take_superseded(&mut self) -> Vec<u64> {
        let mut dead = Vec::new();
        for history in self.keys.values_mut() {
            dead.extend(std::mem::take(&mut history.older).iter().map(|slot| slot.revision));
        }
        dead.sort_unstable();
        dead
    }

    /// Notes that the latest revision of `key` now lives elsewhere.
    pub(crate) fn relocate(&mut self, key: &[u8], slot: Slot<P>) -> Result<()> {
        let history = self.keys.get_mut(key).context("moved a record of an unknown key")?;
        anyhow::ensure!(history.latest.revision == slot.revision, "moved a superseded record");
        history.latest = slot;
        Ok(())
    }
}
