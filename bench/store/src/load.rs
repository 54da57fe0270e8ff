//! Closed-loop load: a number of clients, each of which sends its next request once it has the answer.
//!
//! Everything runs on one thread: a second one costs more processor time per request and would take
//! it from the server. The clients share the connections evenly.
//!
//! ```text
//!  connect │ warm-up │◀─ measured: samples, both processes' CPU time ─▶│ drain
//! ```
//!
//! Requests that were answered outside the measured time still count as acknowledged writes, because
//! the store's revision must have grown by exactly their number.

mod client;
mod keyspace;
mod tonic_client;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tokio::{task::JoinSet, time};

pub(crate) use keyspace::{KeySource, Keyspace};

use crate::{operation::Operation, process::CpuTime, stats};

/// Load before the measurement starts: connections, caches and queues fill.
const WARM_UP: Duration = Duration::from_millis(500);
/// No answer for this long after the load stopped means that the server hangs.
const DRAIN_LIMIT: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientKind {
    /// This crate's own HTTP/2 client.
    Lean,
    /// The generated gRPC client, to compare the cost.
    Tonic,
}

/// What to do to a server.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) operation: Operation,
    pub(crate) clients: usize,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) client: ClientKind,
    pub(crate) keyspace: Keyspace,
}

/// The measured time, shared by all connections.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: Instant,
    until: Instant,
}

/// What one connection did.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u64,
    /// Of the calls answered in the measured time.
    latencies: Vec<Duration>,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) acknowledged: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Processor time per request.
    pub(crate) client_cpu: Duration,
    pub(crate) server_cpu: Duration,
}

impl Window {
    fn starting_now(time: Duration) -> Self {
        let from = Instant::now() + WARM_UP;
        Self { from, until: from + time }
    }

    fn is_over(self, now: Instant) -> bool {
        now >= self.until
    }

    fn contains(self, now: Instant) -> bool {
        (self.from..self.until).contains(&now)
    }
}

impl Tally {
    fn record(&mut self, window: Window, started: Instant, now: Instant) {
        self.acknowledged += 1;
        if window.contains(now) {
            self.latencies.push(now - started);
        }
    }

    fn merge(&mut self, other: Self) {
        let Self { acknowledged, latencies } = other;
        self.acknowledged += acknowledged;
        self.latencies.extend(latencies);
    }
}

/// Puts load on the server at `address`, which runs as process `server`.
pub(crate) async fn run(plan: &Plan, address: SocketAddr, server: u32) -> Result<Outcome> {
    let mut tasks = match plan.client {
        ClientKind::Lean => client::spawn(plan, address).await?,
        ClientKind::Tonic => tonic_client::spawn(plan, address).await?,
    };
    let window = Window::starting_now(plan.time);
    tasks.start(window)?;

    time::sleep_until(window.from.into()).await;
    let before = (CpuTime::of_this()?, CpuTime::of(server)?);
    time::sleep_until(window.until.into()).await;
    let after = (CpuTime::of_this()?, CpuTime::of(server)?);

    let drained = time::timeout(DRAIN_LIMIT, tasks.join()).await;
    let mut tally = drained.context("the server leaves requests unanswered")??;
    let answers = u32::try_from(tally.latencies.len())?;
    ensure!(answers > 0, "no request was answered in {:?}", plan.time);
    Ok(Outcome {
        acknowledged: tally.acknowledged,
        per_second: f64::from(answers) / plan.time.as_secs_f64(),
        p50: stats::percentile(&mut tally.latencies, 50).unwrap_or_default(),
        p99: stats::percentile(&mut tally.latencies, 99).unwrap_or_default(),
        client_cpu: (after.0 - before.0) / answers,
        server_cpu: (after.1 - before.1) / answers,
    })
}

/// Connections that wait for the start.
#[derive(Debug)]
struct Tasks {
    start: tokio::sync::watch::Sender<Option<Window>>,
    running: JoinSet<Result<Tally>>,
}

/// How a connection learns of the start.
#[derive(Clone, Debug)]
struct Start(tokio::sync::watch::Receiver<Option<Window>>);

impl Tasks {
    fn new() -> (Self, Start) {
        let (start, receiver) = tokio::sync::watch::channel(None);
        (Self { start, running: JoinSet::new() }, Start(receiver))
    }

    fn start(&mut self, window: Window) -> Result<()> {
        self.start.send(Some(window)).context("no client waits for the start")
    }

    async fn join(mut self) -> Result<Tally> {
        let mut sum = Tally::default();
        while let Some(tally) = self.running.join_next().await {
            sum.merge(tally??);
        }
        Ok(sum)
    }
}

impl Start {
    async fn wait(mut self) -> Result<Window> {
        let window = *self.0.wait_for(Option::is_some).await?;
        window.context("the start has a time")
    }
}

/// How many of `clients` use each connection.
fn shares(clients: usize, connections: usize) -> impl Iterator<Item = usize> {
    (0..connections).map(move |index| clients / connections + usize::from(index < clients % connections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_spread_evenly() {
        assert_eq!(shares(100, 10).collect::<Vec<_>>(), [10; 10]);
        assert_eq!(shares(7, 3).collect::<Vec<_>>(), [3, 2, 2]);
        assert_eq!(shares(1, 1).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn only_answers_in_the_window_are_samples_but_all_are_acknowledged() {
        let window = Window::starting_now(Duration::from_secs(1));
        let mut tally = Tally::default();
        let started = Instant::now();
        for now in [started, window.from, window.until] {
            tally.record(window, started, now);
        }
        assert_eq!(tally.acknowledged, 3);
        assert_eq!(tally.latencies, [window.from - started]);
    }
}
