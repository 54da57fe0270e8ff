//! Events: what the node tells the people who look at a Pod or at the node itself.
//!
//! Telling never waits: Events go through a bounded channel to one task. What is said again counts up the Event that
//! is there; an object that says too much is not heard for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, Node as NodeObject, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use stanchion_node_core::Moment;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::calls::call;
use crate::clock;

/// How many Events may wait to be written.
const WAITING: usize = 1024;
/// How many Events are remembered in order to count them up.
const REMEMBERED: usize = 4096;
/// How long an Event is counted up before a new one is made.
const AGGREGATE: Duration = Duration::from_mins(10);
/// So many Events of an object are heard in a burst, and then one more after each such time.
const BURST: (u32, Duration) = (25, Duration::from_mins(5));
/// The longest text the API takes in an Event.
const LONGEST: usize = 1024;

/// Whether an Event asks for somebody's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    Normal,
    Warning,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

#[derive(Debug)]
struct Said {
    object: ObjectReference,
    level: Level,
    reason: String,
    message: String,
}

/// Where Events are told.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<Said>,
}

impl Events {
    /// Makes the way to tell, and the task that writes what is told.
    pub(crate) fn new(client: Client, host: &str) -> (Self, Writer) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (
            Self { sender },
            Writer { client, host: host.to_owned(), receiver, known: HashMap::new(), spent: HashMap::new() },
        )
    }

    /// Tells something about a Pod.
    pub(crate) fn pod(&self, pod: &Pod, level: Level, reason: &str, message: impl Into<String>) {
        self.tell(reference(pod), level, reason, message.into());
    }

    /// Tells something about a container of a Pod.
    pub(crate) fn container(
        &self,
        pod: &Pod,
        container: &str,
        level: Level,
        reason: &str,
        message: impl Into<String>,
    ) {
        let spec = pod.spec.as_ref();
        let mut init = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten());
        let list = if init.any(|init| init.name == container) { "initContainers" } else { "containers" };
        let field_path = Some(format!("spec.{list}{{{container}}}"));
        self.tell(ObjectReference { field_path, ..reference(pod) }, level, reason, message.into());
    }

    /// Tells something about the node.
    pub(crate) fn node(&self, node: &NodeObject, level: Level, reason: &str, message: impl Into<String>) {
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: node.metadata.name.clone(),
            uid: node.metadata.uid.clone(),
            ..ObjectReference::default()
        };
        self.tell(object, level, reason, message.into());
    }

    fn tell(&self, object: ObjectReference, level: Level, reason: &str, mut message: String) {
        message.truncate(message.floor_char_boundary(LONGEST));
        let said = Said { object, level, reason: reason.to_owned(), message };
        if self.sender.try_send(said).is_err() {
            tracing::debug!(reason, "an Event is lost: too many wait, or nobody writes any more");
        }
    }
}

fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        resource_version: pod.metadata.resource_version.clone(),
        field_path: None,
    }
}

/// What makes two Events the same.
type Same = (Option<String>, Option<String>, Level, String, String);

/// Writes Events; the only owner of what is known about earlier ones.
pub(crate) struct Writer {
    client: Client,
    host: String,
    receiver: mpsc::Receiver<Said>,
    known: HashMap<Same, (Arc<Event>, Moment)>,
    spent: HashMap<String, (u32, Moment)>,
}

impl Writer {
    /// Writes what is told until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let said = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                said = self.receiver.recv() => said,
            };
            let Some(said) = said else { return };
            if self.may_speak(said.object.uid.as_deref()) {
                self.write(said).await;
            }
        }
    }

    /// Takes one off what an object may say.
    fn may_speak(&mut self, uid: Option<&str>) -> bool {
        let now = clock::now();
        if self.spent.len() > REMEMBERED {
            self.spent.retain(|_, (_, since)| now.since(*since) < BURST.1 * BURST.0);
        }
        let (spent, since) = self.spent.entry(uid.unwrap_or_default().to_owned()).or_insert((0, now));
        let back = u32::try_from(now.since(*since).as_secs() / BURST.1.as_secs()).unwrap_or(u32::MAX);
        if back > 0 {
            (*spent, *since) = (spent.saturating_sub(back), now);
        }
        *spent += u32::from(*spent < BURST.0);
        *spent < BURST.0
    }

    async fn write(&mut self, said: Said) {
        let now = clock::now();
        let Said { object, level, reason, message } = said;
        let same = (object.uid.clone(), object.field_path.clone(), level, reason.clone(), message.clone());
        if self.known.len() > REMEMBERED {
            self.known.retain(|_, (_, at)| now.since(*at) < AGGREGATE);
        }
        let namespace = object.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let known = self.known.get(&same).filter(|(_, at)| now.since(*at) < AGGREGATE);
        let written = if let Some((event, _)) = known {
            let count = event.count.unwrap_or(1).saturating_add(1);
            let patch = json!({"count": count, "lastTimestamp": now.to_time()});
            let name = event.metadata.name.clone().unwrap_or_default();
            call(api.patch(&name, &PatchParams::default(), &Patch::Merge(patch))).await
        } else {
            let name = object.name.clone().unwrap_or_default();
            let event = Event {
                metadata: ObjectMeta {
                    // Unique by the time in milliseconds and by who says what about whom.
                    name: Some(format!("{name}.{:x}{:04x}", now.millis(), short(&same))),
                    namespace: Some(namespace),
                    ..ObjectMeta::default()
                },
                involved_object: object,
                type_: Some(level.as_str().to_owned()),
                reason: Some(reason),
                message: Some(message),
                count: Some(1),
                first_timestamp: Some(now.to_time()),
                last_timestamp: Some(now.to_time()),
                source: Some(EventSource {
                    component: Some("kubelet".to_owned()),
                    host: Some(self.host.clone()),
                }),
                reporting_component: Some("kubelet".to_owned()),
                reporting_instance: Some(self.host.clone()),
                ..Event::default()
            };
            call(api.create(&PostParams::default(), &event)).await
        };
        match written {
            Ok(event) => drop(self.known.insert(same, (Arc::new(event), now))),
            Err(error) => {
                self.known.remove(&same);
                tracing::debug!(%error, "an Event is lost: it cannot be written");
            }
        }
    }
}

fn short(same: &Same) -> u16 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    same.hash(&mut hasher);
    u16::try_from(hasher.finish() & 0xffff).unwrap_or_default()
}
