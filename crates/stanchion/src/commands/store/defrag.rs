//! `stanchion store defrag`

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use stanchion_etcd_api::etcdserverpb::{DefragmentRequest, StatusRequest};
use stanchion_store::log::LogError;
use stanchion_store::{DefragPolicy, Options, Store};

use super::client::Connection;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, Report, Row};

/// Of which store.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// A data directory that is not in use, instead of a server.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only show what there would be to gain.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sizes {
    store: String,
    before: u64,
    after: u64,
    /// Nothing was done: `after` is an estimate.
    dry_run: bool,
}

impl Report for Sizes {
    fn rows(&self) -> Vec<Row> {
        let after = if self.dry_run { "would be" } else { "after" };
        vec![
            ("store", self.store.clone()),
            ("before", output::bytes(self.before)),
            (after, output::bytes(self.after)),
            ("given back", output::bytes(self.before.saturating_sub(self.after))),
        ]
    }
}

/// Defragments a store.
pub(crate) async fn run(arguments: Arguments, format: Format) -> Result<(), Failure> {
    let sizes = match &arguments.data_dir {
        Some(dir) => offline(dir, arguments.dry_run).await?,
        None => online(&arguments.connection, arguments.dry_run).await?,
    };
    output::report(&sizes, format)
}

async fn online(connection: &Connection, dry_run: bool) -> Result<Sizes, Failure> {
    let mut client = connection.maintenance().await?;
    let store = connection.endpoint().to_owned();
    let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    let status = client.status(StatusRequest {}).await?.into_inner();
    let before = size(status.db_size);
    if dry_run {
        return Ok(Sizes { store, before, after: size(status.db_size_in_use), dry_run });
    }
    client.defragment(DefragmentRequest {}).await?;
    let status = client.status(StatusRequest {}).await?.into_inner();
    Ok(Sizes { store, before, after: size(status.db_size), dry_run })
}

async fn offline(dir: &Path, dry_run: bool) -> Result<Sizes, Failure> {
    if !dir.exists() {
        return Err(LogError::Missing { path: dir.to_owned() }.into());
    }
    // Opening creates a store where there is none, which is not what was asked for.
    stanchion_store::log::verify(&stanchion_store::disk::RealDisk, dir)?;
    let defrag = DefragPolicy { free_share: None, ..DefragPolicy::default() };
    let store = Store::open(Options { defrag, ..Options::new(dir) })?;
    let status = store.status();
    let name = dir.display().to_string();
    let outcome = if dry_run {
        Ok(Sizes { store: name, before: status.on_disk, after: status.in_use, dry_run })
    } else {
        let outcome = store.defragment().await;
        outcome.map(|sizes| Sizes { store: name, before: sizes.before, after: sizes.after, dry_run })
    };
    store.close().await;
    outcome.map_err(|error| Failure::new(Exit::Storage, error))
}
