//! The one task that owns the state: what changed comes in, decisions go out as deeds, outcomes come back.

mod apply;
mod attempt;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use stanchion_informers::{Informer, Key};
use stanchion_scheduler_core::{Happening, Pod, Queue, Scheduler};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::caches::Caches;
use crate::deeds::{Context, Outcome};
use crate::events::{Events, Publisher};
use crate::inbox::Inbox;
use crate::options::Options;
use crate::owners::DefaultSpreads;

/// Deeds that are under way at once, those that wait for volumes among them. Beyond it decisions wait.
const MAX_DEEDS: usize = 1024;
/// Decisions between two looks at what changed.
const DECISIONS_AT_ONCE: usize = 64;
/// How long deeds may take once the scheduler is to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The state of the scheduler.
pub(crate) struct Scheduling {
    scheduler: Scheduler,
    queue: Queue,
    /// Every Pod that has not ended, as last seen.
    known: HashMap<Key, Arc<Pod>>,
    spreads: DefaultSpreads,
    caches: Copies,
    inbox: Arc<Inbox>,
    context: Arc<Context>,
    deeds: JoinSet<Outcome>,
    /// The Pods whose deeds are under way, except reports.
    doing: HashMap<Id, Arc<Pod>>,
    publisher: Option<Publisher>,
    name: String,
    started: Instant,
    seed: u64,
}

/// The copies that are read here.
struct Copies {
    pods: Informer<k8s_openapi::api::core::v1::Pod>,
    nodes: Informer<k8s_openapi::api::core::v1::Node>,
    volumes: Informer<k8s_openapi::api::core::v1::PersistentVolume>,
    claims: Informer<k8s_openapi::api::core::v1::PersistentVolumeClaim>,
    classes: Informer<k8s_openapi::api::storage::v1::StorageClass>,
    budgets: Informer<k8s_openapi::api::policy::v1::PodDisruptionBudget>,
    namespaces: Informer<k8s_openapi::api::core::v1::Namespace>,
}

impl Scheduling {
    pub(crate) fn new(client: Client, options: Options, caches: &Caches, inbox: Arc<Inbox>) -> Self {
        let Options { percentage_of_nodes_to_score, scheduler_name, concurrency } = options;
        let (events, publisher) = Events::new(client.clone(), scheduler_name.clone());
        let context = Context::new(client, events, caches, scheduler_name.clone(), concurrency);
        Self {
            scheduler: Scheduler::new(percentage_of_nodes_to_score),
            queue: Queue::default(),
            known: HashMap::new(),
            spreads: DefaultSpreads::new(&caches.owners),
            caches: Copies {
                pods: caches.pods.clone(),
                nodes: caches.nodes.clone(),
                volumes: caches.volumes.clone(),
                claims: caches.claims.clone(),
                classes: caches.classes.clone(),
                budgets: caches.budgets.clone(),
                namespaces: caches.namespaces.clone(),
            },
            inbox,
            context: Arc::new(context),
            deeds: JoinSet::new(),
            doing: HashMap::new(),
            publisher: Some(publisher),
            name: scheduler_name,
            started: Instant::now(),
            seed: RandomState::new().hash_one(0),
        }
    }

    /// Schedules until `stop`, then finishes what has begun.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        let publisher = self.publisher.take().map(|publisher| tokio::spawn(publisher.run()));
        while !stop.is_cancelled() {
            self.turn();
            self.pause(stop).await;
        }
        let drained = timeout(DRAIN, async {
            while let Some(done) = self.deeds.join_next_with_id().await {
                self.finish(done);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(deeds = self.deeds.len(), "given up what was under way");
        }
        self.deeds.shutdown().await;
        // What is told from here on is of no use to anybody.
        if let Some(publisher) = publisher {
            publisher.abort();
        }
    }

    /// Takes in what changed and decides on some Pods.
    fn turn(&mut self) {
        for touched in self.inbox.take() {
            self.apply(&touched);
        }
        while let Some(done) = self.deeds.try_join_next_with_id() {
            self.finish(done);
        }
        for _ in 0..DECISIONS_AT_ONCE {
            if self.deeds.len() >= MAX_DEEDS {
                break;
            }
            let Some(pod) = self.queue.pop(self.now()) else { break };
            self.attempt(&pod);
        }
    }

    /// Waits until there is something to do.
    async fn pause(&mut self, stop: &CancellationToken) {
        let room = self.deeds.len() < MAX_DEEDS;
        let now = self.now();
        let next = self.queue.next(now).filter(|_| room);
        if next.is_some_and(|next| next <= now) {
            tokio::task::yield_now().await;
            return;
        }
        let waiting = next.map(|next| u64::try_from(next).unwrap_or(0));
        let wake = self.started + Duration::from_millis(waiting.unwrap_or(0));
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.inbox.arrived() => {}
            Some(done) = self.deeds.join_next_with_id() => self.finish(done),
            () = sleep_until(wake), if waiting.is_some() => {}
        }
    }

    /// Milliseconds since the start.
    fn now(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Has Pods tried again that this may help.
    fn happened(&mut self, happening: &Happening<'_>) {
        let now = self.now();
        self.queue.happened(happening, now);
    }
}
