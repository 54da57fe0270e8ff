//! The store as its users see it, wherever it is: in this process, or behind the etcd API.

use std::fmt::Debug;

use async_trait::async_trait;
use stanchion_store_core::{
    DeleteRange, DeleteResult, LeaseId, Put, PutResult, RangeQuery, RangeResult, Revision, StoreError, Txn,
    TxnResult,
};

use crate::watch::{Notice, WatchHandle, WatchSpec, WatchStream};
use crate::{LeaseInfo, Store};

/// A revisioned key-value store with leases and watches, with the semantics of etcd v3.
#[async_trait]
pub trait KeyValueStore: Debug + Send + Sync {
    /// Reads a range; never older than any write that was answered before.
    async fn range(&self, query: RangeQuery) -> Result<RangeResult, StoreError>;
    /// Writes a key; answered when the write is durable.
    async fn put(&self, put: Put) -> Result<PutResult, StoreError>;
    /// Deletes keys; answered when the deletion is durable.
    async fn delete_range(&self, delete: DeleteRange) -> Result<DeleteResult, StoreError>;
    /// Carries out a transaction at one revision; answered when it is durable.
    async fn txn(&self, txn: Txn) -> Result<TxnResult, StoreError>;
    /// Gives up the history below `revision`; returns the newest revision.
    async fn compact(&self, revision: Revision, physical: bool) -> Result<Revision, StoreError>;
    /// Grants a lease, with an id of the store's choice for [`LeaseId::NONE`]; returns id and seconds to live.
    async fn lease_grant(&self, id: LeaseId, ttl: i64) -> Result<(LeaseId, i64), StoreError>;
    /// Ends a lease and deletes its keys.
    async fn lease_revoke(&self, id: LeaseId) -> Result<(), StoreError>;
    /// Renews a lease; returns its seconds to live, or nothing if it is no more.
    async fn lease_renew(&self, id: LeaseId) -> Result<Option<i64>, StoreError>;
    /// Returns what is left of a lease, or nothing if it is no more.
    async fn lease_time_to_live(&self, id: LeaseId, keys: bool) -> Result<Option<LeaseInfo>, StoreError>;
    /// Returns the ids of all leases.
    async fn leases(&self) -> Result<Vec<LeaseId>, StoreError>;
    /// Begins one watch. Its first notice is [`Notice::Created`], or [`Notice::Refused`].
    async fn watch(&self, spec: WatchSpec) -> Result<Box<dyn Watch>, StoreError>;
    /// Returns whether a watch tells progress that was asked for only after all events before it.
    async fn orders_progress(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}

/// One watch; it ends when it is dropped.
#[async_trait]
pub trait Watch: Debug + Send {
    /// Waits for the next notice; nothing when the watch has ended. Nothing is lost when a wait is given up.
    async fn next(&mut self) -> Result<Option<Notice>, StoreError>;
    /// Asks for the newest revision as soon as everything before it has been told.
    async fn request_progress(&mut self) -> Result<(), StoreError>;
}

#[async_trait]
impl KeyValueStore for Store {
    async fn range(&self, query: RangeQuery) -> Result<RangeResult, StoreError> {
        self.range(query).await
    }

    async fn put(&self, put: Put) -> Result<PutResult, StoreError> {
        self.put(put).await
    }

    async fn delete_range(&self, delete: DeleteRange) -> Result<DeleteResult, StoreError> {
        self.delete_range(delete).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResult, StoreError> {
        self.txn(txn).await
    }

    async fn compact(&self, revision: Revision, physical: bool) -> Result<Revision, StoreError> {
        self.compact(revision, physical).await
    }

    async fn lease_grant(&self, id: LeaseId, ttl: i64) -> Result<(LeaseId, i64), StoreError> {
        self.lease_grant(id, ttl).await
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), StoreError> {
        self.lease_revoke(id).await
    }

    async fn lease_renew(&self, id: LeaseId) -> Result<Option<i64>, StoreError> {
        self.lease_renew(id).await
    }

    async fn lease_time_to_live(&self, id: LeaseId, keys: bool) -> Result<Option<LeaseInfo>, StoreError> {
        Ok(self.lease_time_to_live(id, keys))
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, StoreError> {
        Ok(self.leases())
    }

    async fn watch(&self, spec: WatchSpec) -> Result<Box<dyn Watch>, StoreError> {
        let (handle, stream) = self.watch();
        handle.create(spec);
        Ok(Box::new(LocalWatch { handle, stream, ended: false }))
    }
}

/// A watch of a store in this process.
#[derive(Debug)]
struct LocalWatch {
    handle: WatchHandle,
    stream: WatchStream,
    ended: bool,
}

#[async_trait]
impl Watch for LocalWatch {
    async fn next(&mut self) -> Result<Option<Notice>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let notice = self.stream.next().await?;
        self.ended = matches!(
            notice,
            None | Some(Notice::Refused { .. } | Notice::Canceled { .. } | Notice::Compacted { .. })
        );
        Ok(notice)
    }

    async fn request_progress(&mut self) -> Result<(), StoreError> {
        self.handle.request_progress();
        Ok(())
    }
}
