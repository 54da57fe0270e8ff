//! Who owns Pods: what a Pod that asks for no spreading is spread by anyway.
//!
//! The selector is that of all Services that select the Pod, and of the `ReplicaSet` or StatefulSet that controls it. A
//! Pod that nobody selects is not spread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod as ApiPod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use stanchion_informers::{Change, Informer, Key};
use stanchion_machinery::selector::Labels;
use stanchion_scheduler_core::{Kin, Pod, Selector, Spread};

use crate::convert;

/// Answers that are remembered; more than any burst of Pods needs.
const MAX_REMEMBERED: usize = 4096;

/// Counts changes of selectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changed(Arc<AtomicU64>);

impl Changed {
    /// Counts a change if it concerns what is selected.
    pub(crate) fn note<K, S: PartialEq>(&self, change: &Change<K>, selector: impl Fn(&K) -> S) {
        let matters = match change {
            Change::Added(_) | Change::Deleted(_) => true,
            Change::Modified { old, new } => selector(old) != selector(new),
        };
        if matters {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The copies of those who own Pods.
#[derive(Clone, Debug)]
pub(crate) struct Owners {
    pub(crate) services: Informer<Service>,
    pub(crate) replica_sets: Informer<ReplicaSet>,
    pub(crate) stateful_sets: Informer<StatefulSet>,
    pub(crate) changed: Changed,
}

impl Owners {
    pub(crate) fn counter() -> Changed {
        Changed::default()
    }

    pub(crate) async fn synced(&self) {
        tokio::join!(self.services.synced(), self.replica_sets.synced(), self.stateful_sets.synced());
    }

    /// Returns how a Pod without constraints is spread.
    fn spread(&self, object: &ApiPod, kin: &Kin) -> Spread {
        let namespace = kin.namespace.as_ref();
        let owner = controller(object);
        let set = owner.and_then(|owner| {
            let key = Key::new(namespace, owner.name.as_str());
            match owner.kind.as_str() {
                "ReplicaSet" => Some(self.replica_sets.get(&key)?.spec.as_ref()?.selector.clone()),
                "StatefulSet" => Some(self.stateful_sets.get(&key)?.spec.as_ref()?.selector.clone()),
                _ => None,
            }
        });
        default_spread(kin, &self.services.namespace(namespace), set.as_ref())
    }
}

/// Returns who controls a Pod.
pub(crate) fn controller(object: &ApiPod) -> Option<&OwnerReference> {
    let owners = object.metadata.owner_references.iter().flatten();
    owners.into_iter().find(|owner| owner.controller == Some(true))
}

/// Returns how a Pod without constraints is spread, given the Services of its namespace and the selector of what
/// controls it. Selectors that cannot be read count for nothing.
pub(crate) fn default_spread(kin: &Kin, services: &[Arc<Service>], set: Option<&LabelSelector>) -> Spread {
    let mut all = Vec::new();
    for service in services {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else { continue };
        if selector.iter().all(|(key, value)| kin.labels.get(key) == Some(value)) {
            all.extend(convert::pairs(Some(selector), "the selector of a Service").flatten());
        }
    }
    if let Some(set) = set {
        all.extend(convert::requirements(set, "the selector of a set").into_iter().flatten());
    }
    if all.is_empty() {
        return Spread::default();
    }
    all.sort_by(|a, b| a.key().cmp(b.key()));
    all.dedup();
    Spread::by_default(&Selector::new(Labels::all_of(all)))
}

/// Spreads by default, and remembers how.
#[derive(Debug)]
pub(crate) struct DefaultSpreads {
    owners: Owners,
    seen: u64,
    known: HashMap<(Kin, Option<String>), Arc<Spread>>,
}

impl DefaultSpreads {
    pub(crate) fn new(owners: &Owners) -> Self {
        Self { owners: owners.clone(), seen: 0, known: HashMap::new() }
    }

    /// Returns the Pod with the spreading that it gets without asking.
    pub(crate) fn apply(&mut self, object: &ApiPod, pod: &Arc<Pod>) -> Arc<Pod> {
        if !pod.spread.constraints.is_empty() {
            return Arc::clone(pod);
        }
        let changes = self.owners.changed.0.load(Ordering::Relaxed);
        if changes != self.seen || self.known.len() >= MAX_REMEMBERED {
            self.known.clear();
            self.seen = changes;
        }
        let key = (pod.kin.clone(), controller(object).map(|owner| owner.uid.clone()));
        let spread = self.known.entry(key).or_insert_with(|| Arc::new(self.owners.spread(object, &pod.kin)));
        Arc::new(Pod { spread: Arc::clone(spread), ..Pod::clone(pod) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stanchion_scheduler_core::LabelSet;

    use super::*;

    #[test]
    fn who_selects_a_pod_has_it_spread() {
        let kin = Kin {
            namespace: "shop".into(),
            labels: LabelSet::new([("app", "db"), ("hash", "x")]),
            terminating: false,
        };
        let service = |selector: serde_json::Value| -> Arc<Service> {
            Arc::new(serde_json::from_value(json!({"metadata": {}, "spec": {"selector": selector}})).unwrap())
        };
        let set: LabelSelector = serde_json::from_value(json!({"matchLabels": {"hash": "x"}})).unwrap();
        let table = [
            (vec![], None, None),
            (vec![service(json!({"app": "web"}))], None, None),
            (vec![service(json!({}))], None, None),
            (vec![service(json!({"app": "db"}))], None, Some("app=db")),
            (vec![], Some(&set), Some("hash=x")),
            (vec![service(json!({"app": "db"}))], Some(&set), Some("app=db,hash=x")),
        ];
        for (services, set, expected) in table {
            let spread = default_spread(&kin, &services, set);
            let expected =
                expected.map(|text| Spread::by_default(&Selector::new(Labels::parse(text).unwrap())));
            let same = |one: &Spread, other: &Spread| {
                one.constraints.len() == other.constraints.len()
                    && one
                        .constraints
                        .iter()
                        .zip(&other.constraints)
                        .all(|(a, b)| a.selector.matches(&kin.labels) == b.selector.matches(&kin.labels))
            };
            assert!(same(&spread, &expected.unwrap_or_default()), "{spread:?}");
        }
    }
}
