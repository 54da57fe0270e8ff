//! Events: what the operator tells the people who look at a cluster.
//!
//! Telling never waits: Events go through a bounded channel to the one task of [`Writer::run`]. An Event that cannot be
//! written is logged and lost, as Events are no state. The same words about the same cluster are told once in a while.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use stanchion_api::DatabaseCluster;
use stanchion_informers::Key;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::calls::call;

/// How many Events may wait to be written: those of one look at every cluster that is looked at at a time, with room.
const WAITING: usize = 256;
/// How long the same words are not told again.
const QUIET: Duration = Duration::from_mins(10);
/// How many Events are remembered; beyond that all are forgotten, which costs a doubled Event.
const REMEMBERED: usize = 4096;
/// The longest text the API takes in an Event.
const LONGEST: usize = 1024;
/// Who tells.
const COMPONENT: &str = "stanchion-operator";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Said {
    key: Key,
    uid: String,
    kind: &'static str,
    reason: String,
    message: String,
}

/// Where Events go to be written.
#[derive(Clone, Debug)]
pub(crate) struct Events(mpsc::Sender<Said>);

/// Writes Events.
pub(crate) struct Writer {
    client: Client,
    receiver: mpsc::Receiver<Said>,
    told: HashMap<Said, Instant>,
}

/// Makes the way from those who tell to the one who writes.
pub(crate) fn channel(client: Client) -> (Events, Writer) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Events(sender), Writer { client, receiver, told: HashMap::new() })
}

impl Events {
    /// Tells of something that went as it should.
    pub(crate) fn normal(&self, cluster: &ObjectMeta, reason: &str, message: impl Into<String>) {
        self.tell("Normal", cluster, reason, message.into());
    }

    /// Tells of something that somebody should look at.
    pub(crate) fn warning(&self, cluster: &ObjectMeta, reason: &str, message: impl Into<String>) {
        self.tell("Warning", cluster, reason, message.into());
    }

    fn tell(&self, kind: &'static str, cluster: &ObjectMeta, reason: &str, mut message: String) {
        message.truncate(message.floor_char_boundary(LONGEST));
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = Key::new(text(&cluster.namespace), text(&cluster.name));
        let said = Said { key, uid: text(&cluster.uid), kind, reason: reason.to_owned(), message };
        if self.0.try_send(said).is_err() {
            tracing::debug!("an event is lost: too many wait, or nobody writes any more");
        }
    }
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
            let now = Instant::now();
            if self.told.get(&said).is_some_and(|last| now.duration_since(*last) < QUIET) {
                continue;
            }
            if self.told.len() >= REMEMBERED {
                self.told.clear();
            }
            self.told.insert(said.clone(), now);
            self.write(&said).await;
        }
    }

    async fn write(&mut self, said: &Said) {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &said.key.namespace);
        let (event, params) = (event(said, Timestamp::now()), PostParams::default());
        if let Err(error) = call("create", "Event about", &said.key, api.create(&params, &event)).await {
            self.told.remove(said);
            tracing::debug!(error = &error as &dyn std::error::Error, "an event is lost");
        }
    }
}

fn event(said: &Said, now: Timestamp) -> Event {
    let some = |text: &str| Some(text.to_owned());
    Event {
        metadata: ObjectMeta {
            namespace: some(&said.key.namespace),
            name: Some(format!("{}.{:x}", said.key.name, now.as_nanosecond())),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(DatabaseCluster::api_version(&()).into_owned()),
            kind: Some(DatabaseCluster::kind(&()).into_owned()),
            namespace: some(&said.key.namespace),
            name: some(&said.key.name),
            uid: some(&said.uid),
            ..ObjectReference::default()
        },
        type_: some(said.kind),
        reason: some(&said.reason),
        message: some(&said.message),
        source: Some(EventSource { component: some(COMPONENT), host: None }),
        reporting_component: some(COMPONENT),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        ..Event::default()
    }
}
