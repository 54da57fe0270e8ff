//! `stanchion doctor --watch`: looks again and again, serves metrics, prints what changes.
//!
//! ```text
//!   look ──► changes against what is known ──► stdout
//!     │
//!     └────► metrics ──► watch channel ──► /metrics
//! ```
//!
//! One task looks, one look at a time: who waits for a slow one is told by the metrics, and the next begins when it has ended.
//! What was found and could not be looked at again is neither gone nor new when it is seen the next time.

mod changes;
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use stanchion_doctor_core::Baseline;
use stanchion_doctor_report::{Looks, metrics};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::look::{Look, What};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Output};

/// A look that has not ended by then is given up: every single read has ended long before.
const LIMIT: Duration = Duration::from_mins(10);

/// Whether and how to look again and again.
#[derive(Debug, Args)]
pub(super) struct Watching {
    /// Look again and again until SIGTERM: print what changes, and serve /metrics.
    #[arg(long)]
    watch: bool,
    /// The seconds between two looks, from the beginning of one to the beginning of the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "watch",
        value_parser = clap::value_parser!(u64).range(5..=86_400))]
    interval: u64,
    /// Where metrics are served; only this machine can be asked.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9640", requires = "watch")]
    listen: SocketAddr,
}

impl Watching {
    pub(super) fn is_asked(&self) -> bool {
        self.watch
    }
}

/// Looks again and again until it is told to end.
pub(super) async fn run(what: &What<'_>, options: &Watching, output: Output) -> Result<(), Failure> {
    let form = changes::Form::of(output)?;
    if !options.listen.ip().is_loopback() {
        let error =
            anyhow!("metrics are served without TLS, and {} is not of this machine alone", options.listen);
        return Err(
            Failure::new(Exit::Usage, error).hint("listen on 127.0.0.1, and put a proxy with TLS in front")
        );
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", options.listen))?;
    let served = listener.local_addr().context("cannot tell where metrics are served")?;
    output::note(&format!("metrics at http://{served}/metrics"));
    let version = env!("CARGO_PKG_VERSION");
    let (publish, published) = watch::channel(metrics(version, None, Some(Looks::default())));
    let mut watcher =
        Watcher { what, form, publish, looks: Looks::default(), last: None, known: Baseline::default() };
    tokio::select! {
        ended = watcher.run(Duration::from_secs(options.interval)) => ended,
        never = server::serve(listener, published) => match never {},
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// Who looks, and what is known.
struct Watcher<'a> {
    what: &'a What<'a>,
    form: changes::Form,
    publish: watch::Sender<String>,
    looks: Looks,
    last: Option<Look>,
    known: Baseline,
}

impl Watcher<'_> {
    /// Looks until nobody reads what changes any more, or the command line turns out to be wrong.
    async fn run(&mut self, every: Duration) -> Result<(), Failure> {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            match self.look(every).await {
                Ok(look) => {
                    self.looks.done += 1;
                    let goes_on = self.compare(&look)?;
                    self.last = Some(look);
                    if !goes_on {
                        return Ok(());
                    }
                }
                // It would be wrong for ever.
                Err(failure) if failure.exit() == Exit::Usage => return Err(failure),
                Err(failure) => {
                    self.looks.failed += 1;
                    output::note(&format!("a look failed: {}", failure.chain().join(": ")));
                }
            }
            self.tell();
        }
    }

    /// Looks once. Says so in the metrics as soon as that lasts longer than it should.
    async fn look(&mut self, every: Duration) -> Result<Look, Failure> {
        let what = self.what;
        let look = timeout(LIMIT, what.look());
        tokio::pin!(look);
        let ended = tokio::select! {
            ended = &mut look => ended,
            () = sleep(every) => {
                self.looks.late += 1;
                self.tell();
                look.await
            }
        };
        ended.unwrap_or_else(|_| Err(anyhow!("it did not end in {} s", LIMIT.as_secs()).into()))
    }

    /// Prints what has changed; returns whether anybody reads on.
    fn compare(&mut self, look: &Look) -> Result<bool, Failure> {
        let mut report = look.report.clone();
        report.since(&self.known);
        let text = self.form.write(&report, look.at)?;
        self.known = Baseline::of(&look.report, look.at);
        self.known.findings.extend(report.since.map(|since| since.unknown).unwrap_or_default());
        if text.is_empty() { Ok(true) } else { output::bytes_out(text.as_bytes()) }
    }

    fn tell(&self) {
        let document = self.last.as_ref().map(|look| look.document(None));
        let text = metrics(env!("CARGO_PKG_VERSION"), document.as_ref(), Some(self.looks));
        self.publish.send_replace(text);
    }
}
