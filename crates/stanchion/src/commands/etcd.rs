//! `stanchion etcd …`

mod defrag;
mod manifest;
pub(crate) mod options;
mod snapshot;
mod status;
mod top;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use clap::Subcommand;
use stanchion_doctor::Etcd;
use stanchion_doctor_core::{Facts, Need, Reading};

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say of each member how it is: size, quota, leader, log, alarms.
    Status(Box<status::Arguments>),
    /// Say what fills it: keys and bytes by kind and namespace, and the largest keys.
    Top(Box<top::Arguments>),
    /// Save a snapshot, verify it, and remove old ones.
    Snapshot(Box<snapshot::Arguments>),
    /// Defragment members one after the other, the leader last. Without --yes the plan is shown and nothing is done.
    Defrag(Box<defrag::Arguments>),
    /// Print a CronJob that does one of these, for `kubectl apply --server-side -f -`. It is YAML whatever --output says.
    #[command(subcommand)]
    Manifest(manifest::Command),
}

/// Carries out a subcommand.
pub(crate) fn run(command: &Command, format: Format) -> Result<(), Failure> {
    match command {
        Command::Status(arguments) => block_on(status::run(arguments, format)),
        Command::Top(arguments) => block_on(top::run(arguments, format)),
        Command::Snapshot(arguments) => block_on(snapshot::run(arguments, format)),
        Command::Defrag(arguments) => block_on(defrag::run(arguments, format)),
        Command::Manifest(command) => {
            manifest::run(command);
            Ok(())
        }
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Runtime::new().context("cannot start the runtime")?.block_on(command)
}

/// Reads what the members say, and fails if none of them does.
async fn read(etcd: &Etcd) -> Result<Facts, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    let mut facts = Facts::new(i64::try_from(now.as_secs()).context("the clock stands too far ahead")?);
    etcd.read(&mut facts).await;
    match facts.readings.get(&Need::EtcdStatus) {
        Some(Reading::Failed { source, why }) => {
            Err(Failure::new(Exit::Unavailable, anyhow!("no member of {source} answers: {why}")))
        }
        _ => Ok(facts),
    }
}

/// Returns what could not be read although it was asked for.
fn not_read(facts: &Facts) -> Vec<String> {
    let of = |(need, reading): (&Need, &Reading)| match reading {
        Reading::Read { .. } | Reading::Absent { .. } => Vec::new(),
        Reading::Partly { missing, .. } => {
            missing.iter().map(|why| format!("{}: {why}", need.name())).collect()
        }
        Reading::Failed { source, why } => vec![format!("{}: {source}: {why}", need.name())],
    };
    facts.readings.iter().flat_map(of).collect()
}

/// Tells a person what could not be read.
fn tell(not_read: &[String]) {
    for why in not_read {
        output::note(&format!("could not read: {why}"));
    }
}
