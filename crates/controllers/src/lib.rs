//! The controllers that make the cluster what its objects say: a file each, over informers that all of them share.
//!
//! Every controller has two halves: a pure one that decides (`(object, what belongs to it, now) -> actions`), and a
//! shell that reads informers, carries the actions out through the API and reports in status, conditions and Events.
//! Reconcilers take no hint of what has happened and may run at any time, twice, or after a crash in the middle.

mod cluster;
mod owner;

use kube::Client;
use tokio_util::sync::CancellationToken;

pub use cluster::Options;

use crate::cluster::Cluster;

/// Runs all controllers until `stop`.
pub async fn run(client: Client, options: Options, stop: CancellationToken) {
    let (cluster, mut tasks) = Cluster::start(client, options, &stop);
    tokio::select! {
        () = stop.cancelled() => {}
        () = cluster.synced() => tracing::info!("controllers have seen the cluster"),
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the controllers has failed");
        }
    }
}
