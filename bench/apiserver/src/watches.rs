//! Many watchers of one namespace, and how soon they are told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time;

use crate::args::Args;
use crate::figures::{DELIVERED, MEMORY, P50, P99, SERVER_SHARE, WATCH_CLIENT_SHARE};
use crate::objects;
use stanchion_bench_kit::client::{Call, Client, Connection, Version};
use stanchion_bench_kit::process::Process;
use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::stats;

const GROUP: &str = "Watches";
/// The annotation that says when a change was sent, in nanoseconds since the beginning.
const SENT: &[u8] = b"\"bench/sent\":\"";
/// Digits of the time: always as many, so that it is found whole.
const DIGITS: usize = 15;
/// How long events may be on their way after the last change.
const DRAIN: Duration = Duration::from_secs(2);

/// What one watcher saw.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
}

pub(crate) async fn run(client: &Client, server: Process, args: &Args, report: &mut Report) -> Result<()> {
    let (watchers, rate) = (args.watchers.get(), args.changes.get());
    let epoch = Instant::now();
    let ends = time::Instant::now() + Duration::from_mins(10);
    let (stop, stopped) = tokio::sync::watch::channel(ends);
    let before = server.memory()?;
    let mut tasks = JoinSet::new();
    let shared = args.watch_connections.get().min(watchers);
    let mut connections = client.connect_many(Version::Http2, shared).await?;
    let mut pods = client.connect(Version::Http2).await?;
    let path = format!("/api/v1/namespaces/{}/pods", objects::namespace(0));
    let list = pods.fetch(Call::get(format!("{path}?limit=1"))).await?;
    let list: serde_json::Value = serde_json::from_slice(&list)?;
    let revision = list["metadata"]["resourceVersion"].as_str().context("a list has no resourceVersion")?;
    for index in 0..watchers {
        let call = Call::get(format!("{path}?watch=true&resourceVersion={revision}&timeoutSeconds=3600"));
        let (code, body) = connections[index % shared].open(call).await?;
        ensure!(code == 200, "a watch was answered with {code}");
        tasks.spawn(watch(body, epoch, stopped.clone()));
    }
    time::sleep(Duration::from_millis(500)).await;
    let own = Process(Some(std::process::id()));
    let (cpu, own_cpu, started) = (server.cpu()?, own.cpu()?, Instant::now());
    let count = change(&mut pods, epoch, rate, args).await?;
    let (open, took) = (server.memory()?, started.elapsed());
    time::sleep(DRAIN.min(args.seconds)).await;
    let (spent, own_spent) = (server.cpu()?, own.cpu()?);
    stop.send_replace(time::Instant::now());
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended.context("a watcher's task failed")??.latencies);
    }
    let case = format!("{watchers} watchers, {rate} changes/s");
    report.add(GROUP, &case, P50, stats::milliseconds(stats::percentile(&mut latencies, 50)));
    report.add(GROUP, &case, P99, stats::milliseconds(stats::percentile(&mut latencies, 99)));
    let expected = stats::as_f64(count * watchers);
    report.add(GROUP, &case, DELIVERED, 100.0 * stats::as_f64(latencies.len()) / expected);
    let share = |before: Option<Duration>, after: Option<Duration>| {
        Some(100.0 * after?.saturating_sub(before?).as_secs_f64() / took.as_secs_f64())
    };
    report.add_known(GROUP, &case, SERVER_SHARE, share(cpu, spent));
    report.add_known(GROUP, &case, WATCH_CLIENT_SHARE, share(own_cpu, own_spent));
    report.add_known(GROUP, "before them", MEMORY, before);
    report.add_known(GROUP, &case, MEMORY, open);
    Ok(())
}

/// Changes Pods of the namespace at the rate; returns how many.
async fn change(pods: &mut Connection, epoch: Instant, rate: usize, args: &Args) -> Result<usize> {
    let each = Duration::from_secs(1) / u32::try_from(rate)?;
    let mut ticks = time::interval(each);
    let ends = Instant::now() + args.seconds;
    let there = (args.pods / objects::NAMESPACES).max(1);
    let mut count = 0;
    while Instant::now() < ends {
        ticks.tick().await;
        let index = count % there * objects::NAMESPACES;
        let sent = format!("{:0DIGITS$}", epoch.elapsed().as_nanos());
        let body = json!({"metadata": {"annotations": {"bench/sent": sent}}});
        let path = objects::pod_path(index);
        let call = Call {
            content_type: "application/merge-patch+json",
            ..Call::new(Method::PATCH, path, Bytes::from(body.to_string()))
        };
        pods.send(call).await?;
        count += 1;
    }
    Ok(count)
}

/// Reads a watch until it is told to stop.
async fn watch(
    mut body: Incoming,
    epoch: Instant,
    mut stopped: tokio::sync::watch::Receiver<time::Instant>,
) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut rest: Vec<u8> = Vec::new();
    let finder = memchr::memmem::Finder::new(SENT);
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            _ = stopped.changed() => return Ok(seen),
        };
        let frame = frame.context("a watch has ended")??;
        let Some(data) = frame.data_ref() else { continue };
        let now = epoch.elapsed();
        // The mark may lie across two parts: the end of each is looked at again with the next one.
        let keep = SENT.len() + DIGITS - 1;
        let both = [&rest[..], &data[..data.len().min(keep)]].concat();
        seen.take(&finder, &both, now);
        seen.take(&finder, data, now);
        rest.clear();
        rest.extend_from_slice(&data[data.len().saturating_sub(keep)..]);
        if data.len() < keep {
            rest = both[both.len().saturating_sub(keep)..].to_vec();
        }
    }
}

impl Seen {
    fn take(&mut self, finder: &memchr::memmem::Finder<'_>, data: &[u8], now: Duration) {
        for at in finder.find_iter(data) {
            let from = at + SENT.len();
            let digits = data.get(from..from + DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(Ok(nanos)) = digits.map(str::parse::<u64>) {
                self.latencies.push(now.saturating_sub(Duration::from_nanos(nanos)));
            }
        }
    }
}
