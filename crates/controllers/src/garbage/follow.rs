//! Follows every kind that the API serves, by metadata alone, and feeds the graph.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, InitialListStrategy};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Collector, graph::Uid};
use crate::discovery::{self, Kind};

/// How often the API is asked what it serves when no definition changes.
const ROUND: Duration = Duration::from_secs(30);
/// Definitions that change one after the other are answered together.
const TOGETHER: Duration = Duration::from_millis(100);
/// How long to wait after a list or watch failed, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How long a kind may keep decisions waiting that need to know all of its objects.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kinds that own nothing and are owned by nothing: there are many of them, and they end by themselves.
const IGNORED: &[&str] = &["events.", "events.events.k8s.io"];
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Which kinds there are, and of which all objects have been seen.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    served: Vec<Arc<Kind>>,
    /// Kinds whose first list has not come, and since when it is waited for.
    pending: HashMap<String, Instant>,
}

impl Kinds {
    /// Returns a kind by its group and name, in whatever version.
    pub(super) fn find(&self, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let mut served = self.served.iter();
        served.find(|it| it.resource.group == group && it.resource.kind == kind).map(Arc::clone)
    }

    /// Returns whether the objects of all kinds have been seen, but for those that keep everybody waiting too long.
    pub(super) fn is_complete(&self, now: Instant) -> bool {
        !self.served.is_empty() && self.pending.values().all(|since| now.duration_since(*since) > PATIENCE)
    }
}

/// Follows what the API serves until everything is to end.
pub(super) async fn run(collector: Arc<Collector>) {
    let mut followed: HashMap<String, CancellationToken> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        match discovery::kinds(&collector.cluster.client).await {
            Ok(kinds) => renew(&collector, &kinds, &mut followed, &mut tasks),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell what can be garbage");
            }
        }
        tokio::select! {
            () = collector.cluster.stop.cancelled() => break,
            () = tokio::time::sleep(ROUND) => {}
            () = collector.definitions.notified() => tokio::time::sleep(TOGETHER).await,
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Begins to follow kinds that are new, and ends it for those that are served no longer.
fn renew(
    collector: &Arc<Collector>,
    kinds: &[Arc<Kind>],
    followed: &mut HashMap<String, CancellationToken>,
    tasks: &mut JoinSet<()>,
) {
    while tasks.try_join_next().is_some() {}
    collector.kinds.lock().served = kinds.to_vec();
    let mut served = HashSet::new();
    for kind in kinds {
        let title = kind.title();
        let able = ["list", "watch", "delete", "patch"].iter().all(|verb| kind.can(verb));
        if !able || IGNORED.contains(&title.as_str()) {
            continue;
        }
        if !followed.contains_key(&title) {
            let stop = collector.cluster.stop.child_token();
            collector.kinds.lock().pending.insert(title.clone(), Instant::now());
            tasks.spawn(follow(Arc::clone(collector), Arc::clone(kind), stop.clone()));
            followed.insert(title.clone(), stop);
        }
        served.insert(title);
    }
    let gone: Vec<String> = followed.keys().filter(|title| !served.contains(*title)).cloned().collect();
    for title in gone {
        if let Some(stop) = followed.remove(&title) {
            stop.cancel();
        }
        collector.kinds.lock().pending.remove(&title);
    }
}

/// Follows one kind. What was there is gone when it is served no longer.
async fn follow(collector: Arc<Collector>, kind: Arc<Kind>, stop: CancellationToken) {
    let config =
        watcher::Config { initial_list_strategy: InitialListStrategy::StreamingList, ..Default::default() };
    let mut events = pin!(watcher::watcher(kind.api(&collector.cluster.client, ""), config));
    let mut listed: HashSet<Uid> = HashSet::new();
    let mut pause = PAUSE.0;
    let title = kind.title();
    loop {
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            event = events.next() => event,
        };
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                tracing::debug!(
                    kind = title,
                    error = &error as &dyn std::error::Error,
                    "cannot follow a kind"
                );
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE.1);
                continue;
            }
            None => break,
        };
        pause = PAUSE.0;
        let changed = matches!(event, Event::Apply(_) | Event::Delete(_));
        collector.take(&kind, event, &mut listed);
        if changed && title == DEFINITIONS {
            collector.definitions.notify_one();
        }
    }
    if !collector.cluster.stop.is_cancelled() {
        let looks = collector.graph.lock().replace(&kind, &HashSet::new());
        collector.look_at(looks);
    }
}

impl Collector {
    fn take(&self, kind: &Arc<Kind>, event: Event<PartialObjectMeta>, listed: &mut HashSet<Uid>) {
        let looks: BTreeSet<Uid> = match event {
            Event::Init => {
                listed.clear();
                BTreeSet::new()
            }
            Event::InitApply(object) => {
                listed.insert(Uid::of(object.metadata.uid.as_deref().unwrap_or("")));
                self.graph.lock().observe(kind, &object.metadata)
            }
            Event::InitDone => {
                let looks = self.graph.lock().replace(kind, listed);
                *listed = HashSet::new();
                self.kinds.lock().pending.remove(&kind.title());
                looks
            }
            Event::Apply(object) => self.graph.lock().observe(kind, &object.metadata),
            Event::Delete(object) => {
                self.graph.lock().remove(Uid::of(object.metadata.uid.as_deref().unwrap_or("")))
            }
        };
        self.look_at(looks);
    }
}
