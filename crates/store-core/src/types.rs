//! The nouns that every other module speaks in.

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;

/// A point in the history of the whole store. Starts at 1; 0 means "none" or "the newest".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

impl Revision {
    /// No revision; in requests, the newest one.
    pub const NONE: Self = Self(0);
    /// The compacted revision of a store that was never compacted, as in etcd: compacting to 0 is a first time.
    pub const NEVER: Self = Self(-1);
    /// The revision of a store that was never written to, as in etcd.
    pub const FIRST: Self = Self(1);

    /// Returns the revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns the revision before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a lease; 0 is no lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

impl LeaseId {
    /// Bound to no lease.
    pub const NONE: Self = Self(0);

    /// Whether this names a lease at all.
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// Milliseconds on a monotonic clock that the shell owns.
pub type Millis = u64;

/// Where a record stands: which segment, and the record's first byte and length in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// The segment's slot in the table of open segments.
    pub segment: u32,
    /// Byte offset of the record in its segment.
    pub offset: u32,
    /// Length of the record in bytes, its own header included.
    pub len: u32,
}

/// The keys a request speaks of, in the three forms of the etcd API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRange {
    /// One key.
    One(Bytes),
    /// Keys from the first (inclusive) to the second (exclusive); empty when they are out of order.
    Between(Bytes, Bytes),
    /// Every key from this one on.
    From(Bytes),
}

impl KeyRange {
    /// Reads the wire form: no end is one key, a single zero byte as end is open-ended.
    pub fn from_wire(key: Bytes, range_end: Bytes) -> Self {
        match range_end.as_ref() {
            [] => Self::One(key),
            [0] => Self::From(key),
            _ => Self::Between(key, range_end),
        }
    }

    /// Every key.
    pub fn all() -> Self {
        // The smallest key, because no key is empty and a request that speaks of an empty one is refused.
        Self::From(Bytes::from_static(&[0]))
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: Bytes) -> Self {
        match prefix_end(&prefix) {
            Some(end) => Self::Between(prefix, end),
            None if prefix.is_empty() => Self::all(),
            None => Self::From(prefix),
        }
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::One(one) => one == key,
            Self::Between(from, to) => from.as_ref() <= key && key < to.as_ref(),
            Self::From(from) => from.as_ref() <= key,
        }
    }

    /// Whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Between(from, to) if from >= to)
    }

    /// Returns the first key that can be in the range.
    pub fn start(&self) -> &Bytes {
        match self {
            Self::One(key) | Self::Between(key, _) | Self::From(key) => key,
        }
    }

    /// Returns the upper end for an ordered map.
    pub fn end_bound(&self) -> Bound<&[u8]> {
        match self {
            Self::One(key) => Bound::Included(key.as_ref()),
            Self::Between(_, to) => Bound::Excluded(to.as_ref()),
            Self::From(_) => Bound::Unbounded,
        }
    }

    /// Returns the two fields of the wire form.
    pub fn to_wire(&self) -> (Bytes, Bytes) {
        match self {
            Self::One(key) => (key.clone(), Bytes::new()),
            Self::Between(from, to) => (from.clone(), to.clone()),
            // On the wire the smallest key is one zero byte, because an empty key is refused.
            Self::From(from) if from.is_empty() => (Bytes::from_static(&[0]), Bytes::from_static(&[0])),
            Self::From(from) => (from.clone(), Bytes::from_static(&[0])),
        }
    }
}

/// Returns the first key after all keys with `prefix`, or nothing when there is none.
fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|&byte| byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(Bytes::from(end))
}

/// A key with one of its values, as it stood at `modified`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key; never empty.
    pub key: Bytes,
    /// The value; empty for a deletion.
    pub value: Bytes,
    /// Revision of the write that created the key.
    pub created: Revision,
    /// Revision of the write that left this value.
    pub modified: Revision,
    /// Number of writes since the creation; 1 for the first, 0 for a deletion.
    pub version: i64,
    /// The lease the key lives under.
    pub lease: LeaseId,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The key was written.
    Put,
    /// The key was deleted, by request or by the end of its lease.
    Delete,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The pair after the change. A deletion has only the key and the revision of the deletion.
    pub kv: KeyValue,
}

impl Event {
    /// Whether the change created its key, so that no pair stood there before.
    pub fn is_create(&self) -> bool {
        self.kind == EventKind::Put && self.kv.created == self.kv.modified
    }
}
