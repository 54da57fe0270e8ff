//! Which watches a change concerns.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::types::{Event, EventKind, KeyRange};

/// Events that a watch does not want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchFilter {
    /// Leave writes out.
    pub no_put: bool,
    /// Leave deletions out.
    pub no_delete: bool,
}

impl WatchFilter {
    /// Whether the watch wants `event`.
    pub fn admits(self, event: &Event) -> bool {
        match event.kind {
            EventKind::Put => !self.no_put,
            EventKind::Delete => !self.no_delete,
        }
    }
}

/// Watches by what they look at. `I` names a watch.
///
/// Watches of one key are found by that key. Watches of the same range are kept together, and a change
/// is compared with each distinct range, of which clients have few (Kubernetes: one per kind).
#[derive(Debug)]
pub struct WatchTable<I> {
    by_key: HashMap<Bytes, Vec<I>>,
    by_range: BTreeMap<(Bytes, Option<Bytes>), Vec<I>>,
}

impl<I> Default for WatchTable<I> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), by_range: BTreeMap::new() }
    }
}

impl<I: Copy + PartialEq> WatchTable<I> {
    /// Adds a watch.
    pub fn insert(&mut self, range: &KeyRange, id: I) {
        match range {
            KeyRange::One(key) => self.by_key.entry(key.clone()).or_default().push(id),
            KeyRange::Between(from, to) => {
                self.by_range.entry((from.clone(), Some(to.clone()))).or_default().push(id);
            }
            KeyRange::From(from) => self.by_range.entry((from.clone(), None)).or_default().push(id),
        }
    }

    /// Takes a watch away.
    pub fn remove(&mut self, range: &KeyRange, id: I) {
        match range {
            KeyRange::One(key) => {
                if let Some(ids) = self.by_key.get_mut(key) {
                    ids.retain(|other| *other != id);
                    if ids.is_empty() {
                        self.by_key.remove(key);
                    }
                }
            }
            KeyRange::Between(from, to) => self.remove_range(&(from.clone(), Some(to.clone())), id),
            KeyRange::From(from) => self.remove_range(&(from.clone(), None), id),
        }
    }

    fn remove_range(&mut self, range: &(Bytes, Option<Bytes>), id: I) {
        if let Some(ids) = self.by_range.get_mut(range) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_range.remove(range);
            }
        }
    }

    /// Returns the watches that look at `key`.
    pub fn matching(&self, key: &Bytes) -> impl Iterator<Item = I> {
        let exact = self.by_key.get(key).into_iter().flatten();
        let ranges = self.by_range.range(..=(key.clone(), None::<Bytes>)).chain(
            // `None` sorts before every end, so ranges that begin at the key itself come in two parts.
            self.by_range
                .range((std::ops::Bound::Excluded((key.clone(), None)), std::ops::Bound::Unbounded))
                .take_while(move |((from, _), _)| from == key),
        );
        let covering = ranges.filter(move |((_, to), _)| to.as_ref().is_none_or(|to| key < to));
        exact.chain(covering.flat_map(|(_, ids)| ids)).copied()
    }

    /// Whether there is no watch.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.by_range.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(table: &WatchTable<u32>, key: &'static str) -> Vec<u32> {
        let mut ids: Vec<_> = table.matching(&Bytes::from_static(key.as_bytes())).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn keys_ranges_and_open_ends_are_found() {
        let mut table = WatchTable::default();
        table.insert(&KeyRange::One("b".into()), 1);
        table.insert(&KeyRange::Between("a".into(), "c".into()), 2);
        table.insert(&KeyRange::From("b".into()), 3);
        table.insert(&KeyRange::Between("b".into(), "bb".into()), 4);
        table.insert(&KeyRange::all(), 5);
        assert_eq!(matching(&table, "a"), [2, 5]);
        assert_eq!(matching(&table, "b"), [1, 2, 3, 4, 5]);
        assert_eq!(matching(&table, "bb"), [2, 3, 5]);
        assert_eq!(matching(&table, "c"), [3, 5]);
        table.remove(&KeyRange::From("b".into()), 3);
        table.remove(&KeyRange::One("b".into()), 1);
        table.remove(&KeyRange::Between("a".into(), "c".into()), 2);
        assert_eq!(matching(&table, "b"), [4, 5]);
    }
}
