//! `stanchion store snapshot`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use stanchion_etcd_api::etcdserverpb::SnapshotRequest;
use stanchion_store::snapshot::{self, SnapshotInfo};

use super::client::Connection;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, Report, Row};

/// From where, and where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file to save to; replaced only by a whole, verified snapshot.
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// What a snapshot says of itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotReport {
    file: String,
    cluster_id: String,
    revision: i64,
    bytes: u64,
    sha256: String,
}

impl SnapshotReport {
    /// Describes the snapshot in `file`.
    pub(crate) fn of(file: &Path, info: SnapshotInfo) -> Self {
        Self {
            file: file.display().to_string(),
            cluster_id: format!("{:x}", info.ids.cluster),
            revision: info.revision.0,
            bytes: info.bytes,
            sha256: info.sha256,
        }
    }
}

impl Report for SnapshotReport {
    fn rows(&self) -> Vec<Row> {
        vec![
            ("file", self.file.clone()),
            ("cluster", self.cluster_id.clone()),
            ("revision", self.revision.to_string()),
            ("size", output::bytes(self.bytes)),
            ("sha256", self.sha256.clone()),
        ]
    }
}

/// Saves a snapshot beside its place, verifies it, and moves it there.
pub(crate) async fn run(arguments: Arguments, format: Format) -> Result<(), Failure> {
    let file = &arguments.file;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let storage = |error: anyhow::Error| Failure::new(Exit::Storage, error);
    let writing = || format!("cannot write {}", file.display());
    let mut part = tempfile::NamedTempFile::new_in(folder).with_context(writing).map_err(storage)?;
    let mut client = arguments.connection.maintenance().await?;
    let mut chunks = client.snapshot(SnapshotRequest {}).await?.into_inner();
    while let Some(chunk) = chunks.message().await? {
        part.write_all(&chunk.blob).with_context(writing).map_err(storage)?;
    }
    part.as_file().sync_all().with_context(writing).map_err(storage)?;
    let info = snapshot::inspect(part.path())?;
    part.persist(file).with_context(writing).map_err(storage)?;
    let durable = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    durable.with_context(writing).map_err(storage)?;
    output::report(&SnapshotReport::of(file, info), format)
}
