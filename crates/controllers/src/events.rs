//! Events: what controllers tell the people who look at an object.
//!
//! Telling never waits: Events go through a bounded channel to the one task of [`Writer::run`], which drops what the
//! [`Sieve`] says is too much. An Event that cannot be written is logged and lost, as Events are no state.

mod sieve;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Request;
use kube::{Api, Client, Resource};
use serde_json::json;
use stanchion_informers::{Key, write};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::calls::{CallError, call};
use sieve::{Sieve, Verdict};

/// How many Events may wait to be written: a burst of every object a sync of one controller may touch, twice over.
const WAITING: usize = 1024;

/// The longest text the API takes in an Event.
const LONGEST: usize = 1024;

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Said {
    controller: &'static str,
    kind: &'static str,
    reason: String,
    message: String,
    object: Arc<Regarding>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Regarding {
    api_version: String,
    kind: String,
    key: Key,
    uid: String,
    resource_version: String,
}

/// Where Events go to be written.
pub(crate) type Sender = mpsc::Sender<Said>;

/// Makes the way from those who tell to the one who writes.
pub(crate) fn channel(client: Client) -> (Sender, Writer) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (sender, Writer { client, receiver, sieve: Sieve::default() })
}

/// Reports Events of one controller.
#[derive(Clone)]
pub(crate) struct Events {
    sender: Sender,
    controller: &'static str,
}

impl Events {
    pub(crate) fn new(sender: Sender, controller: &'static str) -> Self {
        Self { sender, controller }
    }

    /// Tells of something that went as it should.
    pub(crate) fn normal<K>(&self, object: &K, reason: &str, message: impl Into<String>)
    where
        K: Resource<DynamicType = ()>,
    {
        self.tell("Normal", object, reason, message.into());
    }

    /// Tells of something that somebody should look at.
    pub(crate) fn warning<K>(&self, object: &K, reason: &str, message: impl Into<String>)
    where
        K: Resource<DynamicType = ()>,
    {
        self.tell("Warning", object, reason, message.into());
    }

    /// Tells of something that somebody should look at, of an object whose kind has no type here.
    pub(crate) fn warning_about(&self, object: &ObjectReference, reason: &str, message: impl Into<String>) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let object = Regarding {
            api_version: text(&object.api_version),
            kind: text(&object.kind),
            key: Key::new(text(&object.namespace), text(&object.name)),
            uid: text(&object.uid),
            resource_version: text(&object.resource_version),
        };
        self.send("Warning", object, reason, message.into());
    }

    fn tell<K>(&self, kind: &'static str, object: &K, reason: &str, message: String)
    where
        K: Resource<DynamicType = ()>,
    {
        let meta = object.meta();
        let object = Regarding {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            key: Key::of(object),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
        };
        self.send(kind, object, reason, message);
    }

    fn send(&self, kind: &'static str, object: Regarding, reason: &str, mut message: String) {
        if message.len() > LONGEST {
            message.truncate(message.floor_char_boundary(LONGEST));
        }
        let (controller, reason, object) = (self.controller, reason.to_owned(), Arc::new(object));
        if self.sender.try_send(Said { controller, kind, reason, message, object }).is_err() {
            tracing::debug!(controller, "an event is lost: too many wait, or nobody writes any more");
        }
    }
}

/// Writes Events; the only owner of what is known about earlier ones.
pub(crate) struct Writer {
    client: Client,
    receiver: mpsc::Receiver<Said>,
    sieve: Sieve,
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
            let now = Timestamp::now();
            let written = match self.sieve.pass(&said, now) {
                Verdict::First { name } => self.create(&said, &name, now).await,
                Verdict::Again { name, count } => self.count(&said, &name, count, now).await,
                Verdict::TooMany => Ok(()),
            };
            if let Err(error) = written {
                self.sieve.forget(&said);
                tracing::debug!(error = &error as &dyn std::error::Error, "an event is lost");
            }
        }
    }

    fn api(&self, said: &Said) -> Api<Event> {
        Api::namespaced(self.client.clone(), namespace(said))
    }

    async fn create(&self, said: &Said, name: &str, now: Timestamp) -> Result<(), CallError> {
        let event = event(said, name, now);
        let answer = async {
            let body = serde_json::to_vec(&event).map_err(kube::Error::SerdeError)?;
            let request = Request::new(self.api(said).resource_url());
            write(&self.client, request.create(&PostParams::default(), body)).await
        };
        call::<Event, _>("create", &Key::of(&event), answer).await
    }

    async fn count(&self, said: &Said, name: &str, count: i32, now: Timestamp) -> Result<(), CallError> {
        let patch = json!({"count": count, "lastTimestamp": Time(now)});
        let (api, params, patch) = (self.api(said), PatchParams::default(), Patch::Merge(&patch));
        let key = Key::new(namespace(said), name);
        call::<Event, _>("patch", &key, api.patch(name, &params, &patch)).await.map(drop)
    }
}

/// Events of what belongs to the whole cluster stand in `default`.
fn namespace(said: &Said) -> &str {
    match said.object.key.namespace.as_str() {
        "" => "default",
        namespace => namespace,
    }
}

fn event(said: &Said, name: &str, now: Timestamp) -> Event {
    let object = &said.object;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Event {
        metadata: ObjectMeta {
            namespace: Some(namespace(said).to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: some(&object.api_version),
            kind: some(&object.kind),
            namespace: some(&object.key.namespace),
            name: some(&object.key.name),
            uid: some(&object.uid),
            resource_version: some(&object.resource_version),
            field_path: None,
        },
        type_: Some(said.kind.to_owned()),
        reason: Some(said.reason.clone()),
        message: Some(said.message.clone()),
        source: Some(EventSource { component: Some(said.controller.to_owned()), host: None }),
        reporting_component: Some(said.controller.to_owned()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        ..Event::default()
    }
}
