//! The quota: what a write is taken to cost, and when the store is full.

use crate::request::{Op, Put, Txn};

/// etcd's default quota: 2 GiB.
pub const DEFAULT_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// What etcd adds to the bytes of key and value for a put.
const PUT_OVERHEAD: u64 = 256;
/// What etcd takes a lease to cost.
pub const LEASE_COST: u64 = 64;

/// The bound on the bytes on disk, free space included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// At most this many bytes.
    Bytes(u64),
    /// No bound.
    Off,
}

impl Quota {
    /// Reads `--quota-backend-bytes`: 0 is the default of 2 GiB, a negative number is no quota.
    pub fn from_flag(bytes: i64) -> Self {
        match u64::try_from(bytes) {
            Err(_) => Self::Off,
            Ok(0) => Self::Bytes(DEFAULT_BYTES),
            Ok(bytes) => Self::Bytes(bytes),
        }
    }

    /// Whether a store of `on_disk` bytes has room for a write that costs `cost`.
    pub fn allows(self, on_disk: u64, cost: u64) -> bool {
        match self {
            Self::Off => true,
            Self::Bytes(limit) => on_disk.saturating_add(cost) < limit,
        }
    }

    /// Returns the bound in bytes, 0 when there is none.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Off => 0,
        }
    }
}

/// Returns what a put is taken to cost.
pub fn put_cost(put: &Put) -> u64 {
    PUT_OVERHEAD + (put.key.len() + put.value.len()) as u64
}

/// Returns what a transaction is taken to cost: the dearer of its branches. 0: it cannot grow the store.
pub fn txn_cost(txn: &Txn) -> u64 {
    let branch = |ops: &[Op]| ops.iter().map(op_cost).sum::<u64>();
    branch(&txn.success).max(branch(&txn.failure))
}

fn op_cost(op: &Op) -> u64 {
    match op {
        Op::Put(put) => put_cost(put),
        Op::Txn(txn) => txn_cost(txn),
        Op::Range(_) | Op::Delete(_) => 0,
    }
}
