//! What the doctor is told of etcd: how to speak to it, and what else to look at.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stanchion_doctor::{Etcd, GrowthSource};
use stanchion_doctor_core::Growth;

use crate::commands::etcd::options::Connection;
use crate::error::Failure;

/// An etcd, and what else of it to look at.
#[derive(Debug, Args)]
pub(crate) struct EtcdSource {
    #[command(flatten)]
    pub(super) connection: Connection,
    /// Where snapshots of etcd are kept.
    #[arg(long, value_name = "DIR", requires = "etcd_endpoints")]
    etcd_snapshot_dir: Option<PathBuf>,
    /// A file that remembers how much was in use at each run, to tell how etcd grows from the second run on.
    #[arg(long, value_name = "FILE", requires = "etcd_endpoints")]
    etcd_growth_file: Option<PathBuf>,
    /// Watch for so many seconds how etcd grows: 10 minutes at least, as less says nothing between two compactions.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "etcd_endpoints",
        conflicts_with = "etcd_growth_file",
        value_parser = clap::value_parser!(u64).range(Growth::SHORTEST.as_secs()..=86_400)
    )]
    etcd_growth: Option<u64>,
}

impl EtcdSource {
    /// Prepares to ask etcd; with `keyspace` also what its keys are of.
    pub(super) fn prepare(&self, keyspace: bool) -> Result<Etcd, Failure> {
        let mut options = self.connection.options()?;
        options.snapshots.clone_from(&self.etcd_snapshot_dir);
        options.keyspace = keyspace;
        let watch = self.etcd_growth.map(Duration::from_secs).map(GrowthSource::Watch);
        options.growth = watch.or_else(|| self.etcd_growth_file.clone().map(GrowthSource::File));
        Connection::prepare(options)
    }
}
