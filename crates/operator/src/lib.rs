//! Makes `DatabaseCluster`s real: Pods, claims, Services, Secrets.
//!
//! ```text
//!   object -- dereference --> validate (api) --> build --> apply --> status
//!                                  |                ^
//!                                  +---> plan ------+   which Pod is made, replaced, taken away
//! ```
//!
//! [`build`] and the plan have no client: they make JSON and decisions. What is made is applied by server-side apply with
//! one field manager; Pods and claims have lives of their own and are created, grown and deleted one by one.
//!
//! Invariants:
//! - A Pod is replaced only while all others of its cluster are well, the primary last and after it has handed over.
//! - An instance is taken away only after the manager has let go of it.
//! - Passwords and volumes outlive their cluster, unless its spec says otherwise; passwords are never made anew.
//! - The operator removes its finalizer last, when the Pods are gone and nothing of the cluster stands in the store.
//! - An object that cannot be understood is reported, and stops nobody else's.

pub mod build;
mod calls;
mod credentials;
mod deletion;
mod dereference;
mod events;
mod install;
mod keep;
mod options;
mod passwords;
mod plan;
pub mod rbac;
mod reconcile;
mod secrets;
mod status;
mod tls;

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Client, Resource};
use stanchion_api::{Guarded, names};
use stanchion_informers::{Change, Copies, Informer, Key, Queue, work};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use calls::CallError;
pub use install::{InstallError, install};
pub use options::{Options, SecurityMode, StoreTls, StoreUsers};

use crate::dereference::Followed;
use crate::reconcile::Operator;

/// How many clusters are looked at at a time.
const AT_ONCE: usize = 8;
/// Who owns the fields that the operator applies.
pub const FIELD_MANAGER: &str = "stanchion-operator";
/// What keeps a cluster's object until its Pods are gone.
pub const FINALIZER: &str = "stanchion.dev/cluster";

/// Runs the operator until `stop`.
pub async fn run(client: Client, copies: &Copies, options: Options, stop: CancellationToken) {
    let queue: Queue<Key> = Queue::default();
    let followed = Followed::new(copies);
    follow(&followed, &queue);
    let (events, writer) = events::channel(client.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run(stop.clone()));
    let operator = Arc::new(Operator::new(client, options, followed.clone(), events));
    tokio::select! {
        () = stop.cancelled() => {}
        () = followed.synced() => {
            tracing::info!("the operator has seen the cluster");
            let look = move |key: Key| Arc::clone(&operator).reconcile(key);
            tasks.spawn(work("databasecluster", queue, AT_ONCE, look, stop.clone()));
        }
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the operator has failed");
        }
    }
}

/// Has a cluster looked at when it or something of its changes.
fn follow(followed: &Followed, queue: &Queue<Key>) {
    let adding = queue.clone();
    let clusters: &Informer<Guarded> = &followed.clusters;
    clusters.on_change(move |change| adding.add(Key::of(&**change.object())));
    belongings(&followed.pods, queue);
    belongings(&followed.claims, queue);
    belongings(&followed.services, queue);
    belongings(&followed.budgets, queue);
    belongings(&followed.accounts, queue);
}

/// Has the cluster looked at that an object's label names, or named before.
fn belongings<K: Resource + Send + Sync + 'static>(informer: &Informer<K>, queue: &Queue<Key>) {
    let adding = queue.clone();
    let add = move |meta: &ObjectMeta| {
        let named = meta.labels.as_ref().and_then(|labels| labels.get(names::CLUSTER));
        if let Some(cluster) = named {
            adding.add(Key::new(meta.namespace.clone().unwrap_or_default(), cluster.clone()));
        }
    };
    informer.on_change(move |change| {
        add(change.object().meta());
        if let Change::Modified { old, .. } = change {
            add(old.meta());
        }
    });
}
