//! The requests that the writer takes, what they may append, and how they are carried out.

use stanchion_store_core::{
    Alarm, DeleteRange, DeleteResult, Keyspace, LeaseId, Millis, Put, PutResult, Record, Revision,
    StoreError, Txn, TxnResult, quota,
};
use tokio::sync::oneshot;

use stanchion_store_core::lease::seconds;

use super::{Completion, Context, LEASE_COST, SLACK};

/// Where the answer to a request goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// The sealed part of the log.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The first tail segment that is not part of it.
    pub(crate) first_tail: u32,
    /// What it amounts to besides keys.
    pub(crate) head: Vec<Record>,
}

/// A request that changes something.
#[derive(Debug)]
pub(crate) enum Command {
    /// Write a key.
    Put(Put, Reply<PutResult>),
    /// Delete keys.
    Delete(DeleteRange, Reply<DeleteResult>),
    /// Carry out a transaction.
    Txn(Txn, Reply<TxnResult>),
    /// Give up history.
    Compact(Revision, Reply<Revision>),
    /// Grant a lease; answers with its time to live.
    LeaseGrant(LeaseId, i64, Reply<i64>),
    /// End a lease.
    LeaseRevoke(LeaseId, Reply<()>),
    /// End a lease if its time is over.
    LeaseExpire(LeaseId, Reply<()>),
    /// Renew a lease; answers with its time to live, or nothing.
    LeaseRenew(LeaseId, Reply<Option<i64>>),
    /// Write down what is left of leases.
    LeaseCheckpoint(Vec<(LeaseId, Millis)>, Reply<()>),
    /// Raise or disarm an alarm.
    Alarm(Alarm, bool, Reply<()>),
    /// Begin a new segment. Carried out after the batch.
    Seal(Reply<Sealed>),
    /// Stop. Carried out after the batch.
    Stop,
}

/// Sends an answer. The receiver is gone if the client no longer waits, which is no error.
pub(super) fn answer<T>(reply: Reply<T>, outcome: Result<T, StoreError>) {
    drop(reply.send(outcome));
}

/// Keeps the answer until the batch is durable.
fn complete<T: Send + 'static>(
    reply: Reply<T>,
    result: Result<T, StoreError>,
) -> (Completion, Option<String>) {
    let damaged = match &result {
        Err(StoreError::CorruptRecord(reason)) => Some(reason.clone()),
        Ok(_) | Err(_) => None,
    };
    let completion: Completion = Box::new(move |outcome| {
        answer(reply, outcome.and(result));
    });
    (completion, damaged)
}

impl Command {
    /// Returns an upper bound on the bytes that the request appends.
    pub(super) fn bound(&self, keyspace: &Keyspace) -> u64 {
        match self {
            Self::Put(put, _) => keyspace.put_bound(put),
            Self::Delete(delete, _) => keyspace.delete_bound(delete),
            Self::Txn(txn, _) => keyspace.txn_bound(txn),
            Self::LeaseRevoke(id, _) | Self::LeaseExpire(id, _) => keyspace.revoke_bound(*id),
            Self::LeaseCheckpoint(remaining, _) => remaining.len() as u64 * LEASE_COST,
            Self::Compact(..) | Self::LeaseGrant(..) | Self::Alarm(..) => LEASE_COST,
            Self::LeaseRenew(..) | Self::Seal(_) | Self::Stop => 0,
        }
    }

    /// Whether the request is carried out even if nothing can be written.
    pub(super) fn needs_no_disk(&self) -> bool {
        matches!(self, Self::LeaseRenew(..))
    }

    /// Refuses the request.
    pub(super) fn refuse(self, error: StoreError) -> Completion {
        match self {
            Self::Put(_, reply) => complete(reply, Err(error)).0,
            Self::Delete(_, reply) => complete(reply, Err(error)).0,
            Self::Txn(_, reply) => complete(reply, Err(error)).0,
            Self::Compact(_, reply) => complete(reply, Err(error)).0,
            Self::LeaseGrant(_, _, reply) => complete(reply, Err(error)).0,
            Self::LeaseRevoke(_, reply)
            | Self::LeaseExpire(_, reply)
            | Self::LeaseCheckpoint(_, reply)
            | Self::Alarm(_, _, reply) => complete(reply, Err(error)).0,
            Self::LeaseRenew(_, reply) => complete(reply, Err(error)).0,
            Self::Seal(reply) => complete(reply, Err(error)).0,
            Self::Stop => Box::new(drop),
        }
    }

    /// Carries the request out in memory. The second part says why stored data could not be read.
    pub(super) fn carry_out(self, context: &mut Context<'_>) -> (Completion, Option<String>) {
        match self {
            Self::Put(put, reply) => complete(reply, context.put(&put)),
            Self::Delete(delete, reply) => complete(reply, context.delete(&delete)),
            Self::Txn(txn, reply) => complete(reply, context.txn(&txn)),
            Self::Compact(revision, reply) => complete(reply, context.compact(revision)),
            Self::LeaseGrant(id, ttl, reply) => complete(reply, context.lease_grant(id, ttl)),
            Self::LeaseRevoke(id, reply) => complete(reply, context.lease_revoke(id)),
            Self::LeaseExpire(id, reply) => complete(reply, context.lease_expire(id)),
            Self::LeaseRenew(id, reply) => complete(reply, Ok(context.lease_renew(id))),
            Self::LeaseCheckpoint(remaining, reply) => {
                context.keyspace.lease_checkpoint(&remaining, context.appender);
                complete(reply, Ok(()))
            }
            Self::Alarm(alarm, raised, reply) => {
                context.keyspace.set_alarm(alarm, raised, context.appender);
                complete(reply, Ok(()))
            }
            Self::Seal(reply) => complete(reply, Err(StoreError::Stopped)),
            Self::Stop => (Box::new(drop), None),
        }
    }
}

impl Context<'_> {
    fn put(&mut self, put: &Put) -> Result<PutResult, StoreError> {
        self.admit(quota::put_cost(put))?;
        self.shared.metrics.puts.inc();
        self.keyspace.put(put, self.appender, self.change)
    }

    fn delete(&mut self, delete: &DeleteRange) -> Result<DeleteResult, StoreError> {
        self.admit(0)?;
        self.shared.metrics.deletes.inc();
        self.keyspace.delete_range(delete, self.appender, self.change)
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnResult, StoreError> {
        self.admit(quota::txn_cost(txn))?;
        self.shared.metrics.txns.inc();
        self.keyspace.txn(txn, self.appender, self.change)
    }

    fn compact(&mut self, revision: Revision) -> Result<Revision, StoreError> {
        self.keyspace.compact(revision, self.appender)?;
        Ok(self.keyspace.revision())
    }

    fn lease_grant(&mut self, id: LeaseId, ttl: i64) -> Result<i64, StoreError> {
        self.admit(LEASE_COST)?;
        let granted = self.keyspace.lease_grant(id, ttl, self.shared.clock.now(), self.appender)?;
        self.shared.metrics.lease_granted.inc();
        Ok(granted)
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), StoreError> {
        self.keyspace.lease_revoke(id, self.appender, self.change)?;
        self.shared.metrics.lease_revoked.inc();
        Ok(())
    }

    fn lease_expire(&mut self, id: LeaseId) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let lease = self.keyspace.leases().get(id);
        if lease.is_some_and(|lease| lease.expiry <= now) {
            self.lease_revoke(id)?;
            self.shared.metrics.lease_expired.inc();
        }
        Ok(())
    }

    /// Renews a lease. That needs no room, unless the log has to be told; if it cannot be, it is at the next renewal.
    fn lease_renew(&mut self, id: LeaseId) -> Option<i64> {
        let renewal = self.keyspace.lease_renew(id, self.shared.clock.now())?;
        if renewal.must_record && self.shared.failure().is_none() && self.appender.reserve(SLACK).is_ok() {
            let whole = [(id, seconds(renewal.ttl))];
            self.keyspace.lease_checkpoint(&whole, self.appender);
        }
        self.shared.metrics.lease_renewed.inc();
        Some(renewal.ttl)
    }
}
