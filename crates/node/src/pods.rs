//! The Pods of the node: one task for each, from its arrival until nothing of it is left.

mod config;
mod ending;
mod farewell;
mod hooks;
mod ports;
mod probing;
mod program;
mod recover;
mod report;
mod setup;
mod start;
mod sync;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::watcher;
use parking_lot::Mutex;
use stanchion_informers::{Informer, Key, Queue};
use stanchion_node_core::admission::{Place, REJECTED, Used, refuse};
use stanchion_node_core::container::Containers;
use stanchion_node_core::status::Failure;
use stanchion_sandbox::Found;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use self::farewell::Farewell;
pub(crate) use self::report::{carried, with_removals};
use self::worker::Worker;
use crate::events::Level;
use crate::node::Node;

/// What the task of a Pod shows of it.
#[derive(Debug)]
pub(crate) struct View {
    shown: Mutex<Shown>,
    /// Why the Pod is to be ended, and within how much time, if it is.
    eviction: watch::Sender<Option<Eviction>>,
}

/// What is shown of a Pod.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) pod: Arc<Pod>,
    pub(crate) observed: Containers,
    pub(crate) is_over: bool,
    /// The node ends all Pods, and nothing of this one runs any more.
    pub(crate) has_stopped: bool,
}

/// The end of a Pod that its node wants.
#[derive(Clone, Debug)]
pub(crate) struct Eviction {
    pub(crate) failure: Failure,
    pub(crate) grace: std::time::Duration,
}

impl View {
    fn new(pod: Arc<Pod>) -> Self {
        let shown = Shown { pod, observed: Containers::new(), is_over: false, has_stopped: false };
        Self { shown: Mutex::new(shown), eviction: watch::Sender::new(None) }
    }

    /// Returns what is shown now.
    pub(crate) fn get(&self) -> Shown {
        self.shown.lock().clone()
    }

    /// Tells the Pod's task to end it.
    pub(crate) fn evict(&self, eviction: Eviction) {
        self.eviction.send_replace(Some(eviction));
    }
}

/// The way to the task of a Pod.
struct Handle {
    key: Key,
    /// The Pod as the API has it; nothing once it is gone there.
    pod: watch::Sender<Option<Arc<Pod>>>,
    view: Arc<View>,
}

/// Hands changes of Pods to their tasks.
pub(crate) struct Dispatcher {
    node: Arc<Node>,
    informer: Informer<Pod>,
    queue: Queue<Key>,
    handles: HashMap<String, Handle>,
    uids: HashMap<Id, String>,
    workers: JoinSet<()>,
    stop: CancellationToken,
}

/// Returns whether a Pod has ended, and so has no address any more.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Holds the address that a Pod had before the node was started.
fn keep_address(node: &Node, pod: &Pod) {
    let told = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref());
    let is_own = pod.spec.as_ref().is_none_or(|spec| spec.host_network != Some(true));
    let told = told.and_then(|ip| ip.parse::<std::net::Ipv4Addr>().ok()).filter(|_| is_own);
    if let (Some(uid), Some(address)) = (&pod.metadata.uid, told)
        && let Err(error) = node.addresses.of(uid, Some(address))
    {
        tracing::warn!(%uid, %address, %error, "a Pod cannot keep its address");
    }
}

impl Dispatcher {
    pub(crate) fn new(node: Arc<Node>, stop: CancellationToken) -> Self {
        let (informer, queue) = (Informer::default(), Queue::default());
        let keys = queue.clone();
        informer.on_change(move |change| keys.add(Key::of(&**change.object())));
        let (handles, uids, workers) = (HashMap::new(), HashMap::new(), JoinSet::new());
        Self { node, informer, queue, handles, uids, workers, stop }
    }

    /// Follows the API until `stop`; containers go on after that.
    pub(crate) async fn run(mut self) {
        let api: Api<Pod> = Api::all(self.node.client.clone());
        let mine = watcher::Config::default().fields(&format!("spec.nodeName={}", self.node.options.name));
        let mut follow = JoinSet::new();
        follow.spawn(self.informer.clone().run(api, mine, self.stop.clone()));
        let synced = async {
            self.informer.synced().await;
            self.node.services.synced().await;
            self.node.own.synced().await;
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = synced => self.serve().await,
        }
        while self.workers.join_next().await.is_some() {}
        while follow.join_next().await.is_some() {}
    }

    async fn serve(&mut self) {
        let mut found = recover::by_pod(&self.node).await;
        let known = self.informer.list();
        // Before any Pod is given a new address: that must not be one that another has.
        for pod in known.iter().filter(|pod| !is_over(pod)) {
            keep_address(&self.node, pod);
        }
        // Those that ran before have their place already when the others ask for theirs.
        let has_run = |pod: &&Arc<Pod>| pod.metadata.uid.as_ref().is_some_and(|uid| found.contains_key(uid));
        let (first, then): (Vec<_>, Vec<_>) = known.iter().partition(has_run);
        for pod in first.into_iter().chain(then) {
            let left = pod.metadata.uid.as_deref().and_then(|uid| found.remove(uid)).unwrap_or_default();
            self.admit(pod, left);
        }
        for (uid, left) in found {
            self.workers.spawn(recover::clear(Arc::clone(&self.node), uid, left));
        }
        recover::clear_directories(&self.node, &known).await;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                key = self.queue.next() => {
                    self.sync(&key);
                    self.queue.done(&key);
                }
                Some(ended) = self.workers.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!(%error, "the task of a Pod has failed");
                            error.id()
                        }
                    };
                    self.forget(id);
                }
            }
        }
    }

    fn sync(&mut self, key: &Key) {
        let now = self.informer.get(key);
        let uid = now.as_ref().and_then(|pod| pod.metadata.uid.clone());
        for (known, handle) in &self.handles {
            if handle.key == *key && uid.as_ref() != Some(known) {
                handle.pod.send_replace(None);
            }
        }
        let (Some(pod), Some(uid)) = (now, uid) else { return };
        match self.handles.get(&uid) {
            Some(handle) => drop(handle.pod.send_replace(Some(pod))),
            None => self.admit(&pod, Vec::new()),
        }
    }

    fn admit(&mut self, pod: &Arc<Pod>, left: Vec<Found>) {
        let Some(uid) = pod.metadata.uid.clone() else { return };
        let key = Key::of(&**pod);
        let view = Arc::new(View::new(Arc::clone(pod)));
        self.node.views.lock().insert(key.clone(), Arc::clone(&view));
        let (sender, receiver) = watch::channel(Some(Arc::clone(pod)));
        // What has run here before has its place.
        let refused = if left.is_empty() { self.refuse(&uid, pod) } else { None };
        let node = Arc::clone(&self.node);
        let worker = Worker::new(node, Arc::clone(pod), Arc::clone(&view), receiver, left, refused);
        let stop = self.stop.clone();
        let task = self.workers.spawn(async move { worker.run(stop).await });
        self.uids.insert(task.id(), uid.clone());
        self.handles.insert(uid, Handle { key, pod: sender, view });
    }

    /// Says why a Pod that has not run here yet cannot, and tells it in an Event.
    fn refuse(&self, uid: &str, pod: &Pod) -> Option<Failure> {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let is_new = matches!(phase, None | Some("" | "Pending"));
        let spec = pod.spec.as_ref().filter(|_| is_new && pod.metadata.deletion_timestamp.is_none())?;
        let others = self.handles.iter().filter(|(other, _)| *other != uid);
        let mut used = Used::default();
        let others = others.map(|(_, handle)| handle.view.get());
        for shown in others.filter(|shown| !shown.is_over && !is_over(&shown.pod)) {
            shown.pod.spec.iter().for_each(|spec| used.add(spec));
        }
        let own = self.node.own.get(&Key::cluster(&self.node.options.name));
        let labels = own.and_then(|own| own.metadata.labels.clone()).unwrap_or_default();
        let options = &self.node.options;
        let place = Place { name: &options.name, labels: &labels, allocatable: &self.node.allocatable };
        let failure = refuse(spec, &place, &used)?;
        let message = failure.message.strip_prefix(REJECTED).unwrap_or(&failure.message).to_owned();
        self.node.events.pod(pod, Level::Warning, &failure.reason, message);
        Some(failure)
    }

    fn forget(&mut self, id: Id) {
        let Some(uid) = self.uids.remove(&id) else { return };
        let Some(handle) = self.handles.remove(&uid) else { return };
        let mut views = self.node.views.lock();
        if views.get(&handle.key).is_some_and(|view| Arc::ptr_eq(view, &handle.view)) {
            views.remove(&handle.key);
        }
        drop(views);
        // The Pod may have come back while its task was ending.
        self.queue.add(handle.key);
    }
}
