//! The index: every key with the versions that can still be read, in memory, in key order.
//!
//! Only where a value stands is kept here, never the value.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::types::{KeyRange, LeaseId, Location, Revision};

/// One version of a key: a write, or a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "etcd calls the number of writes the version")]
pub struct Version {
    /// Revision of the change.
    pub modified: Revision,
    /// Revision of the key's creation; [`Revision::NONE`] for a deletion.
    pub created: Revision,
    /// Number of writes since the creation; 0 for a deletion.
    pub version: i64,
    /// The key's lease.
    pub lease: LeaseId,
    /// Where its record stands.
    pub location: Location,
}

impl Version {
    /// Returns the version that a deletion leaves.
    pub fn deletion(modified: Revision, location: Location) -> Self {
        Self { modified, created: Revision::NONE, version: 0, lease: LeaseId::NONE, location }
    }

    /// Whether the key was deleted here.
    pub fn is_deletion(&self) -> bool {
        self.version == 0
    }
}

/// The versions of one key, oldest first. Most keys have one, so that one needs no allocation.
#[derive(Debug)]
struct History {
    newest: Version,
    #[expect(clippy::box_collection, reason = "a null pointer for most keys, at a third of a Vec's size")]
    older: Option<Box<Vec<Version>>>,
}

impl History {
    fn older(&self) -> &[Version] {
        self.older.as_ref().map_or(&[], |older| older)
    }

    /// Returns the last version at or before `at`, deletions included.
    fn last_at(&self, at: Revision) -> Option<&Version> {
        if self.newest.modified <= at {
            return Some(&self.newest);
        }
        let older = self.older();
        older[..older.partition_point(|version| version.modified <= at)].last()
    }

    /// Returns what the revision did to the key: nothing, a change, or in a transaction a write and then a deletion.
    fn made_at(&self, revision: Revision) -> impl Iterator<Item = &Version> {
        let older = self.older();
        let first = older.partition_point(|version| version.modified < revision);
        let made = older[first..].iter().chain(std::iter::once(&self.newest));
        made.skip_while(move |version| version.modified < revision)
            .take_while(move |version| version.modified == revision)
    }

    fn made_at_mut(&mut self, revision: Revision) -> impl Iterator<Item = &mut Version> {
        let older = self.older.as_deref_mut().map_or(&mut [][..], Vec::as_mut_slice);
        let first = older.partition_point(|version| version.modified < revision);
        let made = older[first..].iter_mut().chain(std::iter::once(&mut self.newest));
        made.skip_while(move |version| version.modified < revision)
            .take_while(move |version| version.modified == revision)
    }

    fn push(&mut self, version: Version) {
        let before = std::mem::replace(&mut self.newest, version);
        self.older.get_or_insert_default().push(before);
    }

    /// Drops what cannot be read at or above `compacted`; returns the freed bytes and whether nothing is left.
    fn purge(&mut self, compacted: Revision) -> (u64, bool) {
        let mut freed = 0;
        if let Some(older) = &mut self.older {
            let seen = older.partition_point(|version| version.modified <= compacted);
            let keep_last = self.newest.modified > compacted
                && seen.checked_sub(1).is_some_and(|last| is_readable(&older[last], compacted));
            let dead = if keep_last { seen - 1 } else { seen };
            freed += older.drain(..dead).map(|version| u64::from(version.location.len)).sum::<u64>();
            if older.is_empty() {
                self.older = None;
            } else if dead > 0 {
                older.shrink_to_fit();
            }
        }
        let gone = self.newest.modified <= compacted && !is_readable(&self.newest, compacted);
        if gone {
            freed += u64::from(self.newest.location.len);
        }
        (freed, gone)
    }
}

/// Whether the last version at or before `compacted` is still of use.
///
/// A deletion at exactly that revision is kept, because a watch may start there.
fn is_readable(last: &Version, compacted: Revision) -> bool {
    !last.is_deletion() || last.modified == compacted
}

/// Every key with its readable versions.
#[derive(Debug, Default)]
pub struct Index {
    keys: BTreeMap<Box<[u8]>, History>,
    live_keys: u64,
    bytes: u64,
}

/// What one step of a purge did.
#[derive(Debug, PartialEq, Eq)]
pub struct Purged {
    /// Bytes of records that are of no use any more.
    pub freed: u64,
    /// The key to go on from; nothing when the walk is over.
    pub next: Option<Box<[u8]>>,
}

impl Index {
    /// Returns how many keys exist now.
    pub fn live_keys(&self) -> u64 {
        self.live_keys
    }

    /// Returns the bytes of all records that the index points at.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the pair's version as it stood at `at`, if the key existed then.
    pub fn get(&self, key: &[u8], at: Revision) -> Option<&Version> {
        self.keys.get(key)?.last_at(at).filter(|version| !version.is_deletion())
    }

    /// Returns the key's newest version if the key exists now.
    pub fn newest(&self, key: &[u8]) -> Option<&Version> {
        self.keys.get(key).map(|history| &history.newest).filter(|version| !version.is_deletion())
    }

    /// Walks the keys of `range` from `from` on as they stood at `at`; a deleted key comes as nothing.
    pub fn walk<'a>(
        &'a self,
        range: &'a KeyRange,
        from: &'a [u8],
        at: Revision,
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a Version>)> {
        let empty = range.is_empty() || is_past(range, from);
        let bounds = (Bound::Included(from), if empty { Bound::Included(from) } else { range.end_bound() });
        let histories = (!empty).then(|| self.keys.range::<[u8], _>(bounds));
        histories.into_iter().flatten().map(move |(key, history)| {
            (key.as_ref(), history.last_at(at).filter(|version| !version.is_deletion()))
        })
    }

    /// Adds the newest version of `key`.
    pub fn push(&mut self, key: &[u8], version: Version) {
        self.bytes += u64::from(version.location.len);
        if let Some(history) = self.keys.get_mut(key) {
            match (history.newest.is_deletion(), version.is_deletion()) {
                (true, false) => self.live_keys += 1,
                (false, true) => self.live_keys -= 1,
                (true, true) | (false, false) => {}
            }
            history.push(version);
        } else {
            self.live_keys += u64::from(!version.is_deletion());
            self.keys.insert(key.into(), History { newest: version, older: None });
        }
    }

    /// Drops what cannot be read at or above `compacted`, in at most `budget` keys from `from` on.
    pub fn purge(&mut self, from: &[u8], compacted: Revision, budget: usize) -> Purged {
        let mut gone = Vec::new();
        let mut purged = Purged { freed: 0, next: None };
        let keys = self.keys.range_mut::<[u8], _>((Bound::Included(from), Bound::Unbounded));
        for (seen, (key, history)) in keys.enumerate() {
            if seen == budget {
                purged.next = Some(key.clone());
                break;
            }
            let (freed, is_gone) = history.purge(compacted);
            purged.freed += freed;
            if is_gone {
                gone.push(key.clone());
            }
        }
        for key in gone {
            self.keys.remove(&key);
        }
        self.bytes -= purged.freed;
        purged
    }

    /// Whether the index points at this record.
    pub fn points_at(&self, key: &[u8], modified: Revision, location: Location) -> bool {
        let history = self.keys.get(key);
        history.is_some_and(|history| history.made_at(modified).any(|version| version.location == location))
    }

    /// Whether the change of `key` at `modified` outlives a compaction at `compacted`, deletions aside.
    ///
    /// etcd's `HashKV` asks this of the changes up to the compacted revision, with the revision it hashes up
    /// to in place of `compacted`.
    pub fn outlives(&self, key: &[u8], modified: Revision, compacted: Revision) -> bool {
        modified > compacted
            || self
                .keys
                .get(key)
                .and_then(|history| history.last_at(compacted))
                .is_some_and(|last| last.modified == modified && !last.is_deletion())
    }

    /// Points the change of `key` at `modified` to a copy of its record; returns whether there is such a change.
    ///
    /// A copy is as long as its original. That tells a write from the deletion that followed it within
    /// one transaction, whose record is always shorter.
    pub fn relocate(&mut self, key: &[u8], modified: Revision, to: Location) -> bool {
        let Some(history) = self.keys.get_mut(key) else {
            return false;
        };
        let original = history.made_at_mut(modified).find(|version| version.location.len == to.len);
        original.map(|version| version.location = to).is_some()
    }
}

/// Whether `from` is at or behind the end of `range`.
fn is_past(range: &KeyRange, from: &[u8]) -> bool {
    match range.end_bound() {
        Bound::Included(end) => from > end,
        Bound::Excluded(end) => from >= end,
        Bound::Unbounded => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u32) -> Location {
        Location { segment: 0, offset, len: 10 }
    }

    fn put(modified: i64, created: i64, version: i64) -> Version {
        let lease = LeaseId::NONE;
        Version {
            modified: Revision(modified),
            created: Revision(created),
            version,
            lease,
            location: at(u32::try_from(modified).unwrap()),
        }
    }

    fn sample() -> Index {
        let mut index = Index::default();
        index.push(b"a", put(2, 2, 1));
        index.push(b"a", put(3, 2, 2));
        index.push(b"a", Version::deletion(Revision(5), at(5)));
        index.push(b"a", put(7, 7, 1));
        index.push(b"b", put(4, 4, 1));
        index.push(b"b", Version::deletion(Revision(6), at(6)));
        index
    }

    fn modified(index: &Index, key: &[u8], at: i64) -> Option<i64> {
        index.get(key, Revision(at)).map(|version| version.modified.0)
    }

    #[test]
    fn reads_see_the_version_of_their_revision() {
        let index = sample();
        let seen: Vec<_> = (1..9).map(|at| modified(&index, b"a", at)).collect();
        assert_eq!(seen, [None, Some(2), Some(3), Some(3), None, None, Some(7), Some(7)]);
        assert_eq!(index.live_keys(), 1);
        assert_eq!(index.bytes(), 60);
    }

    #[test]
    fn a_purge_keeps_what_can_still_be_read() {
        for compacted in 1..9 {
            let (mut purged, whole) = (sample(), sample());
            let step = purged.purge(b"", Revision(compacted), usize::MAX);
            assert_eq!(step.next, None);
            assert_eq!(purged.bytes() + step.freed, whole.bytes());
            for key in [b"a", b"b"] {
                for at in compacted..9 {
                    assert_eq!(modified(&purged, key, at), modified(&whole, key, at), "{compacted} {at}");
                }
            }
        }
    }

    #[test]
    fn a_purge_drops_what_cannot_and_keeps_a_deletion_at_the_compacted_revision() {
        let mut index = sample();
        index.purge(b"", Revision(6), usize::MAX);
        assert_eq!(index.bytes(), 20, "a@7 and the deletion of b at 6");
        index.purge(b"", Revision(7), usize::MAX);
        assert_eq!(index.bytes(), 10, "a@7");
        assert!(index.outlives(b"a", Revision(7), Revision(7)));
    }

    #[test]
    fn a_purge_goes_step_by_step() {
        let mut index = sample();
        let step = index.purge(b"", Revision(9), 1);
        assert_eq!(step.next.as_deref(), Some(b"b".as_ref()));
        let step = index.purge(b"b", Revision(9), 1);
        assert_eq!(step.next, None);
        assert_eq!(index.bytes(), 10);
    }

    #[test]
    fn a_record_moves() {
        let mut index = sample();
        let to = Location { segment: 3, offset: 99, len: 10 };
        assert!(index.relocate(b"a", Revision(3), to));
        assert!(!index.relocate(b"a", Revision(4), to));
        assert!(index.points_at(b"a", Revision(3), to));
        assert!(!index.points_at(b"a", Revision(3), at(3)));
    }

    #[test]
    fn ranges_out_of_order_are_empty() {
        let index = sample();
        let range = KeyRange::Between("b".into(), "a".into());
        assert_eq!(index.walk(&range, b"b", Revision(9)).count(), 0);
        assert_eq!(index.walk(&KeyRange::all(), b"", Revision(4)).count(), 2);
        assert_eq!(index.walk(&KeyRange::One("a".into()), b"b", Revision(4)).count(), 0);
    }
}
