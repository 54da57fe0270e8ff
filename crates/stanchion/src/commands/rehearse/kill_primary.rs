//! `stanchion rehearse kill-primary`

use std::io::IsTerminal as _;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::aim::{Aim, Mode};
use super::{harm, outcome};
use crate::commands::db::Place;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// What to do to whom.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster; the only one of the namespace by default.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// What is done to the primary.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// Rehearses; ends with exit code 3 if a row that was acknowledged is missing or doubled.
pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let clusters = arguments.place.open().await?;
    let aim = Aim::take(&clusters, arguments.cluster.as_deref(), arguments.mode).await?;
    if arguments.dry_run {
        output::text(&aim.plan());
        return Ok(());
    }
    output::note(aim.plan().trim_end());
    if !arguments.yes {
        confirm()?;
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    // What is dropped thaws whoever is frozen.
    let rehearsed = tokio::select! {
        rehearsed = harm::rehearse(&clusters, aim) => rehearsed?,
        _ = terminate.recv() => return Err(interrupted()),
        _ = interrupt.recv() => return Err(interrupted()),
    };
    match format {
        Format::Table => output::text(&outcome::tell(&rehearsed)),
        Format::Json | Format::Yaml => output::document(&rehearsed, format)?,
    }
    rehearsed.judge()
}

fn confirm() -> Result<(), Failure> {
    let refused = |why: &str| Failure::new(Exit::Usage, anyhow!("nothing was done: {why}"));
    if !std::io::stdin().is_terminal() {
        return Err(
            refused("nobody can be asked").hint("--yes does it without asking, --dry-run shows what it is")
        );
    }
    let answer = output::ask("Go on? [y/N]").context("cannot ask")?;
    if matches!(answer.as_str(), "y" | "Y" | "yes") { Ok(()) } else { Err(refused("the answer was not yes")) }
}

fn interrupted() -> Failure {
    Failure::new(
        Exit::Failure,
        anyhow!("the rehearsal was broken off; rows were neither looked for nor removed"),
    )
}
