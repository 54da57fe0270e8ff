//! Everything that is not measured, through the generated gRPC client: loading, checking, waiting.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use stanchion_etcd_api::etcdserverpb::{
    RangeRequest, RequestOp, TxnRequest, kv_client::KvClient, request_op::Request,
};
use tokio::{task::JoinSet, time};
use tonic::transport::{Channel, Endpoint};

use crate::{
    keys::{Family, Random},
    operation,
    server::Server,
};

/// Puts per transaction; etcd allows 128.
const BATCH: u64 = 100;
/// Transactions in flight, so that loading is not a chain of fsyncs.
const LOADERS: usize = 8;
/// A server must answer this long after its start, with a million keys to read.
const START_LIMIT: Duration = Duration::from_mins(2);
/// The finest step of the runtime's timer; it bounds the error of a start-up time.
const RETRY: Duration = Duration::from_millis(1);

pub(crate) async fn channel(address: SocketAddr) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    Ok(endpoint.connect().await?)
}

/// Waits until the server answers a get; returns the time since its start.
pub(crate) async fn wait_for_first_get(server: &mut Server) -> Result<Duration> {
    loop {
        server.ensure_running()?;
        let left = START_LIMIT.saturating_sub(server.started.elapsed());
        match time::timeout(left, get_any(server.address)).await {
            Ok(Ok(())) => return Ok(server.started.elapsed()),
            Ok(Err(error)) if left.is_zero() => return Err(error.context("the server does not answer")),
            Ok(Err(_)) => time::sleep(RETRY).await,
            Err(_) => anyhow::bail!("the server does not answer within {START_LIMIT:?} of its start"),
        }
    }
}

async fn get_any(address: SocketAddr) -> Result<()> {
    let mut kv = KvClient::new(channel(address).await?);
    kv.range(operation::get(&Family::Loaded.key(0))).await?;
    Ok(())
}

/// The store's revision.
pub(crate) async fn revision(address: SocketAddr) -> Result<i64> {
    let mut kv = KvClient::new(channel(address).await?);
    let answer = kv.range(operation::get(&Family::Loaded.key(0))).await?.into_inner();
    Ok(answer.header.context("an answer without a header")?.revision)
}

/// Fails unless the server holds exactly the first `count` loaded keys.
pub(crate) async fn ensure_holds(address: SocketAddr, count: u64) -> Result<()> {
    let mut kv = KvClient::new(channel(address).await?);
    let all = RangeRequest {
        key: Family::Loaded.first().into(),
        range_end: Family::Loaded.end().into(),
        count_only: true,
        ..RangeRequest::default()
    };
    let found = kv.range(all).await?.into_inner().count;
    ensure!(u64::try_from(found) == Ok(count), "the server holds {found} of {count} keys");
    Ok(())
}

/// Puts the first `count` keys; returns how long that took.
pub(crate) async fn load(address: SocketAddr, count: u64) -> Result<Duration> {
    let started = Instant::now();
    let channel = channel(address).await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut loaders = JoinSet::new();
    for _ in 0..LOADERS {
        loaders.spawn(load_batches(KvClient::new(channel.clone()), next.clone(), count));
    }
    while let Some(loader) = loaders.join_next().await {
        loader?.context("cannot load keys")?;
    }
    ensure_holds(address, count).await?;
    Ok(started.elapsed())
}

async fn load_batches(mut kv: KvClient<Channel>, next: Arc<AtomicU64>, count: u64) -> Result<()> {
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= count {
            return Ok(());
        }
        let mut random = Random(first);
        let puts = (first..count.min(first + BATCH))
            .map(|number| operation::put(&Family::Loaded.key(number), random.value()))
            .map(|put| RequestOp { request: Some(Request::RequestPut(put)) });
        kv.txn(TxnRequest { success: puts.collect(), ..TxnRequest::default() }).await?;
    }
}
