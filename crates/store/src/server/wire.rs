//! Between the messages of the wire and the types of the core.

use bytes::Bytes;
use stanchion_etcd_api::{etcdserverpb as pb, mvccpb};
use stanchion_store_core::{
    Compare, CompareResult, DeleteRange, DeleteResult, Event, EventKind, KeyRange, KeyValue, LeaseId, Op,
    OpResult, Put, PutResult, RangeQuery, RangeResult, Revision, SortOrder, SortTarget, StoreError, Test,
    Txn, TxnResult, WatchFilter,
};

use crate::watch::{WatchEvent, WatchSpec};

/// Reads a range request.
pub fn range_query(request: pb::RangeRequest) -> Result<RangeQuery, StoreError> {
    use pb::range_request::{SortOrder as WireOrder, SortTarget as WireTarget};
    let order = match WireOrder::try_from(request.sort_order).map_err(|_| StoreError::InvalidSortOption)? {
        WireOrder::None => SortOrder::Unsorted,
        WireOrder::Ascend => SortOrder::Ascending,
        WireOrder::Descend => SortOrder::Descending,
    };
    let target = match WireTarget::try_from(request.sort_target).map_err(|_| StoreError::InvalidSortOption)? {
        WireTarget::Key => SortTarget::Key,
        WireTarget::Version => SortTarget::Version,
        WireTarget::Create => SortTarget::Created,
        WireTarget::Mod => SortTarget::Modified,
        WireTarget::Value => SortTarget::Value,
    };
    Ok(RangeQuery {
        range: KeyRange::from_wire(request.key, request.range_end),
        limit: u64::try_from(request.limit).unwrap_or(0),
        revision: Revision(request.revision.max(0)),
        order,
        target,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_modified: request.min_mod_revision,
        max_modified: request.max_mod_revision,
        min_created: request.min_create_revision,
        max_created: request.max_create_revision,
    })
}

/// Reads a put request.
pub fn put(request: pb::PutRequest) -> Put {
    let pb::PutRequest { key, value, lease, prev_kv, ignore_value, ignore_lease } = request;
    Put { key, value, lease: LeaseId(lease), prev_kv, ignore_value, ignore_lease }
}

/// Reads a deletion request.
pub fn delete_range(request: pb::DeleteRangeRequest) -> DeleteRange {
    let pb::DeleteRangeRequest { key, range_end, prev_kv } = request;
    DeleteRange { range: KeyRange::from_wire(key, range_end), prev_kv }
}

/// Reads a transaction, nested at most `depth` deep: a transaction holds at most that many operations anyway.
pub fn txn(request: pb::TxnRequest, depth: usize) -> Result<Txn, StoreError> {
    let branch =
        |ops: Vec<pb::RequestOp>| ops.into_iter().map(|op| self::op(op, depth)).collect::<Result<_, _>>();
    Ok(Txn {
        compares: request.compare.into_iter().map(compare).collect::<Result<_, _>>()?,
        success: branch(request.success)?,
        failure: branch(request.failure)?,
    })
}

fn op(op: pb::RequestOp, depth: usize) -> Result<Op, StoreError> {
    use pb::request_op::Request;
    Ok(match op.request.ok_or(StoreError::KeyNotFound)? {
        Request::RequestRange(range) => Op::Range(range_query(range)?),
        Request::RequestPut(put) => Op::Put(self::put(put)),
        Request::RequestDeleteRange(delete) => Op::Delete(delete_range(delete)),
        Request::RequestTxn(nested) => {
            Op::Txn(txn(nested, depth.checked_sub(1).ok_or(StoreError::TooManyOps)?)?)
        }
    })
}

fn compare(compare: pb::Compare) -> Result<Compare, StoreError> {
    use pb::compare::{CompareResult as WireResult, CompareTarget, TargetUnion};
    let unknown = |_| StoreError::Unsupported("an unknown comparison");
    let result = match WireResult::try_from(compare.result).map_err(unknown)? {
        WireResult::Equal => CompareResult::Equal,
        WireResult::Greater => CompareResult::Greater,
        WireResult::Less => CompareResult::Less,
        WireResult::NotEqual => CompareResult::NotEqual,
    };
    // A value of another kind than the target says counts as zero, as in etcd.
    let union = compare.target_union;
    let test = match CompareTarget::try_from(compare.target).map_err(unknown)? {
        CompareTarget::Version => Test::Version(match union {
            Some(TargetUnion::Version(version)) => version,
            _ => 0,
        }),
        CompareTarget::Create => Test::Created(match union {
            Some(TargetUnion::CreateRevision(revision)) => revision,
            _ => 0,
        }),
        CompareTarget::Mod => Test::Modified(match union {
            Some(TargetUnion::ModRevision(revision)) => revision,
            _ => 0,
        }),
        CompareTarget::Value => Test::Value(match union {
            Some(TargetUnion::Value(value)) => value,
            _ => Bytes::new(),
        }),
        CompareTarget::Lease => Test::Lease(match union {
            Some(TargetUnion::Lease(lease)) => lease,
            _ => 0,
        }),
    };
    Ok(Compare { range: KeyRange::from_wire(compare.key, compare.range_end), test, result })
}

/// Reads a request for a watch.
pub fn watch_spec(request: pb::WatchCreateRequest) -> WatchSpec {
    use pb::watch_create_request::FilterType;
    // An empty key means the smallest one.
    let key = if request.key.is_empty() { Bytes::from_static(&[0]) } else { request.key };
    let has = |filter: FilterType| request.filters.contains(&(filter as i32));
    WatchSpec {
        id: request.watch_id,
        range: KeyRange::from_wire(key, request.range_end),
        start: Revision(request.start_revision.max(0)),
        filter: WatchFilter { no_put: has(FilterType::Noput), no_delete: has(FilterType::Nodelete) },
        prev_kv: request.prev_kv,
        progress_notify: request.progress_notify,
    }
}

/// Writes a pair.
pub fn key_value(kv: KeyValue) -> mvccpb::KeyValue {
    let KeyValue { key, value, created, modified, version, lease } = kv;
    mvccpb::KeyValue {
        key,
        create_revision: created.0,
        mod_revision: modified.0,
        version,
        value,
        lease: lease.0,
    }
}

/// Writes the answer to a range.
pub fn range_response(result: RangeResult, header: pb::ResponseHeader) -> pb::RangeResponse {
    pb::RangeResponse {
        header: Some(header),
        kvs: result.kvs.into_iter().map(key_value).collect(),
        more: result.more,
        count: i64::try_from(result.count).unwrap_or(i64::MAX),
    }
}

/// Writes the answer to a put.
pub fn put_response(result: PutResult, header: pb::ResponseHeader) -> pb::PutResponse {
    pb::PutResponse { header: Some(header), prev_kv: result.prev_kv.map(key_value) }
}

/// Writes the answer to a deletion.
pub fn delete_response(result: DeleteResult, header: pb::ResponseHeader) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header: Some(header),
        deleted: i64::try_from(result.deleted).unwrap_or(i64::MAX),
        prev_kvs: result.prev_kvs.into_iter().map(key_value).collect(),
    }
}

/// Writes the answer to a transaction. The answers within carry only a revision, as etcd's do.
pub fn txn_response(result: TxnResult, header: pb::ResponseHeader) -> pb::TxnResponse {
    let responses =
        result.results.into_iter().map(|result| pb::ResponseOp { response: Some(op_response(result)) });
    pb::TxnResponse { header: Some(header), succeeded: result.succeeded, responses: responses.collect() }
}

fn op_response(result: OpResult) -> pb::response_op::Response {
    use pb::response_op::Response;
    let inner =
        |revision: Revision| pb::ResponseHeader { revision: revision.0, ..pb::ResponseHeader::default() };
    match result {
        OpResult::Range(range) => {
            let header = inner(range.revision);
            Response::ResponseRange(range_response(range, header))
        }
        OpResult::Put(put) => {
            let header = inner(put.revision);
            Response::ResponsePut(put_response(put, header))
        }
        OpResult::Delete(delete) => {
            let header = inner(delete.revision);
            Response::ResponseDeleteRange(delete_response(delete, header))
        }
        OpResult::Txn(txn) => {
            let header = inner(txn.revision);
            Response::ResponseTxn(txn_response(txn, header))
        }
    }
}

/// Writes an event.
pub fn event(event: WatchEvent) -> mvccpb::Event {
    let WatchEvent { event, prev_kv } = event;
    let Event { kind, kv } = std::sync::Arc::unwrap_or_clone(event);
    let kind = match kind {
        EventKind::Put => mvccpb::event::EventType::Put,
        EventKind::Delete => mvccpb::event::EventType::Delete,
    };
    mvccpb::Event { r#type: kind as i32, kv: Some(key_value(kv)), prev_kv: prev_kv.map(key_value) }
}
