//! Reading a range: first which versions, in steps that hold no lock for long; then, outside, their values.

use bytes::Bytes;

use super::Keyspace;
use crate::error::StoreError;
use crate::index::Version;
use crate::request::{RangeQuery, RangeResult, SortOrder, SortTarget};
use crate::types::{KeyValue, Revision};

/// A pair that a range returns.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Which version.
    pub version: Version,
    /// The key, when no record has to be read because no value is asked for.
    pub key: Option<Bytes>,
}

impl Hit {
    /// Returns the pair without its value.
    pub fn without_value(&self, key: Bytes) -> KeyValue {
        let Version { modified, created, version, lease, location: _ } = self.version;
        KeyValue { key, value: Bytes::new(), created, modified, version, lease }
    }
}

/// A walk over the index that is under way.
#[derive(Debug)]
pub struct Scan {
    query: RangeQuery,
    /// The revision that is read.
    at: Revision,
    /// The newest revision that may be seen.
    newest: Revision,
    from: Bytes,
    hits: Vec<Hit>,
    count: u64,
}

impl Scan {
    /// Begins to carry out `query`; `newest` is the newest revision that may be seen.
    pub fn begin(query: RangeQuery, newest: Revision, keyspace: &Keyspace) -> Result<Self, StoreError> {
        keyspace.check_revision(query.revision, newest)?;
        let at = if query.revision > Revision::NONE { query.revision } else { newest };
        let from = query.range.start().clone();
        Ok(Self { query, at, newest, from, hits: Vec::new(), count: 0 })
    }

    /// Walks at most `budget` keys further; returns whether the walk is over.
    pub fn step(&mut self, keyspace: &Keyspace, budget: usize) -> Result<bool, StoreError> {
        keyspace.check_revision(self.at, self.newest)?;
        let wanted = self.wanted();
        let from = self.from.clone();
        for (seen, (key, version)) in keyspace.index.walk(&self.query.range, &from, self.at).enumerate() {
            if seen == budget {
                self.from = Bytes::copy_from_slice(key);
                return Ok(false);
            }
            let Some(version) = version else { continue };
            self.count += 1;
            if self.hits.len() < wanted && self.query.admits(version.modified, version.created) {
                let needs_key = self.query.keys_only && self.query.target != SortTarget::Value;
                let key = needs_key.then(|| Bytes::copy_from_slice(key));
                self.hits.push(Hit { version: *version, key });
            }
        }
        Ok(true)
    }

    /// Returns how many pairs are of use: one more than the limit shows whether there are more.
    fn wanted(&self) -> usize {
        if self.query.count_only {
            return 0;
        }
        match usize::try_from(self.query.limit) {
            Ok(limit) if limit > 0 && self.query.limits_walk() => limit.saturating_add(1),
            Ok(_) | Err(_) => usize::MAX,
        }
    }

    /// Sorts and cuts what was found.
    pub fn finish(self) -> Selection {
        let Self { query, newest, mut hits, count, .. } = self;
        let order = query.order;
        match query.target {
            // The walk was by key.
            SortTarget::Key if order == SortOrder::Descending => hits.reverse(),
            SortTarget::Key | SortTarget::Value => {}
            SortTarget::Version => sort(&mut hits, order, |hit| hit.version.version),
            SortTarget::Created => sort(&mut hits, order, |hit| hit.version.created),
            SortTarget::Modified => sort(&mut hits, order, |hit| hit.version.modified),
        }
        let more = query.target != SortTarget::Value && cut(&mut hits, query.limit);
        Selection { query, newest, hits, count, more }
    }
}

/// Sorts `list`; what is equal stays in the order of keys in either direction, as etcd has it in short lists.
fn sort<T, K: Ord>(list: &mut [T], order: SortOrder, by: impl Fn(&T) -> K) {
    match order {
        SortOrder::Unsorted | SortOrder::Ascending => list.sort_by_key(by),
        SortOrder::Descending => list.sort_by_key(|item| std::cmp::Reverse(by(item))),
    }
}

/// Shortens `list` to `limit`; returns whether there was more.
fn cut<T>(list: &mut Vec<T>, limit: u64) -> bool {
    match usize::try_from(limit) {
        Ok(limit) if limit > 0 && list.len() > limit => {
            list.truncate(limit);
            true
        }
        Ok(_) | Err(_) => false,
    }
}

/// What a range returns, but for the values.
#[derive(Debug)]
pub struct Selection {
    query: RangeQuery,
    newest: Revision,
    /// The pairs in their order (by key if they are to be sorted by value).
    pub hits: Vec<Hit>,
    /// How many keys the range has.
    pub count: u64,
    /// Whether the limit left pairs out.
    pub more: bool,
}

impl Selection {
    /// Completes the result with the pairs of [`Self::hits`], in the same order.
    pub fn into_result(self, mut kvs: Vec<KeyValue>) -> RangeResult {
        let mut more = self.more;
        if self.query.target == SortTarget::Value {
            sort(&mut kvs, self.query.order, |kv| kv.value.clone());
            more = cut(&mut kvs, self.query.limit);
        }
        if self.query.keys_only {
            for kv in &mut kvs {
                kv.value = Bytes::new();
            }
        }
        RangeResult { revision: self.newest, kvs, more, count: self.count }
    }
}
