//! What `stanchion up --apply FILE` shows: how the databases of the file come about, how to reach them, and from then on one
//! live line with how they are. Changes of primary and troubles are lines that stay. All of it goes to stderr.

mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, Client};
use stanchion_api::DatabaseCluster;
use stanchion_informers::Key;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::words::Connection;
use super::objects::Objects;
use crate::commands::db::Clusters;
use crate::output::{self, live};

/// The live line is written anew this often, for the time in it.
const TICK: Duration = Duration::from_secs(1);

/// The task that shows. Dropping it ends it, and takes the live line away.
pub(super) struct Live {
    tasks: JoinSet<anyhow::Result<()>>,
}

/// What is shown besides the databases.
pub(super) struct About {
    /// The kubeconfig to name to a person.
    pub(super) kubeconfig: PathBuf,
    /// The directory that keeps the data.
    pub(super) data_dir: PathBuf,
    /// Whether the Pods end with the cluster.
    pub(super) ends_pods: bool,
}

impl Live {
    /// Applies objects, and shows the databases among them until `ending`; from then on, which Pods are left.
    pub(super) fn start(objects: Objects, client: Client, about: About, ending: CancellationToken) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            objects.apply(&client).await?;
            let shown = Shown { began: Instant::now(), client, about, clusters: BTreeMap::new() };
            shown.run(objects.databases(), ending).await;
            Ok(())
        });
        Self { tasks }
    }

    /// Waits until it fails: an object could not be applied.
    pub(super) async fn failed(&mut self) -> anyhow::Error {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(Err(error)) => return anyhow!(error).context("what shows databases has failed"),
                Some(Ok(Ok(()))) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        live::clear();
    }
}

/// What is shown, and was.
struct Shown {
    began: Instant,
    client: Client,
    about: About,
    /// The databases as they were last.
    clusters: BTreeMap<Key, State>,
}

#[derive(Default)]
struct State {
    cluster: Option<DatabaseCluster>,
    /// Whether a person was told how to reach it.
    introduced: bool,
}

type Change = (Key, watcher::Result<Option<DatabaseCluster>>);

impl Shown {
    async fn run(mut self, keys: Vec<Key>, ending: CancellationToken) {
        let mut changes = stream::select_all(keys.iter().map(|key| changes(&self.client, key)));
        self.clusters = keys.into_iter().map(|key| (key, State::default())).collect();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !ending.is_cancelled() {
            tokio::select! {
                () = ending.cancelled() => {}
                Some((key, Ok(cluster))) = changes.next() => self.take(&key, cluster).await,
                _ = ticks.tick() => {}
            }
            self.paint();
        }
        self.end(ticks).await;
    }

    /// Takes a change in: tells what is worth a line that stays.
    async fn take(&mut self, key: &Key, cluster: Option<DatabaseCluster>) {
        let Some(state) = self.clusters.get_mut(key) else { return };
        let lines = words::news(state.cluster.as_ref(), cluster.as_ref(), live::is_possible());
        let before = std::mem::replace(&mut state.cluster, cluster);
        if before.is_none() && state.cluster.is_none() {
            return;
        }
        for line in &lines {
            output::note(&format!("{}: {line}", key.name));
        }
        let is_ready = state.cluster.as_ref().is_some_and(words::is_ready);
        if is_ready && !state.introduced && self.introduce(key).await {
            let state = self.clusters.get_mut(key).expect("it was there");
            state.introduced = true;
        }
    }

    /// Says how to reach a database; returns whether all of that is known.
    async fn introduce(&self, key: &Key) -> bool {
        let clusters = Clusters::new(self.client.clone(), &key.namespace);
        let Ok(access) = clusters.application(&key.name).await else { return false };
        let primary = self.clusters.get(key).and_then(|state| words::primary(state.cluster.as_ref()?));
        let connection = Connection {
            key,
            access: &access,
            primary: primary.unwrap_or_default(),
            after: self.began.elapsed(),
            about: &self.about,
            program: program(),
        };
        output::note(&connection.text());
        true
    }

    fn paint(&self) {
        let lines: Vec<String> = self
            .clusters
            .iter()
            .map(|(key, state)| words::line(&key.name, state.cluster.as_ref(), self.began.elapsed()))
            .collect();
        if !lines.is_empty() {
            live::show(&lines.join(" | "));
        }
    }

    /// Shows which Pods are left, until this task is ended.
    async fn end(self, mut ticks: tokio::time::Interval) {
        let pods: Api<Pod> = Api::all(self.client.clone());
        output::note(&format!("Ending all Pods; the data stays in {}.", self.about.data_dir.display()));
        let began = Instant::now();
        loop {
            if let Ok(pods) = pods.list(&ListParams::default()).await {
                live::show(&words::ending(&pods.items, began.elapsed()));
            }
            ticks.tick().await;
        }
    }
}

fn changes(client: &Client, key: &Key) -> impl Stream<Item = Change> + Send + use<> {
    let api: Api<DatabaseCluster> = Api::namespaced(client.clone(), &key.namespace);
    let key = key.clone();
    Box::pin(watch_object(api, &key.name).default_backoff().map(move |change| (key.clone(), change)))
}

/// Returns how this program is called.
fn program() -> String {
    let own = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let is_path = own.components().count() > 1;
    let path = if is_path { std::path::absolute(&own).unwrap_or(own) } else { own };
    shown(&path)
}

/// Returns a path as a shell takes it.
pub(super) fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
