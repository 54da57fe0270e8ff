//! A store behind the etcd v3 API, on any server that speaks it.
//!
//! ```text
//!   KeyValueStore --> RemoteStore --> the current Endpoint --> etcd-client --> server
//!        ^   request (build)              | it does not answer          |
//!        |                                v                             |
//!        |                         the next one is current              |
//!        \------------- response (read), error (name) ------------------/
//! ```
//!
//! There is one connection per endpoint, made by the first call that needs it. A call goes to the current
//! endpoint; when that one cannot be reached, does not answer in time, or says that it cannot serve, the next
//! becomes current. Reads are then repeated there, each endpoint once. Writes are not: one without an answer
//! may have been carried out, and only the caller knows whether it may be repeated.
//!
//! Every message is built and read here, so that a request says on the wire exactly what it says in the
//! types of the core, and an answer that makes no sense is an error and no panic.

mod endpoint;
mod error;
mod members;
mod request;
mod response;
mod watch;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{
    CompactionOptions, Error as ClientError, LeaseClient, LeaseGrantOptions, LeaseTimeToLiveOptions,
};
use stanchion_store_core::{
    DeleteRange, DeleteResult, LeaseId, Put, PutResult, RangeQuery, RangeResult, Revision, StoreError, Txn,
    TxnResult,
};

use self::endpoint::Endpoint;
use self::members::Members;
use crate::watch::WatchSpec;
use crate::{KeyValueStore, LeaseInfo, Watch};

pub use self::endpoint::RemoteError;

/// What the client says of a lease that is no more.
const LEASE_GONE: &str = "lease not found";

/// The files of a protected connection, PEM. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTls {
    /// The authorities that the servers' certificates come from.
    pub ca_file: PathBuf,
    /// What to show to servers that ask for a certificate.
    pub client: Option<ClientCertificate>,
    /// The name in the servers' certificates, where it is not the host of the endpoint.
    pub server_name: Option<String>,
}

/// A client's certificate and key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and the authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// How to reach a remote store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteOptions {
    /// The members, as `http://host:port` or `https://host:port`.
    pub endpoints: Vec<String>,
    /// Needed for `https` endpoints, and refused for others.
    pub tls: Option<RemoteTls>,
    /// How long one connection may take to be made.
    pub connect_timeout: Duration,
    /// How long one endpoint may take to answer a call, the connection included. Watches go on without end.
    pub request_timeout: Duration,
}

impl RemoteOptions {
    /// Returns the defaults for these endpoints, without TLS.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            connect_timeout: Duration::from_secs(2),
            // Longer than the 7 s after which etcd itself gives a request up, so that its answer is heard.
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// A store behind the etcd v3 API. Clones share the connections.
#[derive(Clone, Debug)]
pub struct RemoteStore {
    members: Arc<Members>,
}

impl RemoteStore {
    /// Prepares the connections; whether anybody answers shows with the first call.
    pub async fn connect(options: &RemoteOptions) -> Result<Self, RemoteError> {
        Ok(Self { members: Arc::new(Members::prepare(options).await?) })
    }

    /// Makes a call that may be repeated, at each endpoint once.
    async fn read<T, F>(&self, call: impl Fn(&Endpoint) -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, ClientError>> + Send,
    {
        for _ in 1..self.members.options().endpoints.len() {
            match self.write(&call).await {
                Err(error) if error::is_of_endpoint(&error) => {}
                outcome => return outcome,
            }
        }
        self.write(&call).await
    }

    /// Makes a call once.
    async fn write<T, F>(&self, call: impl Fn(&Endpoint) -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, ClientError>> + Send,
    {
        let endpoints = self.members.endpoints().await;
        let at = self.members.at.load(Ordering::Relaxed);
        let endpoint = &endpoints[at];
        let outcome = match tokio::time::timeout(self.members.options().request_timeout, call(endpoint)).await
        {
            Ok(outcome) => outcome.map_err(|error| error::of_client(error, endpoint.url())),
            Err(_) => Err(StoreError::Timeout),
        };
        if let Err(error) = &outcome
            && error::is_of_endpoint(error)
        {
            tracing::debug!(endpoint = %endpoint.url(), %error, "an endpoint does not serve");
            let next = (at + 1) % endpoints.len();
            match self.members.at.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed) {
                // Somebody else may have moved on already.
                Ok(_) | Err(_) => {}
            }
        }
        outcome
    }
}

#[async_trait]
impl KeyValueStore for RemoteStore {
    async fn range(&self, query: RangeQuery) -> Result<RangeResult, StoreError> {
        let (key, options) = request::range(query);
        let call = |endpoint: &Endpoint| {
            let (mut kv, key, options) = (endpoint.kv(), key.clone(), options.clone());
            async move { kv.get(key, Some(options)).await }
        };
        response::range(self.read(call).await?.0)
    }

    async fn put(&self, put: Put) -> Result<PutResult, StoreError> {
        let (key, value, options) = request::put(put);
        let call = |endpoint: &Endpoint| {
            let (mut kv, key, value, options) = (endpoint.kv(), key.clone(), value.clone(), options.clone());
            async move { kv.put(key, value, Some(options)).await }
        };
        response::put(self.write(call).await?.0)
    }

    async fn delete_range(&self, delete: DeleteRange) -> Result<DeleteResult, StoreError> {
        let (key, options) = request::delete_range(delete);
        let call = |endpoint: &Endpoint| {
            let (mut kv, key, options) = (endpoint.kv(), key.clone(), options.clone());
            async move { kv.delete(key, Some(options)).await }
        };
        response::delete_range(self.write(call).await?.0)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResult, StoreError> {
        let read_only = txn.is_read_only();
        let txn = request::txn(txn);
        let call = |endpoint: &Endpoint| {
            let (mut kv, txn) = (endpoint.kv(), txn.clone());
            async move { kv.txn(txn).await }
        };
        let answer = if read_only { self.read(call).await } else { self.write(call).await };
        response::txn(answer?.0)
    }

    async fn compact(&self, revision: Revision, physical: bool) -> Result<Revision, StoreError> {
        let mut options = CompactionOptions::new();
        if physical {
            options = options.with_physical();
        }
        let call = |endpoint: &Endpoint| {
            let (mut kv, options) = (endpoint.kv(), options.clone());
            async move { kv.compact(revision.0, Some(options)).await }
        };
        response::revision(self.write(call).await?.0.header)
    }

    async fn lease_grant(&self, id: LeaseId, ttl: i64) -> Result<(LeaseId, i64), StoreError> {
        let call = |endpoint: &Endpoint| {
            let mut lease = endpoint.lease();
            async move { lease.grant(ttl, Some(LeaseGrantOptions::new().with_id(id.0))).await }
        };
        response::grant(self.write(call).await?.0)
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), StoreError> {
        let call = |endpoint: &Endpoint| {
            let mut lease = endpoint.lease();
            async move { lease.revoke(id.0).await }
        };
        self.write(call).await.map(drop)
    }

    async fn lease_renew(&self, id: LeaseId) -> Result<Option<i64>, StoreError> {
        // Repeating a renewal does no harm.
        let call = |endpoint: &Endpoint| {
            let lease = endpoint.lease();
            async move { renew(lease, id).await }
        };
        self.read(call).await
    }

    async fn lease_time_to_live(&self, id: LeaseId, keys: bool) -> Result<Option<LeaseInfo>, StoreError> {
        let mut options = LeaseTimeToLiveOptions::new();
        if keys {
            options = options.with_keys();
        }
        let call = |endpoint: &Endpoint| {
            let (mut lease, options) = (endpoint.lease(), options.clone());
            async move { lease.time_to_live(id.0, Some(options)).await }
        };
        Ok(response::time_to_live(self.read(call).await?.0))
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, StoreError> {
        let call = |endpoint: &Endpoint| {
            let mut lease = endpoint.lease();
            async move { lease.leases().await }
        };
        let answer = self.read(call).await?;
        Ok(answer.0.leases.into_iter().map(|lease| LeaseId(lease.id)).collect())
    }

    async fn watch(&self, spec: WatchSpec) -> Result<Box<dyn Watch>, StoreError> {
        let (key, options) = request::watch(spec);
        let call = |endpoint: &Endpoint| {
            let (mut watch, key, options) = (endpoint.watch(), key.clone(), options.clone());
            let url = endpoint.url().clone();
            async move { Ok((url, watch.watch(key, Some(options)).await?)) }
        };
        let (url, stream) = self.read(call).await?;
        Ok(Box::new(watch::RemoteWatch::new(url, stream, self.members.options().request_timeout)))
    }

    async fn orders_progress(&self) -> Result<bool, StoreError> {
        let call = |endpoint: &Endpoint| {
            let mut maintenance = endpoint.maintenance();
            async move { maintenance.status().await }
        };
        Ok(orders_progress(&self.read(call).await?.0.version))
    }
}

/// Returns whether an etcd of this version puts progress that was asked for behind the events before it: since 3.4.25
/// and 3.5.8.
fn orders_progress(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']).map_while(|number| number.parse::<u32>().ok());
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0));
    match version {
        [3, 4, patch] => patch >= 25,
        [3, 5, patch] => patch >= 8,
        newer => newer > [3, 5, 0],
    }
}

/// Renews a lease on a stream of its own, which ends with the call.
///
/// The client keeps the first answer to itself, so what it says is asked for a second time.
async fn renew(mut lease: LeaseClient, id: LeaseId) -> Result<Option<i64>, ClientError> {
    let (mut keeper, mut answers) = match lease.keep_alive(id.0).await {
        Ok(stream) => stream,
        Err(ClientError::LeaseKeepAliveError(text)) if text == LEASE_GONE => return Ok(None),
        Err(error) => return Err(error),
    };
    keeper.keep_alive().await?;
    let answer = answers.message().await?;
    let answer = answer.ok_or_else(|| ClientError::LeaseKeepAliveError("the stream has ended".to_owned()))?;
    Ok(Some(answer.ttl()).filter(|ttl| *ttl > 0))
}

#[cfg(test)]
mod tests {
    use super::orders_progress;

    #[test]
    fn progress_is_ordered_since_two_versions() {
        for (version, ordered) in [
            ("3.3.27", false),
            ("3.4.23", false),
            ("3.4.25", true),
            ("3.5.7", false),
            ("3.5.8", true),
            ("3.6.0-rc.1", true),
            ("4.0.0", true),
            ("", false),
        ] {
            assert_eq!(orders_progress(version), ordered, "{version}");
        }
    }
}
