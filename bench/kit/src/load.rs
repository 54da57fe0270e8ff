//! Closed-loop load: some connections, each of which sends its next request once it has the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::client::{Call, Connection};
use crate::process::Process;
use crate::stats;

/// What was measured.
#[derive(Debug)]
pub struct Outcome {
    /// Requests in a second.
    pub per_second: f64,
    /// The latency that half of them had at most.
    pub p50: Duration,
    /// The latency that 99 of 100 had at most.
    pub p99: Duration,
    /// Processor time per request.
    pub server_cpu: Option<Duration>,
    /// Processor time of the benchmark per request.
    pub client_cpu: Option<Duration>,
}

/// Sends `count` requests over the connections and gives these back.
pub async fn run(
    connections: Vec<Connection>,
    server: Process,
    count: usize,
    make: impl Fn(usize) -> Call + Send + Sync + 'static,
) -> Result<(Vec<Connection>, Outcome)> {
    let (make, next) = (Arc::new(make), Arc::new(AtomicUsize::new(0)));
    let own = Process(Some(std::process::id()));
    let before = (server.cpu()?, own.cpu()?);
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in connections {
        let (make, next) = (Arc::clone(&make), Arc::clone(&next));
        tasks.spawn(drive(connection, count, next, make));
    }
    let (mut connections, mut latencies) = (Vec::new(), Vec::with_capacity(count));
    while let Some(ended) = tasks.join_next().await {
        let (connection, times) = ended.context("a connection's task failed")??;
        connections.push(connection);
        latencies.extend(times);
    }
    let took = started.elapsed();
    let after = (server.cpu()?, own.cpu()?);
    let each = |before: Option<Duration>, after: Option<Duration>| {
        let spent = after?.saturating_sub(before?);
        Some(spent / u32::try_from(count.max(1)).ok()?)
    };
    let outcome = Outcome {
        per_second: stats::as_f64(count) / took.as_secs_f64(),
        p50: stats::percentile(&mut latencies, 50),
        p99: stats::percentile(&mut latencies, 99),
        server_cpu: each(before.0, after.0),
        client_cpu: each(before.1, after.1),
    };
    Ok((connections, outcome))
}

async fn drive(
    mut connection: Connection,
    count: usize,
    next: Arc<AtomicUsize>,
    make: Arc<impl Fn(usize) -> Call>,
) -> Result<(Connection, Vec<Duration>)> {
    let mut latencies = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return Ok((connection, latencies));
        }
        let call = make(index);
        let what = format!("{} {}", call.method, call.path);
        let started = Instant::now();
        connection.send(call).await.context(what)?;
        latencies.push(started.elapsed());
    }
}
