//! The Pods of simulated nodes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::Request;
use kube::{Api, Client};
use parking_lot::Mutex;
use serde_json::json;
use stanchion_informers::{Informer, Key, Next, Queue, work, write};
use stanchion_network::addresses::PodAddresses;
use stanchion_node_core::status::{Failure, Known, status_of};
use stanchion_node_core::termination::{DEADLINE_MESSAGE, DEADLINE_REASON};
use tokio_util::sync::CancellationToken;

use super::AT_ONCE;
use super::life::Life;
use crate::calls::{CallError, call};
use crate::clock;
use crate::pods::{carried, with_removals};

/// What is known of one Pod.
struct Simulated {
    life: Life,
    ips: Vec<String>,
    host_ips: Vec<String>,
    /// The status as it was written last.
    written: PodStatus,
    /// The generation of the spec at which there was nothing left to do, not even later.
    settled: Option<i64>,
}

/// What all reconciles share.
struct Shared {
    client: Client,
    informer: Informer<Pod>,
    ranges: BTreeMap<String, Ipv4Net>,
    addresses: Mutex<HashMap<String, PodAddresses>>,
    /// By uid; taken out while a Pod is looked at, which is one look at a time for each.
    pods: Mutex<HashMap<Key, (String, Simulated)>>,
}

/// Follows the API until `stop`.
pub(super) async fn run(
    client: Client,
    informer: Informer<Pod>,
    ranges: BTreeMap<String, Ipv4Net>,
    stop: CancellationToken,
) {
    let queue: Queue<Key> = Queue::default();
    let (keys, names) = (queue.clone(), ranges.clone());
    informer.on_change(move |change| {
        let node = change.object().spec.as_ref().and_then(|spec| spec.node_name.as_ref());
        if node.is_some_and(|node| names.contains_key(node)) {
            keys.add(Key::of(&**change.object()));
        }
    });
    let shared =
        Arc::new(Shared { client, informer, ranges, addresses: Mutex::default(), pods: Mutex::default() });
    let reconcile = move |key| {
        let shared = Arc::clone(&shared);
        async move { shared.reconcile(&key).await }
    };
    work("simulated nodes", queue, AT_ONCE, reconcile, stop).await;
}

impl Simulated {
    /// Returns whether a Pod shows nothing that has not been looked at.
    fn has_settled(&self, pod: &Pod) -> bool {
        self.settled.is_some()
            && self.settled == pod.metadata.generation
            && pod.metadata.deletion_timestamp.is_none()
            && pod.status.as_ref() == Some(&self.written)
    }
}

impl Shared {
    async fn reconcile(&self, key: &Key) -> Result<Next, CallError> {
        let known = self.pods.lock().remove(key);
        let pod = self.informer.get(key);
        let uid = pod.as_ref().and_then(|pod| pod.metadata.uid.clone()).unwrap_or_default();
        let known = match known {
            Some((of, simulated)) if of == uid => Some(simulated),
            Some((_, simulated)) => {
                self.release(&simulated);
                None
            }
            None => None,
        };
        let Some(pod) = pod else { return Ok(Next::Change) };
        let mut simulated = match known {
            Some(known) => known,
            None => match self.begin(&pod) {
                Some(new) => new,
                None => return Ok(Next::Change),
            },
        };
        let done = self.look(&pod, &mut simulated).await;
        match done {
            Ok(Some(next)) => {
                self.pods.lock().insert(key.clone(), (uid, simulated));
                Ok(next)
            }
            // It is gone.
            Ok(None) => {
                self.release(&simulated);
                Ok(Next::Change)
            }
            Err(error) => {
                self.pods.lock().insert(key.clone(), (uid, simulated));
                Err(error)
            }
        }
    }

    fn begin(&self, pod: &Pod) -> Option<Simulated> {
        let node = pod.spec.as_ref()?.node_name.clone()?;
        let range = *self.ranges.get(&node)?;
        let life = match Life::new(pod, clock::now()) {
            Ok(life) => life,
            Err(error) => {
                let (name, namespace) = (&pod.metadata.name, &pod.metadata.namespace);
                tracing::warn!(?namespace, ?name, %error, "a Pod cannot be simulated");
                return None;
            }
        };
        let before = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()?.parse().ok());
        let mut addresses = self.addresses.lock();
        let pool = match addresses.entry(node) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(PodAddresses::new(range).ok()?),
        };
        let kept = before.filter(|address| pool.claim(*address).is_ok());
        let address = kept.or_else(|| pool.allocate().ok());
        drop(addresses);
        Some(Simulated {
            life,
            ips: address.iter().map(ToString::to_string).collect(),
            host_ips: vec![range.hosts().next().unwrap_or(range.network()).to_string()],
            written: pod.status.clone().unwrap_or_default(),
            settled: None,
        })
    }

    fn release(&self, simulated: &Simulated) {
        let mut addresses = self.addresses.lock();
        let ips = simulated.ips.iter().filter_map(|ip| ip.parse().ok());
        for address in ips {
            let pool = addresses.values_mut().find(|pool| pool.block().contains(&address));
            if let Some(Err(error)) = pool.map(|pool| pool.release(address)) {
                tracing::error!(%address, %error, "an address cannot be taken back");
            }
        }
    }

    /// Goes on with a Pod; returns nothing once it is gone.
    async fn look(&self, pod: &Pod, simulated: &mut Simulated) -> Result<Option<Next>, CallError> {
        // Most changes are the statuses that were written here.
        if simulated.has_settled(pod) {
            return Ok(Some(Next::Change));
        }
        simulated.settled = None;
        let now = clock::now();
        let wake = simulated.life.step(pod, now);
        let status = status(pod, simulated);
        let api: Api<Pod> =
            Api::namespaced(self.client.clone(), pod.metadata.namespace.as_deref().unwrap_or_default());
        let reference = &simulated.life.reference;
        if status != simulated.written {
            let patch = json!({"metadata": {"uid": reference.uid}, "status": with_removals(&simulated.written, &status)});
            let parameters = PatchParams::default();
            let request = Request::new(api.resource_url());
            let patch = Patch::Strategic(patch);
            let request = request.patch_subresource("status", &reference.name, &parameters, &patch);
            match call(write(&self.client, request)).await {
                Ok(()) => simulated.written = status,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        if simulated.life.is_over && pod.metadata.deletion_timestamp.is_some() {
            let preconditions = Preconditions { uid: Some(reference.uid.clone()), resource_version: None };
            let parameters = DeleteParams {
                grace_period_seconds: Some(0),
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            return match call(api.delete(&reference.name, &parameters)).await {
                Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
                Ok(_) | Err(_) => Ok(None),
            };
        }
        if wake.is_none() {
            simulated.settled = pod.metadata.generation;
        }
        let pause = wake.map(|wake| clock::until(wake).max(Duration::from_millis(1)));
        Ok(Some(pause.map_or(Next::Change, Next::After)))
    }
}

fn status(pod: &Pod, simulated: &Simulated) -> PodStatus {
    let mut pod = Pod::clone(pod);
    pod.status = Some(carried(&simulated.written, &pod));
    let life = &simulated.life;
    let failure = Failure {
        reason: DEADLINE_REASON.to_owned(),
        message: DEADLINE_MESSAGE.to_owned(),
        is_disruption: false,
    };
    status_of(&Known {
        pod: &pod,
        plan: &life.plan,
        observed: &life.observed,
        host_ips: &simulated.host_ips,
        pod_ips: &simulated.ips,
        sandbox_ready: !life.is_over,
        accepted: life.accepted,
        over: life.is_over,
        failure: Some(&failure).filter(|_| life.is_late && life.is_over),
        now: clock::now(),
    })
}
