//! Takes over what changed in the API.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as ApiPod;
use stanchion_informers::Key;
use stanchion_scheduler_core::{Happening, Pod};

use super::Scheduling;
use crate::convert::{self, ConvertError, Converted};
use crate::deeds::Report;
use crate::inbox::Touched;

/// Who schedules Pods that do not say.
const DEFAULT_SCHEDULER: &str = "default-scheduler";

impl Scheduling {
    /// Looks at an object that changed.
    pub(super) fn apply(&mut self, touched: &Touched) {
        match touched {
            Touched::Pod(key) => self.apply_pod(key),
            Touched::Node(key) => self.apply_node(key),
            Touched::Volume(_) | Touched::Claim(_) | Touched::Class(_) => {
                self.apply_storage(touched);
                self.happened(&Happening::Storage);
            }
            Touched::Budget(key) => {
                let pair = (key.namespace.as_str().into(), key.name.as_str().into());
                match self.caches.budgets.get(key).map(|budget| convert::budget(&budget)) {
                    Some(Ok(budget)) => self.scheduler.cluster.set_budget(budget),
                    Some(Err(error)) => unreadable("PodDisruptionBudget", key, &error),
                    None => self.scheduler.cluster.remove_budget(&pair),
                }
            }
            Touched::Namespace(key) => {
                let name: Arc<str> = key.name.as_str().into();
                match self.caches.namespaces.get(key) {
                    Some(namespace) => {
                        let labels = convert::labels(namespace.metadata.labels.as_ref());
                        self.scheduler.cluster.set_namespace(&name, labels);
                    }
                    None => self.scheduler.cluster.remove_namespace(&name),
                }
                self.happened(&Happening::Namespace);
            }
        }
    }

    fn apply_node(&mut self, key: &Key) {
        let cluster = &mut self.scheduler.cluster;
        let old = cluster.node(&key.name).cloned();
        let Some(object) = self.caches.nodes.get(key) else {
            cluster.remove_node(&key.name);
            if let Some(old) = old {
                self.happened(&Happening::NodeRemoved(&old));
            }
            return;
        };
        let new = convert::node(&object);
        cluster.set_node(new.clone());
        match old {
            Some(old) if *old == new => {}
            Some(old) => self.happened(&Happening::NodeChanged { old: &old, new: &new }),
            None => self.happened(&Happening::NodeAdded(&new)),
        }
    }

    fn apply_storage(&mut self, touched: &Touched) {
        let volumes = &mut self.scheduler.cluster.volumes;
        match touched {
            Touched::Volume(key) => match self.caches.volumes.get(key).map(|volume| convert::volume(&volume))
            {
                Some(Ok(volume)) => volumes.set_volume(volume),
                Some(Err(error)) => {
                    unreadable("PersistentVolume", key, &error);
                    volumes.remove_volume(&key.name);
                }
                None => volumes.remove_volume(&key.name),
            },
            Touched::Claim(key) => {
                let pair = (key.namespace.as_str().into(), key.name.as_str().into());
                match self.caches.claims.get(key).map(|claim| convert::claim(&claim)) {
                    Some(Ok(claim)) => volumes.set_claim(claim),
                    Some(Err(error)) => {
                        unreadable("PersistentVolumeClaim", key, &error);
                        volumes.remove_claim(&pair);
                    }
                    None => volumes.remove_claim(&pair),
                }
            }
            Touched::Class(key) => {
                match self.caches.classes.get(key).map(|class| convert::storage_class(&class)) {
                    Some(Ok(class)) => volumes.set_class(class),
                    Some(Err(error)) => {
                        unreadable("StorageClass", key, &error);
                        volumes.remove_class(&key.name);
                    }
                    None => volumes.remove_class(&key.name),
                }
            }
            Touched::Pod(_) | Touched::Node(_) | Touched::Budget(_) | Touched::Namespace(_) => {}
        }
    }

    fn apply_pod(&mut self, key: &Key) {
        let object = self.caches.pods.get(key);
        let mut old = self.known.remove(key);
        let uid = object.as_ref().and_then(|object| object.metadata.uid.as_deref());
        if let Some(gone) = old.take_if(|old| uid != Some(old.uid.as_ref())) {
            self.gone(&gone);
        }
        let Some(object) = object else { return };
        if has_ended(&object) {
            if let Some(ended) = old {
                self.gone(&ended);
            }
            return;
        }
        let Converted { pod, error } = convert::pod(&object);
        let pod = Arc::new(pod);
        if pod.node.is_some() {
            if let Some(error) = error {
                unreadable("Pod", key, &error);
            }
            self.apply_placed(old.as_deref(), &pod);
        } else if is_for(&object, &self.name) {
            self.apply_waiting(&object, old.as_deref(), &pod, error);
        }
        self.known.insert(key.clone(), pod);
    }

    /// A Pod is gone or has ended.
    fn gone(&mut self, pod: &Arc<Pod>) {
        self.queue.remove(&pod.uid);
        let was_placed = self.scheduler.cluster.place(&pod.uid).is_some();
        let was_nominated =
            self.scheduler.cluster.nominations().any(|(_, pods)| pods.iter().any(|have| have.uid == pod.uid));
        self.scheduler.cluster.remove_pod(&pod.uid);
        if was_placed || was_nominated {
            self.happened(&Happening::PodGone(pod));
        }
    }

    fn apply_placed(&mut self, old: Option<&Pod>, pod: &Arc<Pod>) {
        self.queue.remove(&pod.uid);
        self.scheduler.cluster.set_pod(pod);
        match old.filter(|old| old.node.is_some()) {
            None => self.happened(&Happening::PodPlaced(pod)),
            Some(old) if old.kin != pod.kin || old.shape.request != pod.shape.request => {
                self.happened(&Happening::PodChanged { old, new: pod });
            }
            Some(_) => {}
        }
    }

    fn apply_waiting(
        &mut self,
        object: &ApiPod,
        old: Option<&Pod>,
        pod: &Arc<Pod>,
        error: Option<ConvertError>,
    ) {
        let cluster = &mut self.scheduler.cluster;
        if pod.kin.terminating {
            // If it is being bound, that will fail, and then it is forgotten.
            self.queue.remove(&pod.uid);
            cluster.clear_nomination(&pod.uid);
            return;
        }
        if let Some(error) = error {
            self.queue.remove(&pod.uid);
            let report = Report::failure(pod, chain(&error)).unless_told(object);
            self.report(report);
            return;
        }
        let is_placed = cluster.place(&pod.uid).is_some();
        if !is_placed {
            match &pod.nominated {
                Some(node) => cluster.nominate(pod, node),
                None if old.is_some_and(|old| old.nominated.is_some()) => cluster.clear_nomination(&pod.uid),
                None => {}
            }
        }
        // It is bound already, and this state of it is from before: to try it again would only be refused.
        if is_placed && !self.queue.contains(&pod.uid) {
            return;
        }
        let now = self.now();
        self.queue.set(pod, now);
    }
}

fn has_ended(object: &ApiPod) -> bool {
    let phase = object.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_for(object: &ApiPod, scheduler: &str) -> bool {
    let named = object.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    named.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_SCHEDULER) == scheduler
}

fn unreadable(kind: &'static str, key: &Key, error: &ConvertError) {
    tracing::warn!(kind, object = %key, error = error as &dyn std::error::Error, "an object cannot be read");
}

/// Returns an error with what caused it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += ": ";
        text += &cause.to_string();
        source = cause.source();
    }
    text
}
