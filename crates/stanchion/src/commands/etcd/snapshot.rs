//! `stanchion etcd snapshot`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use stanchion_doctor::{RepairError, SaveError, expire_snapshots, snapshot_name};
use stanchion_doctor_core::Facts;

use super::options::Connection;
use super::read;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, Report, Row};

/// Of which etcd, and where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    place: Place,
    /// How long snapshots stay in --dir. Only such that have a name given here are ever removed, and never the newest.
    #[arg(long, value_name = "TIME", default_value = "7d", requires = "dir", conflicts_with = "to", value_parser = humantime::parse_duration)]
    retain: Duration,
}

/// Where to.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The file to save it to.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// A directory to save it to, with cluster and time in its name.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What was saved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    file: String,
    size: u64,
    sha256: String,
    endpoint: String,
    /// The snapshot has this revision or a later one.
    revision: u64,
    seconds: f64,
    removed: Vec<String>,
}

impl Report for Outcome {
    fn rows(&self) -> Vec<Row> {
        let removed = if self.removed.is_empty() { "none".to_owned() } else { self.removed.join(", ") };
        vec![
            ("file", self.file.clone()),
            ("size", output::bytes(self.size)),
            ("sha256", self.sha256.clone()),
            ("of", self.endpoint.clone()),
            ("revision", format!("{} or later", self.revision)),
            ("took", format!("{:.1} s", self.seconds)),
            ("removed", removed),
        ]
    }
}

/// Saves a snapshot.
pub(super) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let etcd = arguments.connection.open()?;
    let facts = read(&etcd).await?;
    let Some((_, status)) = facts.etcd.spare() else {
        return Err(Failure::new(Exit::Unhealthy, anyhow!("no member that answers is up to date")));
    };
    let path = match (&arguments.place.to, &arguments.place.dir) {
        (Some(file), _) => file.clone(),
        (None, Some(dir)) => dir.join(snapshot_name(status.cluster, facts.now)),
        (None, None) => return Err(Failure::new(Exit::Usage, anyhow!("give --to or --dir"))),
    };
    let start = Instant::now();
    let saved = etcd.save_snapshot(&facts, &path).await.map_err(failed)?;
    let seconds = start.elapsed().as_secs_f64();
    // Only now that there is a newer one that is whole.
    let removed = match &arguments.place.dir {
        Some(dir) => expire(dir, &facts, status.cluster, &path, arguments.retain)?,
        None => Vec::new(),
    };
    let outcome = Outcome {
        file: path.display().to_string(),
        size: saved.size,
        sha256: saved.checksum,
        endpoint: saved.endpoint,
        revision: status.revision,
        seconds,
        removed,
    };
    output::report(&outcome, format)
}

fn expire(
    dir: &Path,
    facts: &Facts,
    cluster: u64,
    newest: &Path,
    retain: Duration,
) -> Result<Vec<String>, Failure> {
    let until = facts.now.saturating_sub(i64::try_from(retain.as_secs()).unwrap_or(i64::MAX));
    let removed = expire_snapshots(dir, cluster, until, newest);
    let removed = removed.with_context(|| {
        format!("the snapshot is saved, but old ones in {} cannot be removed", dir.display())
    });
    let removed = removed.map_err(|error| Failure::new(Exit::Storage, error))?;
    Ok(removed.iter().map(|path| path.display().to_string()).collect())
}

fn failed(error: RepairError) -> Failure {
    let exit = match &error {
        RepairError::Save(SaveError::Write { .. } | SaveError::Exists { .. } | SaveError::NoRoom { .. }) => {
            Exit::Storage
        }
        RepairError::Save(SaveError::Damaged) | RepairError::Unwell { .. } | RepairError::NoRoom { .. } => {
            Exit::Unhealthy
        }
        RepairError::Save(SaveError::Receive(_) | SaveError::Late { .. })
        | RepairError::Refused { .. }
        | RepairError::Late { .. } => Exit::Unavailable,
        RepairError::Endpoint(_) => Exit::Usage,
    };
    Failure::new(exit, error)
}
