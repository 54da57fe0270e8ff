//! `stanchion store restore`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stanchion_store::snapshot::{self, RestoreOptions};

use crate::error::Failure;
use crate::output::{self, Format, Report, Row};

/// From where, where to, and how.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The snapshot, from `stanchion store snapshot` or `etcdctl snapshot save`.
    snapshot: PathBuf,
    /// The directory to make; it has to be empty or missing.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Raise the revision by this much, so that clients that saw later revisions do not mistake new ones for them.
    /// Kubernetes API servers need it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bump_revision: u64,
    /// Mark the history up to the raised revision as compacted, so that clients' watches begin anew.
    #[arg(long, requires = "bump_revision")]
    mark_compacted: bool,
    /// Believe the content without its checksum.
    #[arg(long)]
    skip_hash_check: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    data_dir: String,
    revision: i64,
    compacted: i64,
    keys: u64,
    bytes: u64,
}

impl Report for Restored {
    fn rows(&self) -> Vec<Row> {
        vec![
            ("data dir", self.data_dir.clone()),
            ("revision", self.revision.to_string()),
            ("compacted", output::compacted(self.compacted)),
            ("keys", self.keys.to_string()),
            ("size", output::bytes(self.bytes)),
        ]
    }
}

/// Restores a snapshot.
pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let options = RestoreOptions {
        bump_revision: i64::try_from(arguments.bump_revision).unwrap_or(i64::MAX),
        mark_compacted: arguments.mark_compacted,
        skip_hash_check: arguments.skip_hash_check,
    };
    let restored = snapshot::restore(&arguments.snapshot, &arguments.data_dir, options)?;
    let report = Restored {
        data_dir: arguments.data_dir.display().to_string(),
        revision: restored.revision.0,
        compacted: restored.compacted.0,
        keys: restored.keys,
        bytes: restored.bytes,
    };
    output::report(&report, format)
}
