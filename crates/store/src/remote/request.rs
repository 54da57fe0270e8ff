//! From the types of the core to the client's requests.

use bytes::Bytes;
use etcd_client::{
    Compare as ClientCompare, CompareOp, DeleteOptions, GetOptions, PutOptions, SortOrder as ClientOrder,
    SortTarget as ClientTarget, Txn as ClientTxn, TxnOp, WatchFilterType, WatchOptions,
};
use stanchion_store_core::{
    Compare, CompareResult, DeleteRange, KeyRange, Op, Put, RangeQuery, SortOrder, SortTarget, Test, Txn,
    WatchFilter,
};

use crate::watch::WatchSpec;

/// A range in which no key can be.
const EMPTY: &[u8] = &[1];

/// Returns key and end of a range.
///
/// On the wire some ends have a meaning of their own: none is one key, a zero byte is every key from the
/// first on. A range that ends there for real is empty, and is sent as one that says so.
fn wire(range: &KeyRange) -> (Vec<u8>, Vec<u8>) {
    if let KeyRange::Between(_, to) = range
        && matches!(to.as_ref(), [] | [0])
    {
        return (EMPTY.to_vec(), EMPTY.to_vec());
    }
    let (key, end) = range.to_wire();
    (key.into(), end.into())
}

fn vec(bytes: Bytes) -> Vec<u8> {
    bytes.into()
}

pub(super) fn range(query: RangeQuery) -> (Vec<u8>, GetOptions) {
    let RangeQuery {
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
    } = query;
    let (key, end) = wire(&range);
    let mut options = GetOptions::new()
        .with_range(end)
        .with_limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .with_revision(revision.0)
        .with_sort(sort_target(target), sort_order(order))
        .with_min_mod_revision(min_modified)
        .with_max_mod_revision(max_modified)
        .with_min_create_revision(min_created)
        .with_max_create_revision(max_created);
    if keys_only {
        options = options.with_keys_only();
    }
    if count_only {
        options = options.with_count_only();
    }
    (key, options)
}

fn sort_target(target: SortTarget) -> ClientTarget {
    match target {
        SortTarget::Key => ClientTarget::Key,
        SortTarget::Version => ClientTarget::Version,
        SortTarget::Created => ClientTarget::Create,
        SortTarget::Modified => ClientTarget::Mod,
        SortTarget::Value => ClientTarget::Value,
    }
}

fn sort_order(order: SortOrder) -> ClientOrder {
    match order {
        SortOrder::Unsorted => ClientOrder::None,
        SortOrder::Ascending => ClientOrder::Ascend,
        SortOrder::Descending => ClientOrder::Descend,
    }
}

pub(super) fn put(put: Put) -> (Vec<u8>, Vec<u8>, PutOptions) {
    let Put { key, value, lease, prev_kv, ignore_value, ignore_lease } = put;
    let mut options = PutOptions::new().with_lease(lease.0);
    if prev_kv {
        options = options.with_prev_key();
    }
    if ignore_value {
        options = options.with_ignore_value();
    }
    if ignore_lease {
        options = options.with_ignore_lease();
    }
    (vec(key), vec(value), options)
}

pub(super) fn delete_range(delete: DeleteRange) -> (Vec<u8>, DeleteOptions) {
    let DeleteRange { range, prev_kv } = delete;
    let (key, end) = wire(&range);
    let mut options = DeleteOptions::new().with_range(end);
    if prev_kv {
        options = options.with_prev_key();
    }
    (key, options)
}

pub(super) fn txn(txn: Txn) -> ClientTxn {
    let Txn { compares, success, failure } = txn;
    ClientTxn::new()
        .when(compares.into_iter().map(compare).collect::<Vec<_>>())
        .and_then(success.into_iter().map(op).collect::<Vec<_>>())
        .or_else(failure.into_iter().map(op).collect::<Vec<_>>())
}

fn op(op: Op) -> TxnOp {
    match op {
        Op::Range(query) => {
            let (key, options) = range(query);
            TxnOp::get(key, Some(options))
        }
        Op::Put(put) => {
            let (key, value, options) = self::put(put);
            TxnOp::put(key, value, Some(options))
        }
        Op::Delete(delete) => {
            let (key, options) = delete_range(delete);
            TxnOp::delete(key, Some(options))
        }
        Op::Txn(nested) => TxnOp::txn(txn(nested)),
    }
}

fn compare(compare: Compare) -> ClientCompare {
    let Compare { range, test, result } = compare;
    let (key, end) = wire(&range);
    let relation = match result {
        CompareResult::Equal => CompareOp::Equal,
        CompareResult::Greater => CompareOp::Greater,
        CompareResult::Less => CompareOp::Less,
        CompareResult::NotEqual => CompareOp::NotEqual,
    };
    let compare = match test {
        Test::Version(version) => ClientCompare::version(key, relation, version),
        Test::Created(revision) => ClientCompare::create_revision(key, relation, revision),
        Test::Modified(revision) => ClientCompare::mod_revision(key, relation, revision),
        Test::Value(value) => ClientCompare::value(key, relation, value),
        Test::Lease(lease) => ClientCompare::lease(key, relation, lease),
    };
    compare.with_range(end)
}

pub(super) fn watch(spec: WatchSpec) -> (Vec<u8>, WatchOptions) {
    let WatchSpec { id, range, start, filter, prev_kv, progress_notify } = spec;
    let (key, end) = wire(&range);
    let mut options = WatchOptions::new()
        .with_range(end)
        .with_watch_id(id)
        .with_start_revision(start.0)
        .with_filters(filters(filter));
    if prev_kv {
        options = options.with_prev_key();
    }
    if progress_notify {
        options = options.with_progress_notify();
    }
    (key, options)
}

fn filters(filter: WatchFilter) -> Vec<WatchFilterType> {
    let WatchFilter { no_put, no_delete } = filter;
    let put = no_put.then_some(WatchFilterType::NoPut);
    put.into_iter().chain(no_delete.then_some(WatchFilterType::NoDelete)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_range_does_not_become_another_one() {
        let between = |to: &'static [u8]| KeyRange::Between("k".into(), Bytes::from_static(to));
        assert_eq!(wire(&between(b"")), (EMPTY.to_vec(), EMPTY.to_vec()), "not one key");
        assert_eq!(wire(&between(b"\0")), (EMPTY.to_vec(), EMPTY.to_vec()), "not every key from k on");
        assert_eq!(wire(&between(b"l")), (b"k".to_vec(), b"l".to_vec()));
        assert_eq!(wire(&KeyRange::One("k".into())), (b"k".to_vec(), Vec::new()));
        assert_eq!(wire(&KeyRange::all()), (vec![0], vec![0]));
    }
}
