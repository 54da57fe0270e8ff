//! Running a manager: elected, then a task for each cluster, until the office is lost.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt};
use stanchion_api::{Guarded, names};
use stanchion_ha_core::ClusterName;
use stanchion_informers::{Copies, Informer, Key};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::conduct::{Conductor, Shared};
use crate::election::{self, Office};
use crate::events::{self, Events};
use crate::mirror::Mirror;
use crate::options::Options;
use crate::publish::Publisher;

/// Manages whenever it is elected, until `stop`.
pub async fn run(client: Client, copies: &Copies, options: Options, stop: CancellationToken) {
    let clusters = copies.of::<Guarded>();
    let pods = copies.of::<Pod>();
    // Handlers stay for good, so there is one of each, and it wakes whoever is there.
    let wakers: Arc<Wakers> = Arc::default();
    let changed = Arc::new(Notify::new());
    let notify = Arc::clone(&changed);
    let wake = Arc::clone(&wakers);
    clusters.on_change(move |change| {
        let key = Key::of(change.object().as_ref());
        wake.wake(&key.namespace, &key.name);
        notify.notify_one();
    });
    let wake = Arc::clone(&wakers);
    pods.on_change(move |change| {
        let pod = change.object();
        if let Some(cluster) = pod.labels().get(names::CLUSTER) {
            wake.wake(&pod.namespace().unwrap_or_default(), cluster);
        }
    });
    while let Some(office) = election::elected(&options.store, &options.identity, &stop).await {
        tracing::info!(identity = %options.identity, "elected to manage");
        let manager = Manager { client: &client, options: &options, clusters: &clusters, pods: &pods };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = manager.manage(&office, &wakers, &changed) => {}
        }
        office.resign().await;
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Whom to wake when something of a cluster changes in the API.
#[derive(Debug, Default)]
struct Wakers(parking_lot::Mutex<HashMap<ClusterName, Arc<Notify>>>);

impl Wakers {
    fn wake(&self, namespace: &str, name: &str) {
        if let Ok(cluster) = ClusterName::new(namespace, name)
            && let Some(waker) = self.0.lock().get(&cluster)
        {
            waker.notify_one();
        }
    }
}

struct Manager<'a> {
    client: &'a Client,
    options: &'a Options,
    clusters: &'a Informer<Guarded>,
    pods: &'a Informer<Pod>,
}

impl Manager<'_> {
    /// Manages until the office is lost.
    async fn manage(&self, office: &Office, wakers: &Wakers, changed: &Notify) {
        let mirror = Arc::new(Mirror::new());
        let shared = Shared {
            store: Arc::clone(&self.options.store),
            office: office.clone(),
            mirror: Arc::clone(&mirror),
            clusters: self.clusters.clone(),
            pods: self.pods.clone(),
        };
        let (events, write) = events::channel(self.client.clone());
        // All tasks end when this set is dropped.
        let mut tasks = JoinSet::new();
        tasks.spawn(write);
        let store = Arc::clone(&self.options.store);
        let follower = Arc::clone(&mirror);
        tasks.spawn(async move { follower.follow(&store).await });
        let mut running: HashMap<ClusterName, JoinSet<()>> = HashMap::new();
        let keep = office.keep();
        tokio::pin!(keep);
        loop {
            self.begin_and_end(&shared, &events, wakers, &mut running);
            tokio::select! {
                () = &mut keep => break,
                () = changed.notified() => {}
                ended = tasks.join_next() => {
                    tracing::error!(?ended, "a task of the manager has failed");
                    break;
                }
            }
        }
        wakers.0.lock().clear();
    }

    /// Begins tasks of clusters that came and ends those of clusters that went.
    fn begin_and_end(
        &self,
        shared: &Shared,
        events: &Events,
        wakers: &Wakers,
        running: &mut HashMap<ClusterName, JoinSet<()>>,
    ) {
        let here: Vec<ClusterName> = self
            .clusters
            .list()
            .iter()
            .filter_map(|object| {
                let key = Key::of(object.as_ref());
                ClusterName::new(&key.namespace, &key.name).ok()
            })
            .collect();
        running.retain(|cluster, _| {
            let stays = here.contains(cluster);
            if !stays {
                shared.mirror.forget(cluster);
                wakers.0.lock().remove(cluster);
            }
            stays
        });
        for cluster in here {
            if running.contains_key(&cluster) {
                continue;
            }
            let waker = Arc::new(Notify::new());
            shared.mirror.wake(&cluster, Arc::clone(&waker));
            wakers.0.lock().insert(cluster.clone(), Arc::clone(&waker));
            let (sender, receiver) = watch::channel(None);
            let publisher = Publisher {
                client: self.client.clone(),
                cluster: cluster.clone(),
                pods: self.pods.clone(),
                events: events.clone(),
            };
            let mut tasks = JoinSet::new();
            tasks.spawn(publisher.run(receiver));
            tasks.spawn(Conductor::new(shared.clone(), cluster.clone(), sender).run(waker));
            running.insert(cluster, tasks);
        }
    }
}
