//! The controllers that make the cluster what its objects say: a file each, over informers that all of them share.
//!
//! Every controller has two halves: a pure one that decides (`(object, what belongs to it, now) -> actions`), and a
//! shell that reads informers, carries the actions out through the API and reports in status, conditions and Events.
//! Reconcilers take no hint of what has happened and may run at any time, twice, or after a crash in the middle.
//!
//! A controller has one entrance, `register(&Arc<Cluster>) -> Controller`: it adds its handlers at once, and returns
//! what is to run once the cluster has been seen.

mod adoption;
mod binding;
mod calls;
mod cluster;
mod deployment;
mod discovery;
mod disruption;
mod endpoint_slice;
mod endpoints;
mod events;
mod expectations;
mod follow;
mod garbage;
mod hash;
mod job;
mod local_path;
mod members;
mod namespace;
mod node_lifecycle;
mod numbers;
mod owner;
mod pod_control;
mod pod_garbage;
mod pods;
mod rank;
mod replica_set;
mod service_account;
mod stateful_set;
mod unserved;
mod writes;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use kube::Client;
use stanchion_informers::Copies;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use cluster::Options;

use crate::cluster::Cluster;

/// What a registered controller does until the cluster's `stop`, begun when every informer has its first list.
type Controller = BoxFuture<'static, ()>;

/// Registers every controller, a line each.
fn register(cluster: &Arc<Cluster>) -> Vec<Controller> {
    let mut controllers = vec![
        binding::register(cluster),
        deployment::register(cluster),
        disruption::register(cluster),
        endpoint_slice::register(cluster),
        endpoints::register(cluster),
        garbage::register(cluster),
        job::register(cluster),
        namespace::register(cluster),
        node_lifecycle::register(cluster),
        pod_garbage::register(cluster),
        replica_set::register(cluster),
        service_account::register(cluster),
        stateful_set::register(cluster),
        unserved::register(cluster),
    ];
    controllers.extend(local_path::register(cluster));
    controllers
}

/// Runs all controllers until `stop`.
pub async fn run(client: Client, copies: &Copies, options: Options, stop: CancellationToken) {
    let (cluster, writer) = Cluster::new(client, copies, options, stop.clone());
    let controllers = register(&cluster);
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run(stop.clone()));
    cluster.follow(&mut tasks);
    tokio::select! {
        () = stop.cancelled() => {}
        () = cluster.synced() => {
            tracing::info!(options = ?cluster.options, "controllers have seen the cluster");
            for controller in controllers {
                tasks.spawn(controller);
            }
        }
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the controllers has failed");
        }
    }
}
