//! How long a change takes to reach those who watch it.
//!
//! Each watcher has a stream of its own; the streams share a few connections. One writer puts at a
//! fixed, modest rate, each value begins with the time of its put, and a watcher subtracts that from
//! the time it receives the event. Writer and watchers share one clock: they are one process.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use stanchion_etcd_api::etcdserverpb::{
    WatchCreateRequest, WatchRequest, WatchResponse, kv_client::KvClient, watch_client::WatchClient,
    watch_request::RequestUnion,
};
use tokio::{sync::mpsc, task::JoinSet, time};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use crate::{
    admin,
    keys::{Family, Random},
    operation,
    process::CpuTime,
    stats,
};

/// Connections that carry all watchers.
const CONNECTIONS: usize = 4;
/// With 1,000 watchers 20,000 events per second, which client and server deliver without a queue.
const PUTS_PER_SECOND: u32 = 20;
/// Puts before the measurement, whose events are received and not counted.
const WARM_UP_PUTS: u32 = 5;
/// The last event must arrive this long after the last put.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);
/// Keys the writer chooses from.
const WATCHED_KEYS: u64 = 1_000;

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) client_cpu: Duration,
    pub(crate) server_cpu: Duration,
}

struct Watcher {
    stream: Streaming<WatchResponse>,
    /// Ends the stream when it is dropped.
    _requests: mpsc::Sender<WatchRequest>,
}

pub(crate) async fn run(
    address: SocketAddr,
    server: u32,
    watchers: usize,
    length: Duration,
) -> Result<Outcome> {
    let puts = puts_in(length) + WARM_UP_PUTS;
    let origin = Instant::now();
    let mut tasks = JoinSet::new();
    for watcher in subscribe(address, watchers).await? {
        tasks.spawn(watcher.receive(usize::try_from(puts)?, origin));
    }
    let before = (CpuTime::of_this()?, CpuTime::of(server)?);
    write(address, puts, origin).await?;
    let received = time::timeout(DELIVERY_LIMIT, collect(tasks)).await;
    let mut latencies = received.context("some watchers miss events")??;
    let after = (CpuTime::of_this()?, CpuTime::of(server)?);

    let events = puts * u32::try_from(watchers)?;
    Ok(Outcome {
        p50: stats::percentile(&mut latencies, 50).context("no event")?,
        p99: stats::percentile(&mut latencies, 99).context("no event")?,
        client_cpu: (after.0 - before.0) / events,
        server_cpu: (after.1 - before.1) / events,
    })
}

fn puts_in(length: Duration) -> u32 {
    let period = (Duration::from_secs(1) / PUTS_PER_SECOND).as_millis();
    u32::try_from(length.as_millis() / period).unwrap_or(u32::MAX).max(1)
}

async fn subscribe(address: SocketAddr, watchers: usize) -> Result<Vec<Watcher>> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(admin::channel(address).await?);
    }
    let mut subscribed = Vec::new();
    for channel in channels.iter().cycle().take(watchers) {
        subscribed.push(Watcher::new(channel.clone()).await?);
    }
    Ok(subscribed)
}

impl Watcher {
    /// Returns once the server says that the watcher exists.
    async fn new(channel: Channel) -> Result<Self> {
        let (requests, receiver) = mpsc::channel(1);
        let create = WatchCreateRequest {
            key: Family::Watched.first().into(),
            range_end: Family::Watched.end().into(),
            ..WatchCreateRequest::default()
        };
        requests.send(WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }).await?;
        let answer = WatchClient::new(channel).watch(ReceiverStream::new(receiver)).await?;
        let mut stream = answer.into_inner();
        let first = stream.message().await?.context("the server ended the watch")?;
        ensure!(first.created && !first.canceled, "the server refused the watch: {}", first.cancel_reason);
        Ok(Self { stream, _requests: requests })
    }

    /// Latencies of `count` events, without those of the warm-up.
    async fn receive(mut self, count: usize, origin: Instant) -> Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(count);
        while latencies.len() < count {
            let message = self.stream.message().await?.context("the server ended the watch")?;
            let now = origin.elapsed();
            for event in message.events {
                let value = event.kv.context("an event without a pair")?.value;
                let sent = value.first_chunk::<8>().context("a value without a time")?;
                latencies.push(now.saturating_sub(Duration::from_nanos(u64::from_le_bytes(*sent))));
            }
        }
        ensure!(latencies.len() == count, "a watcher received events twice");
        Ok(latencies.split_off(usize::try_from(WARM_UP_PUTS)?))
    }
}

async fn write(address: SocketAddr, puts: u32, origin: Instant) -> Result<()> {
    let mut kv = KvClient::new(admin::channel(address).await?);
    let mut random = Random(0);
    let mut ticks = time::interval(Duration::from_secs(1) / PUTS_PER_SECOND);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    for _ in 0..puts {
        ticks.tick().await;
        let key = Family::Watched.key(random.below(WATCHED_KEYS));
        let mut value = random.value();
        let now = u64::try_from(origin.elapsed().as_nanos())?;
        value[..8].copy_from_slice(&now.to_le_bytes());
        kv.put(operation::put(&key, value)).await?;
    }
    Ok(())
}

async fn collect(mut tasks: JoinSet<Result<Vec<Duration>>>) -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    while let Some(latencies) = tasks.join_next().await {
        all.extend(latencies??);
    }
    Ok(all)
}
