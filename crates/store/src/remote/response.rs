//! From the server's answers to the types of the core.

use std::sync::Arc;

use etcd_client::EventType;
use etcd_client::proto::{
    PbDeleteResponse, PbEvent, PbKeyValue, PbLeaseGrantResponse, PbLeaseTimeToLiveResponse, PbPutResponse,
    PbRangeResponse, PbResponseHeader, PbTxnOpResponse, PbTxnResponse,
};
use stanchion_store_core::{
    DeleteResult, Event, EventKind, KeyValue, LeaseId, OpResult, PutResult, RangeResult, Revision,
    StoreError, TxnResult,
};

use super::error::{of_reason, senseless};
use crate::LeaseInfo;
use crate::watch::WatchEvent;

/// Reads the revision of an answer's header.
pub(super) fn revision(header: Option<PbResponseHeader>) -> Result<Revision, StoreError> {
    header.map(|header| Revision(header.revision)).ok_or_else(|| senseless("no header"))
}

fn count(count: i64) -> Result<u64, StoreError> {
    u64::try_from(count).map_err(|_| senseless("a negative count"))
}

pub(super) fn key_value(kv: PbKeyValue) -> KeyValue {
    let PbKeyValue { key, create_revision, mod_revision, version, value, lease } = kv;
    KeyValue {
        key: key.into(),
        value: value.into(),
        created: Revision(create_revision),
        modified: Revision(mod_revision),
        version,
        lease: LeaseId(lease),
    }
}

fn key_values(kvs: Vec<PbKeyValue>) -> Vec<KeyValue> {
    kvs.into_iter().map(key_value).collect()
}

pub(super) fn range(answer: PbRangeResponse) -> Result<RangeResult, StoreError> {
    let PbRangeResponse { header, kvs, more, count } = answer;
    Ok(RangeResult { revision: revision(header)?, kvs: key_values(kvs), more, count: self::count(count)? })
}

pub(super) fn put(answer: PbPutResponse) -> Result<PutResult, StoreError> {
    let PbPutResponse { header, prev_kv } = answer;
    Ok(PutResult { revision: revision(header)?, prev_kv: prev_kv.map(key_value) })
}

pub(super) fn delete_range(answer: PbDeleteResponse) -> Result<DeleteResult, StoreError> {
    let PbDeleteResponse { header, deleted, prev_kvs } = answer;
    Ok(DeleteResult { revision: revision(header)?, deleted: count(deleted)?, prev_kvs: key_values(prev_kvs) })
}

pub(super) fn txn(answer: PbTxnResponse) -> Result<TxnResult, StoreError> {
    let PbTxnResponse { header, succeeded, responses } = answer;
    let results = responses.into_iter().map(|response| {
        let response = response.response.ok_or_else(|| senseless("an operation without a result"))?;
        op(response)
    });
    Ok(TxnResult { revision: revision(header)?, succeeded, results: results.collect::<Result<_, _>>()? })
}

fn op(response: PbTxnOpResponse) -> Result<OpResult, StoreError> {
    Ok(match response {
        PbTxnOpResponse::ResponseRange(answer) => OpResult::Range(range(answer)?),
        PbTxnOpResponse::ResponsePut(answer) => OpResult::Put(put(answer)?),
        PbTxnOpResponse::ResponseDeleteRange(answer) => OpResult::Delete(delete_range(answer)?),
        PbTxnOpResponse::ResponseTxn(answer) => OpResult::Txn(txn(answer)?),
    })
}

pub(super) fn grant(answer: PbLeaseGrantResponse) -> Result<(LeaseId, i64), StoreError> {
    let PbLeaseGrantResponse { header: _, id, ttl, error } = answer;
    if error.is_empty() { Ok((LeaseId(id), ttl)) } else { Err(of_reason(&error)) }
}

/// Reads what is left of a lease; of one that is no more the server says that less than nothing is left.
pub(super) fn time_to_live(answer: PbLeaseTimeToLiveResponse) -> Option<LeaseInfo> {
    let PbLeaseTimeToLiveResponse { header: _, id: _, ttl, granted_ttl, keys } = answer;
    let keys = keys.into_iter().map(Into::into).collect();
    (ttl >= 0).then_some(LeaseInfo { remaining: ttl, granted: granted_ttl, keys })
}

pub(super) fn event(event: PbEvent) -> Result<WatchEvent, StoreError> {
    let kind = match event.r#type.try_into() {
        Ok(EventType::Put) => EventKind::Put,
        Ok(EventType::Delete) => EventKind::Delete,
        Err(_) => return Err(senseless("an event of an unknown kind")),
    };
    let kv = event.kv.map(key_value).ok_or_else(|| senseless("an event without a pair"))?;
    Ok(WatchEvent { event: Arc::new(Event { kind, kv }), prev_kv: event.prev_kv.map(key_value) })
}
