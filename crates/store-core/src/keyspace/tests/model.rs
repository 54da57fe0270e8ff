//! What the keyspace should do, told as plainly as possible.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::alarm::Alarm;
use crate::error::StoreError;
use crate::lease::{MAX_TTL, MIN_TTL};
use crate::request::{
    Compare, DeleteRange, DeleteResult, Op, OpResult, Put, PutResult, RangeQuery, RangeResult, SortOrder,
    SortTarget, Test, Txn, TxnResult,
};
use crate::types::{Event, EventKind, KeyValue, LeaseId, Millis, Revision};

/// The pairs at one revision.
pub(super) type State = BTreeMap<Bytes, KeyValue>;

/// One change: a key got a value and a lease, or lost them.
#[derive(Clone, Debug)]
struct Fact {
    revision: i64,
    key: Bytes,
    value: Option<(Bytes, LeaseId)>,
}

/// A lease, but for its keys, which follow from the facts.
#[derive(Clone, Debug)]
pub(super) struct ModelLease {
    pub(super) ttl: i64,
    pub(super) expiry: Millis,
    /// What the log says is left of it.
    pub(super) recorded: Millis,
}

/// All that ever happened.
#[derive(Clone, Debug)]
pub(super) struct Model {
    facts: Vec<Fact>,
    pub(super) revision: i64,
    pub(super) compacted: i64,
    pub(super) leases: BTreeMap<LeaseId, ModelLease>,
    pub(super) alarms: Vec<Alarm>,
}

impl Default for Model {
    fn default() -> Self {
        Self { facts: Vec::new(), revision: 1, compacted: -1, leases: BTreeMap::new(), alarms: Vec::new() }
    }
}

/// Going through the list.
impl Model {
    /// Returns the pairs as they stood at `revision`.
    pub(super) fn state_at(&self, revision: i64) -> State {
        replay(self.facts.iter().filter(|fact| fact.revision <= revision))
    }

    /// Returns the pairs after every change so far, also those of a request that is under way.
    fn state(&self) -> State {
        replay(&self.facts)
    }

    /// Returns what happened at `revision`, in order.
    pub(super) fn events_at(&self, revision: i64) -> Vec<Event> {
        let found = self.facts.iter().enumerate().filter(|(_, fact)| fact.revision == revision);
        found.map(|(position, fact)| event(fact, &replay(&self.facts[..=position]))).collect()
    }

    /// Returns the changes that a finished purge leaves: later ones, and what stands at the compacted revision.
    pub(super) fn kept(&self) -> Vec<(i64, Bytes, EventKind)> {
        let (old, new): (Vec<_>, Vec<_>) =
            self.facts.iter().partition(|fact| fact.revision <= self.compacted);
        let last: BTreeMap<&Bytes, &Fact> = old.into_iter().map(|fact| (&fact.key, fact)).collect();
        let standing = last.into_values();
        let standing = standing.filter(|fact| fact.value.is_some() || fact.revision == self.compacted);
        let mut kept: Vec<_> = standing.chain(new).map(named).collect();
        kept.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        kept
    }

    /// Returns the keys that live under a lease.
    pub(super) fn keys_of(&self, id: LeaseId) -> BTreeSet<Bytes> {
        let bound = self.state().into_iter().filter(|(_, kv)| kv.lease == id);
        bound.map(|(key, _)| key).collect()
    }

    /// Returns the leases that have run out, the earliest first.
    pub(super) fn expired(&self, now: Millis) -> Vec<LeaseId> {
        let ended = self.leases.iter().filter(|(_, lease)| lease.expiry <= now);
        let mut ended: Vec<_> = ended.map(|(id, lease)| (lease.expiry, *id)).collect();
        ended.sort_unstable();
        ended.into_iter().map(|(_, id)| id).collect()
    }

    /// Returns the revision that a request which is under way sees.
    fn seen(&self) -> i64 {
        self.facts.last().map_or(self.revision, |last| last.revision.max(self.revision))
    }
}

fn replay<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> State {
    let mut state = State::new();
    for fact in facts {
        let Some((value, lease)) = &fact.value else {
            state.remove(&fact.key);
            continue;
        };
        let modified = Revision(fact.revision);
        let first = KeyValue { key: fact.key.clone(), created: modified, ..KeyValue::default() };
        let kv = state.entry(fact.key.clone()).or_insert(first);
        kv.version += 1;
        kv.modified = modified;
        kv.value = value.clone();
        kv.lease = *lease;
    }
    state
}

fn event(fact: &Fact, after: &State) -> Event {
    match after.get(&fact.key) {
        Some(kv) => Event { kind: EventKind::Put, kv: kv.clone() },
        None => Event {
            kind: EventKind::Delete,
            kv: KeyValue { key: fact.key.clone(), modified: Revision(fact.revision), ..KeyValue::default() },
        },
    }
}

fn named(fact: &Fact) -> (i64, Bytes, EventKind) {
    let kind = if fact.value.is_some() { EventKind::Put } else { EventKind::Delete };
    (fact.revision, fact.key.clone(), kind)
}

/// Reads.
impl Model {
    /// Reads a range as a reader does who may see up to `newest`.
    pub(super) fn range(&self, query: &RangeQuery, newest: i64) -> Result<RangeResult, StoreError> {
        self.check_revision(query.revision.0, newest)?;
        let at = if query.revision.0 == 0 { newest } else { query.revision.0 };
        self.check_revision(at, newest)?;
        let all = self.state_at(at).into_values();
        let mut kvs: Vec<_> = all.filter(|kv| query.range.contains(&kv.key)).collect();
        let count = kvs.len() as u64;
        kvs.retain(|kv| !query.count_only && passes(query, kv));
        let limit = if query.limit == 0 { usize::MAX } else { usize::try_from(query.limit).unwrap() };
        let bounds = [query.min_modified, query.max_modified, query.min_created, query.max_created];
        if query.order == SortOrder::Unsorted && bounds == [0; 4] {
            // Without an order etcd looks at one pair more than the limit, and no further.
            kvs.truncate(limit.saturating_add(1));
        }
        sort(&mut kvs, query);
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        if query.keys_only {
            for kv in &mut kvs {
                kv.value = Bytes::new();
            }
        }
        Ok(RangeResult { revision: Revision(newest), kvs, more, count })
    }

    pub(super) fn check_revision(&self, revision: i64, newest: i64) -> Result<(), StoreError> {
        match revision {
            0 => Ok(()),
            _ if revision > newest => Err(StoreError::FutureRevision),
            _ if revision < self.compacted => Err(StoreError::Compacted(Revision(self.compacted))),
            _ => Ok(()),
        }
    }
}

fn passes(query: &RangeQuery, kv: &KeyValue) -> bool {
    let within = |number: i64, min: i64, max: i64| number >= min && (max == 0 || number <= max);
    within(kv.modified.0, query.min_modified, query.max_modified)
        && within(kv.created.0, query.min_created, query.max_created)
}

/// Sorts pairs that come by key; what is equal stays by key.
fn sort(kvs: &mut [KeyValue], query: &RangeQuery) {
    kvs.sort_by(|one, other| {
        let ascending = match query.target {
            SortTarget::Key => one.key.cmp(&other.key),
            SortTarget::Version => one.version.cmp(&other.version),
            SortTarget::Created => one.created.cmp(&other.created),
            SortTarget::Modified => one.modified.cmp(&other.modified),
            SortTarget::Value => one.value.cmp(&other.value),
        };
        match query.order {
            SortOrder::Unsorted | SortOrder::Ascending => ascending,
            SortOrder::Descending => ascending.reverse(),
        }
    });
}

/// Whether the conditions of a transaction hold.
pub(super) fn holds(txn: &Txn, state: &State) -> bool {
    txn.compares.iter().all(|compare| {
        let mut found = state.values().filter(|kv| compare.range.contains(&kv.key)).peekable();
        match (found.peek(), &compare.test) {
            (None, Test::Value(_)) => false,
            (None, _) => meets(compare, &KeyValue::default()),
            (Some(_), _) => found.all(|kv| meets(compare, kv)),
        }
    })
}

fn meets(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match &compare.test {
        Test::Version(number) => kv.version.cmp(number),
        Test::Created(number) => kv.created.0.cmp(number),
        Test::Modified(number) => kv.modified.0.cmp(number),
        Test::Lease(number) => kv.lease.0.cmp(number),
        Test::Value(value) => kv.value.cmp(value),
    };
    compare.result.accepts(ordering)
}

/// Writes.
impl Model {
    pub(super) fn put(&mut self, put: &Put) -> Result<PutResult, StoreError> {
        let before = self.state();
        self.atomically(|model| {
            model.check_lease(put.lease)?;
            check_ignored(put, &before)?;
            Ok(model.write(put))
        })
    }

    pub(super) fn delete_range(&mut self, delete: &DeleteRange) -> Result<DeleteResult, StoreError> {
        self.atomically(|model| Ok(model.delete(delete)))
    }

    pub(super) fn txn(&mut self, txn: &Txn) -> Result<TxnResult, StoreError> {
        let before = self.state();
        self.atomically(|model| model.branch(txn, &before))
    }

    /// Carries out all of a request, or nothing when it is refused on the way.
    fn atomically<T>(
        &mut self,
        request: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut after = self.clone();
        let result = request(&mut after)?;
        after.revision = after.seen();
        *self = after;
        Ok(result)
    }

    /// Carries out the branch that the conditions choose; they and the checks see only what was `before`.
    fn branch(&mut self, txn: &Txn, before: &State) -> Result<TxnResult, StoreError> {
        let succeeded = holds(txn, before);
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let results = ops.iter().map(|op| self.op(op, before)).collect::<Result<_, _>>()?;
        Ok(TxnResult { revision: Revision(self.seen()), succeeded, results })
    }

    fn op(&mut self, op: &Op, before: &State) -> Result<OpResult, StoreError> {
        Ok(match op {
            Op::Range(query) => {
                self.check_revision(query.revision.0, self.revision)?;
                OpResult::Range(self.range(query, self.seen())?)
            }
            Op::Put(put) => {
                check_ignored(put, before)?;
                self.check_lease(put.lease)?;
                OpResult::Put(self.write(put))
            }
            Op::Delete(delete) => OpResult::Delete(self.delete(delete)),
            Op::Txn(nested) => {
                OpResult::Txn(TxnResult { revision: Revision::NONE, ..self.branch(nested, before)? })
            }
        })
    }

    fn check_lease(&self, id: LeaseId) -> Result<(), StoreError> {
        let known = id == LeaseId::NONE || self.leases.contains_key(&id);
        if known { Ok(()) } else { Err(StoreError::LeaseNotFound) }
    }

    fn write(&mut self, put: &Put) -> PutResult {
        let old = self.state().remove(&put.key);
        let (old_value, old_lease) = old.clone().map(|kv| (kv.value, kv.lease)).unwrap_or_default();
        let value = if put.ignore_value { old_value } else { put.value.clone() };
        let lease = if put.ignore_lease { old_lease } else { put.lease };
        self.add(&put.key, Some((value, lease)));
        PutResult { revision: Revision(self.seen()), prev_kv: old.filter(|_| put.prev_kv) }
    }

    fn delete(&mut self, delete: &DeleteRange) -> DeleteResult {
        let gone: Vec<_> = self.state().into_values().filter(|kv| delete.range.contains(&kv.key)).collect();
        for kv in &gone {
            self.add(&kv.key, None);
        }
        let deleted = gone.len() as u64;
        let prev_kvs = if delete.prev_kv { gone } else { Vec::new() };
        DeleteResult { revision: Revision(self.seen()), deleted, prev_kvs }
    }

    fn add(&mut self, key: &Bytes, value: Option<(Bytes, LeaseId)>) {
        self.facts.push(Fact { revision: self.revision + 1, key: key.clone(), value });
    }
}

fn check_ignored(put: &Put, before: &State) -> Result<(), StoreError> {
    let needed = put.ignore_value || put.ignore_lease;
    if needed && !before.contains_key(&put.key) { Err(StoreError::KeyNotFound) } else { Ok(()) }
}

/// Everything besides keys.
impl Model {
    fn refuse_if_corrupt(&self) -> Result<(), StoreError> {
        if self.alarms.contains(&Alarm::Corrupt) { Err(StoreError::Corrupt) } else { Ok(()) }
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        self.refuse_if_corrupt()?;
        if revision.0 <= self.compacted {
            return Err(StoreError::Compacted(Revision(self.compacted)));
        }
        if revision.0 > self.revision {
            return Err(StoreError::FutureRevision);
        }
        self.compacted = revision.0;
        Ok(())
    }

    pub(super) fn grant(&mut self, id: LeaseId, ttl: i64, now: Millis) -> Result<i64, StoreError> {
        if id == LeaseId::NONE {
            return Err(StoreError::LeaseNotFound);
        }
        if ttl > MAX_TTL {
            return Err(StoreError::LeaseTtlTooLarge);
        }
        if self.leases.contains_key(&id) {
            return Err(StoreError::LeaseExists);
        }
        let ttl = ttl.max(MIN_TTL);
        self.leases.insert(id, ModelLease { ttl, expiry: now + millis(ttl), recorded: millis(ttl) });
        Ok(ttl)
    }

    pub(super) fn revoke(&mut self, id: LeaseId) -> Result<(), StoreError> {
        self.refuse_if_corrupt()?;
        let keys = self.keys_of(id);
        self.leases.remove(&id).ok_or(StoreError::LeaseNotFound)?;
        self.atomically(|model| {
            for key in &keys {
                model.add(key, None);
            }
            Ok(())
        })
    }

    pub(super) fn renew(&mut self, id: LeaseId, now: Millis) -> Option<i64> {
        let lease = self.leases.get_mut(&id).filter(|lease| lease.expiry > now)?;
        lease.expiry = now + millis(lease.ttl);
        lease.recorded = millis(lease.ttl);
        Some(lease.ttl)
    }

    /// Notes what is left of the leases that have shrunk by 10 s or a twentieth; returns them.
    pub(super) fn checkpoint(&mut self, now: Millis) -> Vec<(LeaseId, Millis)> {
        let mut noted = Vec::new();
        for (id, lease) in &mut self.leases {
            let left = lease.expiry.saturating_sub(now);
            let shrunk = lease.recorded - left.min(lease.recorded);
            if left > 0 && shrunk >= 10_000 && shrunk >= millis(lease.ttl) / 20 {
                lease.recorded = left;
                noted.push((*id, left));
            }
        }
        noted
    }

    /// Raises or disarms; returns whether that changed anything.
    pub(super) fn set_alarm(&mut self, alarm: Alarm, raised: bool) -> bool {
        let was = self.alarms.contains(&alarm);
        self.alarms.retain(|other| *other != alarm);
        if raised {
            self.alarms.push(alarm);
        }
        was != raised
    }

    /// What was left of leases by the log is left of them again.
    pub(super) fn restart(&mut self, now: Millis) {
        for lease in self.leases.values_mut() {
            lease.expiry = now + lease.recorded;
        }
    }
}

fn millis(ttl: i64) -> Millis {
    u64::try_from(ttl).unwrap() * 1000
}
