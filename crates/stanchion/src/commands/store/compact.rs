//! `stanchion store compact`

use clap::Args;
use serde::Serialize;
use stanchion_etcd_api::etcdserverpb::{CompactionRequest, RangeRequest};

use super::client::Connection;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, Report, Row};

/// Which store, and how far.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The first revision to keep. Reads and watches below it are refused from then on.
    #[arg(required_unless_present = "keep", conflicts_with = "keep")]
    revision: Option<i64>,
    /// Keep this many revisions up to the newest, instead of naming one.
    #[arg(long, value_name = "N")]
    keep: Option<u32>,
    /// Wait until the space counts as free.
    #[arg(long)]
    physical: bool,
    /// Only show what would be given up.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Compaction {
    store: String,
    newest: i64,
    compacted: i64,
    dry_run: bool,
}

impl Report for Compaction {
    fn rows(&self) -> Vec<Row> {
        let compacted = if self.dry_run { "would keep from" } else { "kept from" };
        vec![
            ("store", self.store.clone()),
            ("newest revision", self.newest.to_string()),
            (compacted, self.compacted.to_string()),
        ]
    }
}

/// Compacts a store.
pub(crate) async fn run(arguments: Arguments, format: Format) -> Result<(), Failure> {
    let mut client = arguments.connection.kv().await?;
    let probe = RangeRequest { key: vec![0].into(), count_only: true, ..RangeRequest::default() };
    let newest = client.range(probe).await?.into_inner().header.unwrap_or_default().revision;
    let compacted = match (arguments.revision, arguments.keep) {
        (Some(revision), _) => revision,
        (None, keep) => newest - i64::from(keep.unwrap_or(0)),
    };
    if compacted <= 0 {
        let error = anyhow::anyhow!("there is nothing below revision {compacted}; the newest is {newest}");
        return Err(Failure::new(Exit::Usage, error));
    }
    if !arguments.dry_run {
        client.compact(CompactionRequest { revision: compacted, physical: arguments.physical }).await?;
    }
    let store = arguments.connection.endpoint().to_owned();
    output::report(&Compaction { store, newest, compacted, dry_run: arguments.dry_run }, format)
}
