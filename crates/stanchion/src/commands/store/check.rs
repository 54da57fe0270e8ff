//! `stanchion store check`

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use stanchion_store::disk::RealDisk;
use stanchion_store::{log, snapshot};

use super::snapshot::SnapshotReport;
use crate::error::Failure;
use crate::output::{self, Format, Report, Row};

/// What to verify.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Arguments {
    /// A data directory that is not in use. Nothing in it is changed.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A snapshot.
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    data_dir: String,
    format: u32,
    cluster_id: String,
    member_id: String,
    revision: i64,
    compacted: i64,
    keys: u64,
    leases: usize,
    alarms: Vec<&'static str>,
    batches: u64,
    records: u64,
    bytes: u64,
    /// A write that was never acknowledged, and that the next start cuts off: file, offset, bytes.
    torn: Option<(String, u64, u64)>,
    /// Files that do not count, and that the next start removes.
    leftovers: Vec<String>,
}

impl Report for Checked {
    fn rows(&self) -> Vec<Row> {
        let torn = match &self.torn {
            None => "none".to_owned(),
            Some((file, offset, bytes)) => {
                format!(
                    "{bytes} B at offset {offset} of {file}, never acknowledged; the next start cuts it off"
                )
            }
        };
        let listed = |list: String| if list.is_empty() { "none".to_owned() } else { list };
        vec![
            ("data dir", self.data_dir.clone()),
            ("format", self.format.to_string()),
            ("cluster", self.cluster_id.clone()),
            ("member", self.member_id.clone()),
            ("revision", self.revision.to_string()),
            ("compacted", output::compacted(self.compacted)),
            ("keys", self.keys.to_string()),
            ("leases", self.leases.to_string()),
            ("alarms", listed(self.alarms.join(", "))),
            ("batches", self.batches.to_string()),
            ("records", self.records.to_string()),
            ("size", output::bytes(self.bytes)),
            ("torn write", torn),
            ("leftovers", listed(self.leftovers.join(", "))),
            ("result", "the store is in order".to_owned()),
        ]
    }
}

/// Verifies a store or a snapshot.
pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    match (&arguments.data_dir, &arguments.snapshot) {
        (Some(dir), _) => output::report(&check(dir)?, format),
        (None, Some(file)) => {
            let info = snapshot::inspect(file)?;
            output::report(&SnapshotReport::of(file, info), format)
        }
        (None, None) => unreachable!("clap asks for one of them"),
    }
}

fn check(dir: &Path) -> Result<Checked, Failure> {
    let (manifest, keyspace, recovered) = log::verify(&RealDisk, dir)?;
    Ok(Checked {
        data_dir: dir.display().to_string(),
        format: manifest.format,
        cluster_id: format!("{:x}", manifest.ids.cluster),
        member_id: format!("{:x}", manifest.ids.member),
        revision: keyspace.revision().0,
        compacted: keyspace.compacted().0,
        keys: keyspace.index().live_keys(),
        leases: keyspace.leases().len(),
        alarms: keyspace.alarms().raised().map(stanchion_store::core::Alarm::name).collect(),
        batches: recovered.batches,
        records: recovered.records,
        bytes: recovered.bytes,
        torn: recovered.torn.map(|(path, offset, bytes)| (path.display().to_string(), offset, bytes)),
        leftovers: recovered.leftovers.iter().map(|path| path.display().to_string()).collect(),
    })
}
