//! What random histories are made of: few short keys, so that requests meet.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::alarm::Alarm;
use crate::request::{
    Compare, CompareResult, DeleteRange, Op, Put, RangeQuery, SortOrder, SortTarget, Test, Txn,
};
use crate::types::{KeyRange, LeaseId, Millis, Revision};

/// Revisions that histories of the usual length reach, and some beyond.
const REVISIONS: std::ops::Range<i64> = 1..40;
const LEASES: std::ops::Range<i64> = 1..4;

/// One thing that happens to a store.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A key is written.
    Put(Put),
    /// Keys are deleted.
    Delete(DeleteRange),
    /// A transaction, if it passes the checks of the edge.
    Txn(Txn),
    /// A range is read, `budget` keys at a time, by a reader who sees all but the newest `behind` revisions.
    Range { query: RangeQuery, behind: i64, budget: usize },
    /// A range is read, `budget` keys at a time, and in between a key is written.
    Scan { query: RangeQuery, budget: usize, meanwhile: Vec<Put> },
    /// History is given up.
    Compact(Revision),
    /// A purge goes on for `budget` keys, or begins.
    Purge { budget: usize },
    /// A lease is granted.
    Grant { id: LeaseId, ttl: i64 },
    /// A lease is ended.
    Revoke(LeaseId),
    /// A lease is kept alive.
    Renew(LeaseId),
    /// Time goes by.
    Pass(Millis),
    /// What has run out is ended.
    Expire,
    /// What is left of leases is written down where that is due.
    Checkpoint,
    /// An alarm is raised or disarmed.
    Alarm { alarm: Alarm, raised: bool },
    /// The log so far is sealed, to be rewritten.
    Seal,
    /// The sealed part of the log is rewritten.
    Rewrite,
    /// The store starts anew from its log.
    Restart,
}

fn key() -> impl Strategy<Value = Bytes> {
    select(&["a", "aa", "ab", "b", "ba", "c"][..]).prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Bytes> {
    select(&["", "x", "y", "zz"][..]).prop_map(Bytes::from)
}

fn lease() -> impl Strategy<Value = LeaseId> {
    LEASES.prop_map(LeaseId)
}

/// All forms of a range; those between two keys are often empty or out of order.
fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        4 => key().prop_map(KeyRange::One),
        4 => (key(), key()).prop_map(|(from, to)| KeyRange::Between(from, to)),
        1 => key().prop_map(|from| KeyRange::Between(from, "z".into())),
        2 => key().prop_map(KeyRange::prefix),
        2 => key().prop_map(KeyRange::From),
        1 => Just(KeyRange::all()),
    ]
}

fn put() -> impl Strategy<Value = Put> {
    let bound = prop_oneof![3 => Just(LeaseId::NONE), 2 => lease()];
    (key(), value(), bound, any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
        |(key, value, lease, prev_kv, ignore_value, ignore_lease)| Put {
            key,
            value: if ignore_value { Bytes::new() } else { value },
            lease: if ignore_lease { LeaseId::NONE } else { lease },
            prev_kv,
            ignore_value,
            ignore_lease,
        },
    )
}

fn delete() -> impl Strategy<Value = DeleteRange> {
    (range(), any::<bool>()).prop_map(|(range, prev_kv)| DeleteRange { range, prev_kv })
}

/// A revision to read at, mostly the newest.
fn revision() -> impl Strategy<Value = Revision> {
    prop_oneof![2 => Just(Revision::NONE), 1 => REVISIONS.prop_map(Revision)]
}

/// A bound on revisions, mostly none.
fn bound() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 1 => REVISIONS]
}

fn order() -> impl Strategy<Value = (SortTarget, SortOrder)> {
    use SortTarget::{Created, Key, Modified, Value, Version};
    let targets = select(&[Key, Version, Created, Modified, Value][..]);
    let orders = select(&[SortOrder::Unsorted, SortOrder::Ascending, SortOrder::Descending][..]);
    (targets, orders)
}

fn query() -> impl Strategy<Value = RangeQuery> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.1));
    let bounds = (bound(), bound(), bound(), bound());
    (range(), 0..4u64, revision(), order(), flags, bounds).prop_map(
        |(range, limit, revision, (target, order), (keys_only, count_only), bounds)| {
            let (min_modified, max_modified, min_created, max_created) = bounds;
            RangeQuery {
                range,
                limit,
                revision,
                order,
                target,
                keys_only,
                count_only,
                min_modified,
                max_modified,
                min_created,
                max_created,
            }
        },
    )
}

fn compare() -> impl Strategy<Value = Compare> {
    use CompareResult::{Equal, Greater, Less, NotEqual};
    let test = prop_oneof![
        (0..4i64).prop_map(Test::Version),
        (0..12i64).prop_map(Test::Created),
        (0..12i64).prop_map(Test::Modified),
        value().prop_map(Test::Value),
        (0..4i64).prop_map(Test::Lease),
    ];
    let result = select(&[Equal, Greater, Less, NotEqual][..]);
    (range(), test, result).prop_map(|(range, test, result)| Compare { range, test, result })
}

fn txn_of<S: Strategy<Value = Op>>(op: impl Fn() -> S) -> impl Strategy<Value = Txn> {
    (vec(compare(), 0..3), vec(op(), 0..4), vec(op(), 0..3)).prop_map(|(compares, success, failure)| Txn {
        compares,
        success,
        failure,
    })
}

fn simple_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => put().prop_map(Op::Put),
        2 => delete().prop_map(Op::Delete),
        2 => query().prop_map(Op::Range),
    ]
}

/// A transaction, with transactions inside it two levels deep.
fn txn() -> impl Strategy<Value = Txn> {
    let inner = || prop_oneof![5 => simple_op(), 1 => txn_of(simple_op).prop_map(Op::Txn)].boxed();
    let outer = move || prop_oneof![3 => simple_op(), 2 => txn_of(inner).prop_map(Op::Txn)].boxed();
    txn_of(outer)
}

/// Transactions beside each other in one, of which a later may delete what an earlier wrote.
fn siblings() -> impl Strategy<Value = Txn> {
    let unconditional = |op: Op| Op::Txn(Txn { success: vec![op], ..Txn::default() });
    vec(simple_op().prop_map(unconditional), 1..4).prop_map(|success| Txn { success, ..Txn::default() })
}

pub(super) fn writes() -> impl Strategy<Value = Step> {
    prop_oneof![4 => put().prop_map(Step::Put), 1 => delete().prop_map(Step::Delete)]
}

pub(super) fn transactions() -> impl Strategy<Value = Step> {
    prop_oneof![3 => txn(), 1 => siblings()].prop_map(Step::Txn)
}

pub(super) fn reads() -> impl Strategy<Value = Step> {
    (query(), 0..3i64, 1..5usize).prop_map(|(query, behind, budget)| Step::Range { query, behind, budget })
}

pub(super) fn scans() -> impl Strategy<Value = Step> {
    (query(), 1..4usize, vec(put(), 0..4)).prop_map(|(query, budget, meanwhile)| Step::Scan {
        query,
        budget,
        meanwhile,
    })
}

pub(super) fn compactions() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..40i64).prop_map(|revision| Step::Compact(Revision(revision))),
        2 => (1..4usize).prop_map(|budget| Step::Purge { budget }),
        1 => Just(Step::Purge { budget: usize::MAX }),
    ]
}

pub(super) fn leases() -> impl Strategy<Value = Step> {
    let ttl = prop_oneof![8 => 1..40i64, 1 => Just(-3), 1 => Just(1000), 1 => Just(i64::MAX)];
    prop_oneof![
        4 => (0..4i64, ttl).prop_map(|(id, ttl)| Step::Grant { id: LeaseId(id), ttl }),
        1 => lease().prop_map(Step::Revoke),
        2 => lease().prop_map(Step::Renew),
    ]
}

pub(super) fn times() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..15_000u64).prop_map(Step::Pass),
        2 => Just(Step::Expire),
        2 => Just(Step::Checkpoint),
    ]
}

pub(super) fn alarms() -> impl Strategy<Value = Step> {
    (select(&Alarm::ALL[..]), prop::bool::weighted(0.3))
        .prop_map(|(alarm, raised)| Step::Alarm { alarm, raised })
}

pub(super) fn restarts() -> impl Strategy<Value = Step> {
    prop_oneof![1 => Just(Step::Seal), 1 => Just(Step::Rewrite), 1 => Just(Step::Restart)]
}
