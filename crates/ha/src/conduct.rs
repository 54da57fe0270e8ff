//! The task of one cluster: look, decide, write, and again.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod as PodObject;
use kube::ResourceExt;
use stanchion_api::{DatabaseCluster, Guarded, ValidCluster, settings, validate};
use stanchion_ha_core::manager::{self, Memory, Pod, View};
use stanchion_ha_core::{ClusterName, InstanceName, Settings, Topology};
use stanchion_informers::{Informer, Key};
use stanchion_store::KeyValueStore;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::election::Office;
use crate::facts;
use crate::mirror::{Entry, Mirror, wall};
use crate::operation::Asked;
use crate::publish::Publication;
use crate::show;
use crate::write::{self, WriteError};

/// How long to wait after a write that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// What all clusters' tasks share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn KeyValueStore>,
    pub(crate) office: Office,
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) clusters: Informer<Guarded>,
    pub(crate) pods: Informer<PodObject>,
}

/// The task of one cluster.
pub(crate) struct Conductor {
    shared: Shared,
    name: ClusterName,
    key: Key,
    memory: Memory,
    asked: Asked,
    /// The newest spec that can work.
    valid: Option<(DatabaseCluster, ValidCluster)>,
    /// The newest object, as long as no spec was seen that can work: what was decided before is in the store.
    invalid: Option<DatabaseCluster>,
    publication: watch::Sender<Option<Publication>>,
    /// What is waited for, told once.
    waiting: Option<String>,
}

/// What a look came to.
enum Look {
    /// Something was written: look again at once.
    Wrote,
    /// Something is to be written that was not known before: look again at once.
    Again,
    /// Nothing is to be done before something changes.
    Settled(Duration),
}

impl Conductor {
    pub(crate) fn new(
        shared: Shared,
        name: ClusterName,
        publication: watch::Sender<Option<Publication>>,
    ) -> Self {
        let key = Key::new(name.namespace(), name.name());
        Self {
            shared,
            name,
            key,
            memory: Memory::default(),
            asked: Asked::default(),
            valid: None,
            invalid: None,
            publication,
            waiting: None,
        }
    }

    /// Looks whenever it is woken; ends only by being dropped.
    pub(crate) async fn run(mut self, waker: Arc<Notify>) {
        loop {
            let pause = match self.look().await {
                Ok(Look::Wrote | Look::Again) => continue,
                Ok(Look::Settled(pause)) => pause,
                Err(error) => {
                    tracing::warn!(cluster = %self.name, error = &error as &dyn Error, "cannot write what was decided");
                    PAUSE
                }
            };
            // Being woken or not, the next look sees the state of then.
            timeout(pause, waker.notified()).await.unwrap_or_default();
        }
    }

    async fn look(&mut self) -> Result<Look, WriteError> {
        let rest = Ok(Look::Settled(Duration::from_secs(1)));
        self.read();
        let valid = self.valid.as_ref().map(|(_, valid)| valid);
        let Some(object) = self.valid.as_ref().map(|(object, _)| object).or(self.invalid.as_ref()) else {
            return rest;
        };
        if object.metadata.deletion_timestamp.is_some() {
            return rest;
        }
        let Some((entry, since)) = self.shared.mirror.entry(&self.name) else { return rest };
        let Some(wanted) = valid.map(settings).or_else(|| entry.settings.clone()) else { return rest };
        if entry.settings.as_ref() != Some(&wanted) {
            write::settings(self.shared.store.as_ref(), &self.shared.office, &self.name, &wanted).await?;
        }
        let Some((topology, revision)) = &entry.topology else {
            return self.write(&Topology::forming(), 0).await;
        };
        if let Some(valid) = valid {
            self.asked.look(object, valid, entry.operation.as_ref(), wall());
        }
        if let Some(record) = self.asked.unnoted() {
            let Shared { store, office, .. } = &self.shared;
            if write::operation(store.as_ref(), office, &self.name, &record).await?.is_none() {
                return Ok(Look::Settled(PAUSE));
            }
            self.asked.noted();
        }
        let pods = self.pods(&wanted, &entry, topology);
        let operation = self.asked.current().cloned();
        let view = View {
            now: self.shared.mirror.now(),
            wall: wall(),
            since,
            settings: &wanted,
            topology,
            revision: *revision,
            reports: &entry.reports,
            pods: &pods,
            operation: operation.as_ref(),
        };
        let decision = manager::decide(&view, &mut self.memory);
        if let Some(outcome) = decision.operation {
            self.asked.tell(outcome);
        }
        if decision.waiting != self.waiting {
            if let Some(waiting) = &decision.waiting {
                tracing::info!(cluster = %self.name, term = %topology.term, waiting, "waiting");
            }
            self.waiting.clone_from(&decision.waiting);
        }
        let pause = manager::look_again(&view).into();
        let generation = valid.map_or(0, |valid| valid.generation);
        let shown = show::publication(object, generation, &view, self.waiting.as_deref(), &self.asked);
        self.publication.send_if_modified(|last| {
            let differs = last.as_ref() != Some(&shown);
            if differs {
                *last = Some(shown);
            }
            differs
        });
        match decision.topology {
            Some(next) => {
                let revision = *revision;
                self.tell(topology, &next);
                let written = self.write(&next, revision).await;
                if !matches!(written, Ok(Look::Wrote)) {
                    self.asked.retract();
                }
                written
            }
            // What became of it is to stand in the store.
            None if self.asked.unnoted().is_some() => Ok(Look::Again),
            None => Ok(Look::Settled(pause)),
        }
    }

    /// Takes in the newest spec; one that cannot work leaves the last one that could.
    fn read(&mut self) {
        let Some(guarded) = self.shared.clusters.get(&self.key) else { return };
        let Ok(object) = &guarded.0 else { return };
        let known = self.valid.as_ref().and_then(|(known, _)| known.resource_version());
        if known.is_some() && known == object.resource_version() {
            return;
        }
        match validate(object) {
            Ok(valid) => {
                self.valid = Some((object.clone(), valid));
                self.invalid = None;
            }
            Err(error) => {
                tracing::debug!(cluster = %self.name, %error, "the spec cannot work; the last one that could counts");
                if self.valid.is_none() {
                    self.invalid = Some(object.clone());
                }
            }
        }
    }

    /// Returns the evidence about every Pod that matters.
    fn pods(&self, wanted: &Settings, entry: &Entry, topology: &Topology) -> BTreeMap<InstanceName, Pod> {
        if !self.shared.pods.is_synced() {
            return BTreeMap::new();
        }
        wanted
            .members
            .keys()
            .chain(entry.reports.keys())
            .chain(&topology.barred)
            .chain(&topology.sync_set)
            .map(|name| {
                let object = self.shared.pods.get(&Key::new(self.name.namespace(), name.as_str()));
                (name.clone(), facts::pod(object.as_deref()))
            })
            .collect()
    }

    async fn write(&self, next: &Topology, revision: i64) -> Result<Look, WriteError> {
        let Shared { store, office, mirror, .. } = &self.shared;
        let written = write::topology(store.as_ref(), office, &self.name, next, revision).await?;
        match written {
            Some(revision) => {
                mirror.wrote(&self.name, next.clone(), revision);
                Ok(Look::Wrote)
            }
            // Somebody else wrote; what they wrote is on its way here.
            None => Ok(Look::Settled(PAUSE)),
        }
    }

    fn tell(&self, old: &Topology, new: &Topology) {
        let cluster = &self.name;
        if old.stage != new.stage || old.term != new.term {
            tracing::info!(%cluster, term = %new.term, stage = ?new.stage, sync_set = ?new.sync_set, "the topology changes");
        } else {
            tracing::info!(
                %cluster, term = %new.term, sync_set = ?new.sync_set, barred = ?new.barred, copies = ?new.clones,
                "who does what changes"
            );
        }
    }
}
