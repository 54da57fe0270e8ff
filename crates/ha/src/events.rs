//! Events about changes of primary. Telling never waits; one that cannot be written is logged and lost.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use stanchion_ha_core::ClusterName;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How many may wait.
const WAITING: usize = 64;
/// How long a request may take.
const CALL: Duration = Duration::from_secs(5);
/// Who tells.
const COMPONENT: &str = "stanchion-ha";
/// What it is called.
const REASON: &str = "PrimaryChanged";

#[derive(Debug)]
struct Said {
    cluster: ClusterName,
    uid: String,
    message: String,
}

/// Where Events go to be written.
#[derive(Clone, Debug)]
pub(crate) struct Events(mpsc::Sender<Said>);

/// Makes the way to the one who writes, and the one who writes.
pub(crate) fn channel(client: Client) -> (Events, impl Future<Output = ()>) {
    let (sender, mut receiver) = mpsc::channel::<Said>(WAITING);
    let write = async move {
        while let Some(said) = receiver.recv().await {
            let api: Api<Event> = Api::namespaced(client.clone(), said.cluster.namespace());
            let event = event(&said);
            match timeout(CALL, api.create(&PostParams::default(), &event)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(cluster = %said.cluster, %error, "cannot write an Event"),
                Err(_) => tracing::warn!(cluster = %said.cluster, "cannot write an Event in time"),
            }
        }
    };
    (Events(sender), write)
}

impl Events {
    /// Tells of a change of primary.
    pub(crate) fn tell(&self, cluster: &ClusterName, uid: &str, message: String) {
        let said = Said { cluster: cluster.clone(), uid: uid.to_owned(), message };
        if self.0.try_send(said).is_err() {
            tracing::warn!(%cluster, "too many Events wait to be written; one is lost");
        }
    }
}

fn event(said: &Said) -> Event {
    let now = Time(Timestamp::now());
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}.", said.cluster.name())),
            namespace: Some(said.cluster.namespace().to_owned()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("stanchion.dev/v1alpha1".to_owned()),
            kind: Some("DatabaseCluster".to_owned()),
            name: Some(said.cluster.name().to_owned()),
            namespace: Some(said.cluster.namespace().to_owned()),
            uid: Some(said.uid.clone()),
            ..ObjectReference::default()
        },
        reason: Some(REASON.to_owned()),
        message: Some(said.message.clone()),
        type_: Some("Normal".to_owned()),
        count: Some(1),
        first_timestamp: Some(now.clone()),
        last_timestamp: Some(now),
        source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: None }),
        ..Event::default()
    }
}
