//! `stanchion db status`: one cluster on one screen.
//!
//! What instances hold comes from the manager's reports (`status.ha`), where they run from their Pods. Either may be
//! missing; what is there is shown.

mod screen;
mod seen;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use k8s_openapi::jiff::Timestamp;

use self::seen::Seen;
use super::clusters::{Clusters, Place};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Its name.
    name: String,
    /// Show it again whenever it has changed, until Ctrl-C.
    #[arg(long, short)]
    watch: bool,
    /// From one look to the next.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration, requires = "watch")]
    interval: Duration,
    /// End with exit code 3 if the cluster is not Ready, or if a failover would have to wait.
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    #[command(flatten)]
    place: Place,
}

/// Shows the cluster.
pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let clusters = arguments.place.open().await?;
    if arguments.watch {
        return watch(&clusters, arguments, format).await;
    }
    let seen = Seen::look(&clusters, &arguments.name).await?;
    show(&seen, format)?;
    match seen.complaint().filter(|_| arguments.check) {
        Some(complaint) => Err(Failure::new(Exit::Unhealthy, anyhow!(complaint))),
        None => Ok(()),
    }
}

fn show(seen: &Seen, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => output::text(&screen::lay_out(seen, Timestamp::now())),
        Format::Json | Format::Yaml => output::document(seen, format)?,
    }
    Ok(())
}

/// Shows each state that differs from the one before. A look that fails is told, and the next one may succeed.
async fn watch(clusters: &Clusters, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let is_screen = format == Format::Table && std::io::stdout().is_terminal();
    let mut last: Option<Seen> = Some(Seen::look(clusters, &arguments.name).await?);
    let mut shown: Option<Seen> = None;
    let mut ticks = tokio::time::interval(arguments.interval.max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if let Some(seen) = last.take() {
            // The ages on a screen change although nothing else has.
            if is_screen {
                output::screen(&screen::lay_out(&seen, Timestamp::now()))?;
            } else if shown.as_ref() != Some(&seen) {
                show(&seen, format)?;
            }
            shown = Some(seen);
        }
        ticks.tick().await;
        match Seen::look(clusters, &arguments.name).await {
            Ok(seen) => last = Some(seen),
            Err(failure) if failure.exit() == Exit::Usage => return Err(failure),
            Err(failure) => output::note(&failure.chain().join(": ")),
        }
    }
}
