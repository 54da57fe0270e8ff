//! Events: what is told about Pods, each once with a count, at a bounded rate.
//!
//! One task publishes; who tells never waits. When the queue is full an Event is dropped and counted in the log. Events
//! are those of the core group with counts, which every client shows.

mod aggregate;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::Request;
use kube::{Api, Client};
use serde_json::json;
use stanchion_informers::write;
use stanchion_scheduler_core::Pod;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use self::aggregate::{Aggregate, Turn};

/// Events that wait to be published. At a few hundred bytes each that is a few megabytes.
const QUEUE: usize = 8192;
/// Events that are published at once; Pods that wait to be bound go before.
const AT_ONCE: usize = 4;
/// How long publishing one may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Whether an Event is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Warning,
}

/// Something to tell about a Pod.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) regarding: Arc<Pod>,
    pub(crate) kind: Kind,
    pub(crate) reason: &'static str,
    pub(crate) action: &'static str,
    pub(crate) note: String,
}

/// Takes what is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<Notice>,
}

impl Events {
    /// Makes one, and the publisher to be run beside.
    pub(crate) fn new(client: Client, component: String) -> (Self, Publisher) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self { sender }, Publisher { client, component, receiver, aggregate: Aggregate::default() })
    }

    /// Tells something.
    pub(crate) fn tell(&self, notice: Notice) {
        if let Err(error) = self.sender.try_send(notice) {
            tracing::warn!(%error, "an Event is dropped");
        }
    }
}

/// Publishes Events.
pub(crate) struct Publisher {
    client: Client,
    component: String,
    receiver: mpsc::Receiver<Notice>,
    aggregate: Aggregate,
}

impl Publisher {
    /// Publishes until nobody tells anything any more.
    pub(crate) async fn run(mut self) {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let start = tokio::time::Instant::now();
        let mut tasks = JoinSet::new();
        while let Some(notice) = self.receiver.recv().await {
            let now = i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX);
            let key = (notice.regarding.uid.to_string(), notice.reason, notice.note.clone());
            let at = Timestamp::now();
            let fresh = format!("{}.{:x}", notice.regarding.name, at.as_nanosecond());
            let turn = match notice.kind {
                Kind::Normal => Turn::Create(fresh),
                Kind::Warning => self.aggregate.take(key, fresh, now),
            };
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let (client, component) = (self.client.clone(), self.component.clone());
            tasks.spawn(async move {
                publish(client, component, notice, turn, at).await;
                drop(permit);
            });
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn publish(client: Client, component: String, notice: Notice, turn: Turn, at: Timestamp) {
    let pod = &notice.regarding;
    let api: Api<Event> = Api::namespaced(client.clone(), &pod.kin.namespace);
    let request = Request::new(api.resource_url());
    let published = async {
        match turn {
            Turn::Create(name) => {
                let event = serde_json::to_vec(&event(&component, &notice, name, at));
                let event = event.map_err(kube::Error::SerdeError)?;
                write(&client, request.create(&PostParams::default(), event)).await
            }
            Turn::Count { name, count } => {
                let patch = json!({"count": count, "lastTimestamp": Time(at)});
                write(&client, request.patch(&name, &PatchParams::default(), &Patch::Merge(patch))).await
            }
            Turn::Drop => Ok(()),
        }
    };
    match timeout(DEADLINE, published).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(pod = pod.path(), error = &error as &dyn std::error::Error, "an Event is lost");
        }
        Err(_) => tracing::warn!(pod = pod.path(), "an Event took too long"),
    }
}

fn event(component: &str, notice: &Notice, name: String, at: Timestamp) -> Event {
    let Notice { regarding, kind, reason, action, note } = notice;
    let namespace = Some(regarding.kin.namespace.to_string());
    Event {
        metadata: ObjectMeta { name: Some(name), namespace: namespace.clone(), ..ObjectMeta::default() },
        involved_object: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(regarding.name.to_string()),
            namespace,
            uid: Some(regarding.uid.to_string()),
            ..ObjectReference::default()
        },
        type_: Some(match kind {
            Kind::Normal => "Normal".to_owned(),
            Kind::Warning => "Warning".to_owned(),
        }),
        reason: Some((*reason).to_owned()),
        action: Some((*action).to_owned()),
        message: Some(note.clone()),
        count: Some(1),
        first_timestamp: Some(Time(at)),
        last_timestamp: Some(Time(at)),
        source: Some(EventSource { component: Some(component.to_owned()), host: None }),
        reporting_component: Some(component.to_owned()),
        ..Event::default()
    }
}
