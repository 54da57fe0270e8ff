//! The order of measurements.
//!
//! Each run starts both servers anew and loads them, so that a run's figures do not depend on how
//! much the runs before it have written. Within a run the servers take turns at every measurement: a
//! disk or a neighbour that becomes slow for a while hits both.
//!
//! The operations' order matters, which is why `--only` gives it. Reads come first by default, on
//! servers started again after loading: etcd 3.4 copies a buffer for each read that bursts of writes
//! make large and only a restart makes small again. `--only put,get` shows gets after writes.

use std::{num::NonZeroUsize, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time;

use crate::{
    admin,
    args::{Args, Subject},
    load::{self, Keyspace, Plan},
    operation::Operation,
    output::progress,
    report::{
        CLIENT_CPU, CLIENT_CPU_PER_EVENT, LATENCY_P50, LATENCY_P99, Report, SERVER_CPU, SERVER_CPU_PER_EVENT,
        THROUGHPUT,
    },
    server::{Home, Program, Server},
    stats, watch,
};

/// Keys in the store while it is under load.
const LOADED_KEYS: u64 = 100_000;
/// Between two measurements: what the server just measured still has to do in the background must not
/// count against the other one.
const PAUSE: Duration = Duration::from_millis(300);

/// A server that is ready for load.
struct Contestant {
    // Fields are dropped in order: the process ends before its directory goes.
    server: Server,
    home: Home,
    keyspace: Keyspace,
}

pub(crate) async fn run(args: &Args, programs: &[Program], dir: &Path, report: &mut Report) -> Result<()> {
    let operations = args.operations();
    if operations.is_empty() && !args.wants(Subject::Watch) {
        return Ok(());
    }
    for run in 1..=args.runs.get() {
        progress(&format!("run {run}: loading {LOADED_KEYS} keys into each server"));
        let mut contestants = Vec::new();
        for program in programs {
            contestants.push(Contestant::new(program, dir).await?);
        }
        for &operation in &operations {
            for &clients in &args.clients {
                progress(&format!("run {run}: {}, {clients} clients", operation.name()));
                load_each(args, &mut contestants, operation, clients, report).await?;
            }
        }
        for &watchers in args.watchers.iter().filter(|_| args.wants(Subject::Watch)) {
            progress(&format!("run {run}: {watchers} watchers"));
            watch_each(args, &mut contestants, watchers, report).await?;
        }
        for contestant in contestants {
            contestant.server.stop().await?;
        }
    }
    Ok(())
}

async fn load_each(
    args: &Args,
    contestants: &mut [Contestant],
    operation: Operation,
    clients: NonZeroUsize,
    report: &mut Report,
) -> Result<()> {
    let case = counted(clients, "client");
    for contestant in contestants {
        time::sleep(PAUSE).await;
        let plan = Plan {
            operation,
            clients: clients.get(),
            connections: args.connections_for(clients),
            time: args.seconds,
            client: args.client,
            keyspace: contestant.keyspace.clone(),
        };
        let outcome = contestant.load(&plan).await?;
        let kind = contestant.home.kind();
        let mut add = |figure, value| report.add(operation.name(), &case, kind, figure, value);
        add(THROUGHPUT, outcome.per_second);
        add(LATENCY_P50, stats::milliseconds(outcome.p50));
        add(LATENCY_P99, stats::milliseconds(outcome.p99));
        add(SERVER_CPU, stats::milliseconds(outcome.server_cpu) * 1e3);
        add(CLIENT_CPU, stats::milliseconds(outcome.client_cpu) * 1e3);
    }
    Ok(())
}

async fn watch_each(
    args: &Args,
    contestants: &mut [Contestant],
    watchers: NonZeroUsize,
    report: &mut Report,
) -> Result<()> {
    let case = counted(watchers, "watcher");
    for contestant in contestants {
        time::sleep(PAUSE).await;
        let Contestant { server, home, keyspace: _ } = contestant;
        let outcome = watch::run(server.address, server.pid(), watchers.get(), args.seconds).await?;
        let mut add = |figure, value| report.add("watch", &case, home.kind(), figure, value);
        add(LATENCY_P50, stats::milliseconds(outcome.p50));
        add(LATENCY_P99, stats::milliseconds(outcome.p99));
        add(SERVER_CPU_PER_EVENT, stats::milliseconds(outcome.server_cpu) * 1e3);
        add(CLIENT_CPU_PER_EVENT, stats::milliseconds(outcome.client_cpu) * 1e3);
    }
    Ok(())
}

fn counted(number: NonZeroUsize, noun: &str) -> String {
    let plural = if number == NonZeroUsize::MIN { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

impl Contestant {
    async fn new(program: &Program, dir: &Path) -> Result<Self> {
        let home = Home::new(program, dir)?;
        let mut server = home.start()?;
        admin::wait_for_first_get(&mut server).await?;
        admin::load(server.address, LOADED_KEYS).await?;
        server.stop().await?;
        let mut server = home.start()?;
        admin::wait_for_first_get(&mut server).await?;
        Ok(Self { server, home, keyspace: Keyspace::new(LOADED_KEYS) })
    }

    /// Measures, and checks that the store made one revision per acknowledged write.
    async fn load(&mut self, plan: &Plan) -> Result<load::Outcome> {
        let before = admin::revision(self.server.address).await?;
        let outcome = load::run(plan, self.server.address, self.server.pid()).await;
        self.server.ensure_running()?;
        let name = self.home.kind().name();
        let outcome = outcome.with_context(|| format!("{} on {name}", plan.operation.name()))?;
        let grown = admin::revision(self.server.address).await? - before;
        let writes = if plan.operation.writes() { outcome.acknowledged } else { 0 };
        ensure!(
            u64::try_from(grown) == Ok(writes),
            "{name} acknowledged {writes} writes and made {grown} revisions"
        );
        Ok(outcome)
    }
}
