//! etcd's rules, one test each.

use bytes::Bytes;

use super::journal::MemoryLog;
use super::machine::read;
use crate::alarm::Alarm;
use crate::error::StoreError;
use crate::keyspace::{Change, Keyspace};
use crate::lease::Renewal;
use crate::quota::Quota;
use crate::request::{
    Compare, CompareResult, DeleteRange, Op, OpResult, Put, RangeQuery, SortOrder, SortTarget, Test, Txn,
    TxnResult,
};
use crate::types::{EventKind, KeyRange, KeyValue, LeaseId, Revision};

const LEASE: LeaseId = LeaseId(7);
const OTHER: LeaseId = LeaseId(8);

/// A keyspace that writes its log to memory.
#[derive(Default)]
struct Store {
    keyspace: Keyspace,
    log: MemoryLog,
    change: Change,
}

impl Store {
    /// Starts with these keys, each at a revision of its own, from 2 on.
    fn with(keys: &[&'static str]) -> Self {
        let mut store = Self::default();
        for key in keys {
            store.put(&put(key, "v")).unwrap();
        }
        store
    }

    fn put(&mut self, put: &Put) -> Result<Option<KeyValue>, StoreError> {
        let Self { keyspace, log, change } = self;
        keyspace.put(put, log, change).map(|result| result.prev_kv)
    }

    fn delete(&mut self, range: KeyRange) -> u64 {
        let Self { keyspace, log, change } = self;
        let delete = DeleteRange { range, prev_kv: false };
        keyspace.delete_range(&delete, log, change).unwrap().deleted
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnResult, StoreError> {
        let Self { keyspace, log, change } = self;
        keyspace.txn(txn, log, change)
    }

    fn grant(&mut self, id: LeaseId) {
        self.keyspace.lease_grant(id, 10, 0, &mut self.log).unwrap();
    }

    fn revoke(&mut self, id: LeaseId) {
        let Self { keyspace, log, change } = self;
        keyspace.lease_revoke(id, log, change).unwrap();
    }

    /// Reads a range as its readers do.
    fn range(&self, query: &RangeQuery) -> Result<Vec<KeyValue>, StoreError> {
        let newest = self.keyspace.revision();
        read(&self.keyspace, &self.log, query, newest, usize::MAX).map(|result| result.kvs)
    }

    fn get_at(&self, key: &'static str, revision: i64) -> Result<Option<KeyValue>, StoreError> {
        let query = RangeQuery { revision: Revision(revision), ..RangeQuery::new(one(key)) };
        self.range(&query).map(|mut kvs| kvs.pop())
    }

    fn get(&self, key: &'static str) -> Option<KeyValue> {
        self.get_at(key, 0).unwrap()
    }

    fn revision(&self) -> i64 {
        self.keyspace.revision().0
    }

    fn keys_of(&self, id: LeaseId) -> Vec<Bytes> {
        let lease = self.keyspace.leases().get(id);
        lease.into_iter().flat_map(|lease| lease.keys.iter().cloned()).collect()
    }

    /// Rewrites the whole log and starts anew from it.
    fn rewrite_and_restart(&mut self) {
        let head = self.keyspace.head();
        let sealed = self.log.seal();
        self.log.rewrite(sealed, &head, &mut self.keyspace);
        self.keyspace = self.log.replay(0).unwrap();
    }
}

fn put(key: &'static str, value: &'static str) -> Put {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

fn leased(key: &'static str, lease: LeaseId) -> Put {
    Put { lease, ..put(key, "v") }
}

fn one(key: &'static str) -> KeyRange {
    KeyRange::One(key.into())
}

fn if_all(compares: Vec<Compare>, success: Vec<Op>) -> Txn {
    Txn { compares, success, failure: Vec::new() }
}

fn equal(range: KeyRange, test: Test) -> Compare {
    Compare { range, test, result: CompareResult::Equal }
}

/// Creation, last write and version of a pair.
fn numbers(kv: Option<KeyValue>) -> Option<(i64, i64, i64)> {
    kv.map(|kv| (kv.created.0, kv.modified.0, kv.version))
}

#[test]
fn a_new_store_is_at_revision_1_and_its_first_write_at_2() {
    let mut store = Store::default();
    assert_eq!(store.revision(), 1);
    store.put(&put("a", "v")).unwrap();
    assert_eq!(store.revision(), 2);
}

#[test]
fn a_write_counts_the_version_and_keeps_the_creation() {
    let store = Store::with(&["a", "b", "a"]);
    assert_eq!(numbers(store.get("a")), Some((2, 4, 2)));
    assert_eq!(numbers(store.get_at("a", 3).unwrap()), Some((2, 2, 1)), "the past stays readable");
}

#[test]
fn a_deleted_key_begins_anew() {
    let mut store = Store::with(&["a", "a"]);
    assert_eq!(store.delete(one("a")), 1);
    assert_eq!(store.get("a"), None);
    store.put(&put("a", "v")).unwrap();
    assert_eq!(numbers(store.get("a")), Some((5, 5, 1)));
    assert_eq!(store.get_at("a", 4), Ok(None), "at its deletion");
    assert_eq!(numbers(store.get_at("a", 3).unwrap()), Some((2, 3, 2)), "before it");
}

#[test]
fn a_deletion_of_nothing_makes_no_revision() {
    let mut store = Store::with(&["b"]);
    assert_eq!(store.delete(one("a")), 0);
    assert_eq!(store.delete(KeyRange::Between("c".into(), "a".into())), 0, "the ends are out of order");
    assert_eq!(store.revision(), 2);
}

#[test]
fn the_keys_of_one_deletion_share_a_revision() {
    let mut store = Store::with(&["a", "ab", "b"]);
    store.change = Change::default();
    assert_eq!(store.delete(KeyRange::prefix("a".into())), 2);
    let told: Vec<_> = store
        .change
        .events
        .iter()
        .map(|event| (event.kind, event.kv.modified.0, &event.kv.key[..]))
        .collect();
    assert_eq!(told, [(EventKind::Delete, 5, &b"a"[..]), (EventKind::Delete, 5, &b"ab"[..])]);
    assert_eq!(store.revision(), 5);
}

#[test]
fn a_transaction_that_changes_nothing_makes_no_revision() {
    let mut store = Store::with(&["a"]);
    let absent = equal(one("b"), Test::Version(0));
    let ops = vec![
        Op::Range(RangeQuery::new(KeyRange::all())),
        Op::Delete(DeleteRange { range: one("b"), prev_kv: true }),
    ];
    let result = store.txn(&if_all(vec![absent], ops)).unwrap();
    assert!(result.succeeded);
    assert_eq!(result.revision, Revision(2));
    assert_eq!(store.revision(), 2);
}

#[test]
fn a_transaction_reads_what_it_wrote_but_is_decided_by_what_was() {
    let mut store = Store::default();
    let nested = Txn {
        compares: vec![equal(one("a"), Test::Version(1))],
        success: Vec::new(),
        failure: vec![Op::Range(RangeQuery::new(one("a")))],
    };
    let ops = vec![Op::Put(put("a", "v")), Op::Txn(nested)];
    let result = store.txn(&if_all(Vec::new(), ops)).unwrap();
    let OpResult::Txn(nested) = &result.results[1] else { panic!("{result:?}") };
    assert!(!nested.succeeded, "the key was not there before");
    assert_eq!(nested.revision, Revision::NONE, "only the outermost tells the revision");
    let OpResult::Range(range) = &nested.results[0] else { panic!("{nested:?}") };
    assert_eq!((range.revision, range.kvs.len()), (Revision(2), 1));
}

#[test]
fn a_transaction_is_refused_as_a_whole() {
    let mut store = Store::with(&["a"]);
    let future = RangeQuery { revision: Revision(3), ..RangeQuery::new(one("a")) };
    let ops = vec![Op::Put(put("a", "w")), Op::Range(future)];
    let length = store.log.len();
    assert_eq!(store.txn(&if_all(Vec::new(), ops)), Err(StoreError::FutureRevision));
    assert_eq!((store.revision(), store.log.len()), (2, length));
}

#[test]
fn a_transaction_may_delete_what_a_transaction_in_it_wrote() {
    let mut store = Store::default();
    let within = |op| Op::Txn(if_all(Vec::new(), vec![op]));
    let delete = DeleteRange { range: one("a"), prev_kv: true };
    let txn = if_all(Vec::new(), vec![within(Op::Put(put("a", "v"))), within(Op::Delete(delete))]);
    store.txn(&txn).unwrap();
    assert_eq!((store.revision(), store.get("a")), (2, None));
    let told: Vec<_> = store.change.events.iter().map(|event| event.kind).collect();
    assert_eq!(told, [EventKind::Put, EventKind::Delete]);

    store.put(&put("b", "v")).unwrap();
    store.rewrite_and_restart();
    assert_eq!((store.revision(), store.get("a")), (3, None));
}

#[test]
fn the_bound_of_a_transaction_counts_the_deletion_of_what_it_wrote() {
    let mut store = Store::default();
    let key = Bytes::from(vec![b'k'; 1000]);
    let within = |op| Op::Txn(if_all(Vec::new(), vec![op]));
    let put = Put { key: key.clone(), ..Put::default() };
    let delete = DeleteRange { range: KeyRange::One(key), prev_kv: false };
    let txn = if_all(Vec::new(), vec![within(Op::Put(put)), within(Op::Delete(delete))]);
    let bound = store.keyspace.txn_bound(&txn);
    store.txn(&txn).unwrap();
    assert!(store.log.len() as u64 <= bound, "{} bytes, {bound} announced", store.log.len());
}

#[test]
fn a_condition_on_a_range_has_to_hold_for_every_key() {
    let mut store = Store::with(&["a", "ab", "ab"]);
    let mut holds = |range, test, result| {
        let compare = Compare { range, test, result };
        store.txn(&if_all(vec![compare], Vec::new())).unwrap().succeeded
    };
    let all = || KeyRange::prefix("a".into());
    assert!(holds(all(), Test::Version(0), CompareResult::Greater));
    assert!(!holds(all(), Test::Version(1), CompareResult::Equal));
    assert!(holds(one("x"), Test::Version(0), CompareResult::Equal), "a key that is not there has zeros");
    assert!(!holds(one("x"), Test::Value("v".into()), CompareResult::NotEqual), "but no value at all");
}

#[test]
fn keeping_the_value_or_the_lease_needs_the_key() {
    let mut store = Store::default();
    store.grant(LEASE);
    let keep_value = Put { ignore_value: true, ..leased("a", LEASE) };
    let keep_lease = Put { ignore_lease: true, ..put("a", "w") };
    assert_eq!(store.put(&keep_value), Err(StoreError::KeyNotFound));
    assert_eq!(store.put(&keep_lease), Err(StoreError::KeyNotFound));

    store.put(&put("a", "v")).unwrap();
    store.put(&keep_value).unwrap();
    store.put(&keep_lease).unwrap();
    let kv = store.get("a").unwrap();
    assert_eq!((kv.value, kv.lease), ("w".into(), LEASE));
}

#[test]
fn a_lease_that_is_not_there_is_told_before_a_key_unless_in_a_transaction() {
    let mut store = Store::default();
    let put = Put { ignore_value: true, ..leased("a", LEASE) };
    assert_eq!(store.put(&put), Err(StoreError::LeaseNotFound));
    assert_eq!(store.txn(&if_all(Vec::new(), vec![Op::Put(put)])), Err(StoreError::KeyNotFound));
}

#[test]
fn an_overwrite_takes_a_key_from_its_lease() {
    let mut store = Store::default();
    store.grant(LEASE);
    store.grant(OTHER);
    store.put(&leased("a", LEASE)).unwrap();
    store.put(&leased("b", LEASE)).unwrap();
    store.put(&leased("a", OTHER)).unwrap();
    store.put(&put("b", "v")).unwrap();
    assert_eq!(store.keys_of(LEASE), Vec::<Bytes>::new());
    assert_eq!(store.keys_of(OTHER), ["a"]);
    store.revoke(LEASE);
    assert_eq!(store.keyspace.index().live_keys(), 2, "nothing lived under it any more");
    assert_eq!(store.revision(), 5, "so that its end makes no revision");
}

#[test]
fn the_end_of_a_lease_deletes_its_keys_at_one_revision() {
    let mut store = Store::default();
    store.grant(LEASE);
    store.put(&leased("b", LEASE)).unwrap();
    store.put(&leased("a", LEASE)).unwrap();
    store.change = Change::default();
    store.revoke(LEASE);
    let told: Vec<_> =
        store.change.events.iter().map(|event| (event.kv.modified.0, &event.kv.key[..])).collect();
    assert_eq!(told, [(4, &b"a"[..]), (4, &b"b"[..])]);
    assert_eq!(store.keyspace.index().live_keys(), 0);
}

#[test]
fn a_deletion_frees_keys_from_their_leases() {
    let mut store = Store::default();
    store.grant(LEASE);
    store.grant(OTHER);
    for leased in [leased("a", LEASE), leased("b", OTHER), leased("c", LEASE)] {
        store.put(&leased).unwrap();
    }
    assert_eq!(store.delete(KeyRange::Between("a".into(), "c".into())), 2);
    assert_eq!(store.keys_of(LEASE), ["c"]);
    assert_eq!(store.keys_of(OTHER), Vec::<Bytes>::new());
    store.put(&put("a", "v")).unwrap();
    store.revoke(LEASE);
    assert!(store.get("a").is_some(), "the new key is not bound to the lease of the old one");
}

#[test]
fn a_rewritten_log_does_not_forget_the_renewal_of_a_lease() {
    let mut store = Store::default();
    store.grant(LEASE);
    // 9 of 10 seconds are gone, which is too little to be worth a record.
    let now = 9_000;
    assert_eq!(store.keyspace.leases().due_checkpoints(now, 1), []);
    let head = store.keyspace.head();
    let sealed = store.log.seal();
    store.log.rewrite(sealed, &head, &mut store.keyspace);
    let renewal = store.keyspace.lease_renew(LEASE, now);
    assert_eq!(renewal, Some(Renewal { ttl: 10, must_record: false }), "the log says so already");
    let restarted = store.log.replay(now).unwrap();
    assert_eq!(restarted.leases().get(LEASE).map(|lease| lease.remaining(now)), Some(10_000));
}

#[test]
fn a_compaction_keeps_what_stands_at_its_revision() {
    let mut store = Store::with(&["a", "a", "b", "a"]);
    store.keyspace.compact(Revision(4), &mut store.log).unwrap();
    store.keyspace.purge(&[], usize::MAX);
    assert_eq!(store.get_at("a", 3), Err(StoreError::Compacted(Revision(4))));
    assert_eq!(numbers(store.get_at("a", 4).unwrap()), Some((2, 3, 2)));
    let mut compact = |revision| store.keyspace.compact(Revision(revision), &mut store.log);
    assert_eq!(compact(4), Err(StoreError::Compacted(Revision(4))));
    assert_eq!(compact(6), Err(StoreError::FutureRevision));
}

#[test]
fn a_read_that_a_compaction_overtakes_is_refused() {
    let mut store = Store::with(&["a", "b"]);
    let mut scan =
        crate::Scan::begin(RangeQuery::new(KeyRange::all()), Revision(3), &store.keyspace).unwrap();
    assert_eq!(scan.step(&store.keyspace, 1), Ok(false));
    store.put(&put("c", "v")).unwrap();
    store.keyspace.compact(Revision(4), &mut store.log).unwrap();
    assert_eq!(scan.step(&store.keyspace, 1), Err(StoreError::Compacted(Revision(4))));
}

#[test]
fn what_sorts_equal_stays_in_the_order_of_keys() {
    let store = Store::with(&["a", "b", "c", "b"]);
    let sorted = |target, order| {
        let query = RangeQuery { order, target, ..RangeQuery::new(KeyRange::all()) };
        let kvs = store.range(&query).unwrap();
        String::from_utf8(kvs.iter().flat_map(|kv| kv.key.to_vec()).collect()).unwrap()
    };
    assert_eq!(sorted(SortTarget::Version, SortOrder::Unsorted), "acb");
    assert_eq!(sorted(SortTarget::Version, SortOrder::Descending), "bac");
    assert_eq!(sorted(SortTarget::Value, SortOrder::Descending), "abc");
    assert_eq!(sorted(SortTarget::Key, SortOrder::Descending), "cba");
}

#[test]
fn a_full_store_takes_no_writes_until_there_is_room_and_the_alarm_is_disarmed() {
    let mut store = Store::default();
    let Store { keyspace, log, .. } = &mut store;
    let quota = Quota::Bytes(1000);
    let full = Err(StoreError::NoSpace);
    assert_eq!(keyspace.admit(quota, 500, 499, log), Ok(()));
    assert_eq!(keyspace.admit(quota, 500, 500, log), full, "the quota itself is not reached");
    assert!(keyspace.alarms().is_raised(Alarm::NoSpace));
    assert_eq!(keyspace.admit(quota, 0, 1, log), full, "room alone does not help");
    assert_eq!(keyspace.admit(quota, 5000, 0, log), Ok(()), "a deletion costs nothing");

    assert!(keyspace.set_alarm(Alarm::NoSpace, false, log));
    assert_eq!(keyspace.admit(quota, 990, 300, log), full, "a disarm alone does not help either");
    assert!(keyspace.alarms().is_raised(Alarm::NoSpace));

    assert!(keyspace.set_alarm(Alarm::NoSpace, false, log));
    assert_eq!(keyspace.admit(quota, 100, 300, log), Ok(()));
    assert_eq!(keyspace.admit(Quota::Off, u64::MAX, u64::MAX, log), Ok(()));
}

#[test]
fn an_alarm_outlives_a_restart_and_a_corrupt_store_does_nothing() {
    let mut store = Store::with(&["a"]);
    assert!(store.keyspace.set_alarm(Alarm::Corrupt, true, &mut store.log));
    assert!(!store.keyspace.set_alarm(Alarm::Corrupt, true, &mut store.log), "it is raised already");
    store.rewrite_and_restart();
    let Store { keyspace, log, .. } = &mut store;
    assert_eq!(keyspace.admit(Quota::Off, 0, 0, log), Err(StoreError::Corrupt));
    assert_eq!(keyspace.compact(Revision(2), log), Err(StoreError::Corrupt));
}
