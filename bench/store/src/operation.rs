//! The four operations under load: their requests, and what a right answer looks like.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use prost::Message;
use stanchion_etcd_api::etcdserverpb::{
    Compare, PutRequest, PutResponse, RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
    compare::{CompareResult, CompareTarget, TargetUnion},
    request_op::Request,
};

use crate::keys::{Family, Key, VALUE_LENGTH};

/// Keys in the answer to a range.
pub(crate) const RANGE_LIMIT: u16 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    Put,
    Get,
    Range,
    Txn,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Range => "range of 1,000 keys",
            Self::Txn => "create-if-absent transaction",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Put => "/etcdserverpb.KV/Put",
            Self::Get | Self::Range => "/etcdserverpb.KV/Range",
            Self::Txn => "/etcdserverpb.KV/Txn",
        }
    }

    /// Whether each success makes a revision.
    pub(crate) fn writes(self) -> bool {
        match self {
            Self::Put | Self::Txn => true,
            Self::Get | Self::Range => false,
        }
    }

    /// The request, encoded.
    pub(crate) fn encode(self, key: &Key, value: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Put => put(key, value).encode_to_vec(),
            Self::Get => get(key).encode_to_vec(),
            Self::Range => range(key).encode_to_vec(),
            Self::Txn => create(key, value).encode_to_vec(),
        }
    }

    /// No right answer is shorter: cheap enough to hold against every answer.
    pub(crate) fn shortest_answer(self) -> usize {
        match self {
            Self::Put | Self::Txn => 1,
            Self::Get => VALUE_LENGTH,
            Self::Range => VALUE_LENGTH * usize::from(RANGE_LIMIT),
        }
    }

    /// Decodes one answer and looks whether it does what was asked.
    pub(crate) fn check(self, answer: &[u8]) -> Result<()> {
        let right = match self {
            Self::Put => PutResponse::decode(answer)?.header.is_some_and(|header| header.revision > 1),
            Self::Get => holds_keys(&RangeResponse::decode(answer)?, 1),
            Self::Range => holds_keys(&RangeResponse::decode(answer)?, usize::from(RANGE_LIMIT)),
            Self::Txn => TxnResponse::decode(answer)?.succeeded,
        };
        ensure!(right, "the server's answer to a {} is wrong", self.name());
        Ok(())
    }
}

fn holds_keys(answer: &RangeResponse, count: usize) -> bool {
    answer.kvs.len() == count && answer.kvs.iter().all(|pair| pair.value.len() == VALUE_LENGTH)
}

pub(crate) fn put(key: &Key, value: Vec<u8>) -> PutRequest {
    PutRequest { key: key.to_vec().into(), value: value.into(), ..PutRequest::default() }
}

/// Linearizable, as that is the default.
pub(crate) fn get(key: &Key) -> RangeRequest {
    RangeRequest { key: key.to_vec().into(), ..RangeRequest::default() }
}

pub(crate) fn range(key: &Key) -> RangeRequest {
    RangeRequest { range_end: Family::Loaded.end().into(), limit: i64::from(RANGE_LIMIT), ..get(key) }
}

/// What a Kubernetes API server sends to create an object.
pub(crate) fn create(key: &Key, value: Vec<u8>) -> TxnRequest {
    let absent = Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Version.into(),
        key: key.to_vec().into(),
        target_union: Some(TargetUnion::Version(0)),
        ..Compare::default()
    };
    TxnRequest {
        compare: vec![absent],
        success: vec![RequestOp { request: Some(Request::RequestPut(put(key, value))) }],
        failure: vec![RequestOp { request: Some(Request::RequestRange(get(key))) }],
    }
}
