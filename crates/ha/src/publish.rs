//! Showing it in the Kubernetes API: where writes go first, then roles, then the status.
//!
//! Owner: one task for each cluster, which takes the newest publication and leaves out those between. A request that fails is
//! tried again with the newest.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use stanchion_api::{DatabaseCluster, HaStatus, OperationStatus, names};
use stanchion_ha_core::{ClusterName, InstanceName};
use stanchion_informers::{Informer, Key};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::events::Events;

/// Who owns the fields.
const FIELD_MANAGER: &str = "stanchion-ha";
/// How long a request may take.
const CALL: Duration = Duration::from_secs(5);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);
/// Positions and lags alone are shown so often.
const FIGURES: Duration = Duration::from_secs(2);
/// Where writes go is written anew so often, whether it has changed or not: somebody who managed before, and was frozen
/// over a request, may have written what was true then.
const ROUTE: Duration = Duration::from_secs(10);
/// The name of the port in the Services and their slices.
const PORT: &str = "mariadb";

/// What is to be shown of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Publication {
    pub(crate) uid: String,
    /// Where writes go.
    pub(crate) route: Option<(InstanceName, SocketAddr)>,
    /// The roles of Pods.
    pub(crate) roles: BTreeMap<InstanceName, &'static str>,
    pub(crate) status: HaStatus,
    pub(crate) operation: Option<OperationStatus>,
    /// A complete change of primary: its term and its story.
    pub(crate) finished: Option<(u64, String)>,
}

#[derive(Debug, Error)]
enum PublishError {
    #[error("cannot write {what}")]
    Api {
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("writing {0}: no answer within {CALL:?}")]
    Silent(&'static str),
}

/// Shows publications of one cluster.
pub(crate) struct Publisher {
    pub(crate) client: Client,
    pub(crate) cluster: ClusterName,
    pub(crate) pods: Informer<Pod>,
    pub(crate) events: Events,
}

#[derive(Default, PartialEq)]
enum Route {
    #[default]
    Untold,
    Nowhere,
    To(InstanceName, SocketAddr),
}

impl Route {
    fn of(publication: &Publication) -> Self {
        match &publication.route {
            None => Self::Nowhere,
            Some((name, address)) => Self::To(name.clone(), *address),
        }
    }
}

/// What the API was told last.
#[derive(Default)]
struct Told {
    /// Where writes go; not known before the first time.
    route: Route,
    /// When that was written.
    routed: Option<Instant>,
    status: Option<(HaStatus, Option<OperationStatus>)>,
    at: Option<Instant>,
    finished: Option<u64>,
}

impl Publisher {
    /// Shows whatever comes, until the other end is gone.
    pub(crate) async fn run(self, mut publications: watch::Receiver<Option<Publication>>) {
        let mut told = Told::default();
        loop {
            let publication = publications.borrow_and_update().clone();
            let again = match &publication {
                None => Instant::now() + ROUTE,
                Some(publication) => match self.publish(publication, &mut told).await {
                    Ok(later) => later,
                    Err(error) => {
                        tracing::warn!(
                            cluster = %self.cluster, error = &error as &dyn Error,
                            "cannot show in the API what was decided"
                        );
                        Instant::now() + PAUSE
                    }
                },
            };
            tokio::select! {
                () = sleep_until(again) => {}
                changed = publications.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Shows one publication; returns when to look again.
    async fn publish(&self, publication: &Publication, told: &mut Told) -> Result<Instant, PublishError> {
        let route = Route::of(publication);
        if told.route != route || told.routed.is_none_or(|at| at.elapsed() >= ROUTE) {
            self.route(publication).await?;
            told.route = route;
            told.routed = Some(Instant::now());
        }
        let again = told.routed.unwrap_or_else(Instant::now) + ROUTE;
        self.roles(publication).await?;
        if let Some((term, story)) = &publication.finished
            && told.finished != Some(*term)
        {
            // Those of an earlier life of the manager were told then.
            if told.finished.is_some() || told.status.is_some() {
                self.events.tell(&self.cluster, &publication.uid, story.clone());
            }
            told.finished = Some(*term);
        }
        let status = (publication.status.clone(), publication.operation.clone());
        if told.status.as_ref() == Some(&status) {
            return Ok(again);
        }
        let figures = told.status.as_ref().is_some_and(|last| only_figures(last, &status));
        let due = told.at.map(|at| at + FIGURES).filter(|due| figures && *due > Instant::now());
        if let Some(due) = due {
            return Ok(due.min(again));
        }
        self.status(&status).await?;
        told.status = Some(status);
        told.at = Some(Instant::now());
        Ok(again)
    }

    async fn route(&self, publication: &Publication) -> Result<(), PublishError> {
        let (own, namespace) = (self.cluster.name(), self.cluster.namespace());
        let service = names::primary_service(own);
        let endpoints: Vec<_> = publication
            .route
            .iter()
            .map(|(name, address)| {
                json!({
                    "addresses": [address.ip().to_string()],
                    "conditions": {"ready": true, "serving": true, "terminating": false},
                    "targetRef": {"kind": "Pod", "name": name.as_str(), "namespace": namespace},
                })
            })
            .collect();
        let port = publication.route.as_ref().map_or(names::DATABASE_PORT, |(_, address)| address.port());
        let kind = match &publication.route {
            Some((_, SocketAddr::V6(_))) => "IPv6",
            Some((_, SocketAddr::V4(_))) | None => "IPv4",
        };
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": service,
                "namespace": namespace,
                "labels": {
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": FIELD_MANAGER,
                    names::CLUSTER: own,
                },
                "ownerReferences": [{
                    "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster", "name": own,
                    "uid": publication.uid, "controller": true,
                }],
            },
            "addressType": kind,
            "endpoints": endpoints,
            "ports": [{"name": PORT, "port": port, "protocol": "TCP"}],
        });
        let api: Api<EndpointSlice> = Api::namespaced(self.client.clone(), namespace);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        call("the endpoints of the primary", api.patch(&service, &params, &Patch::Apply(&slice)))
            .await
            .map(drop)
    }

    /// Labels Pods whose role differs.
    async fn roles(&self, publication: &Publication) -> Result<(), PublishError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), self.cluster.namespace());
        for (name, role) in &publication.roles {
            let key = Key::new(self.cluster.namespace(), name.as_str());
            let Some(pod) = self.pods.get(&key) else { continue };
            if pod.labels().get(names::ROLE).is_some_and(|known| known == role) {
                continue;
            }
            let patch = json!({"metadata": {"uid": pod.uid(), "labels": {names::ROLE: role}}});
            let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
            let patched = call("the role of a Pod", api.patch(name.as_str(), &params, &patch));
            match patched.await {
                Err(PublishError::Api { source, .. }) if is_gone(&source) => {}
                patched => patched.map(drop)?,
            }
        }
        Ok(())
    }

    async fn status(
        &self,
        (ha, operation): &(HaStatus, Option<OperationStatus>),
    ) -> Result<(), PublishError> {
        let mut status = json!({"ha": ha});
        if let Some(operation) = operation {
            status["operation"] = json!(operation);
        }
        let patch = json!({
            "apiVersion": "stanchion.dev/v1alpha1",
            "kind": "DatabaseCluster",
            "metadata": {"name": self.cluster.name(), "namespace": self.cluster.namespace()},
            "status": status,
        });
        let api: Api<DatabaseCluster> = Api::namespaced(self.client.clone(), self.cluster.namespace());
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&patch);
        let patched = call("the status", api.patch_status(self.cluster.name(), &params, &patch));
        match patched.await {
            Err(PublishError::Api { source, .. }) if is_gone(&source) => Ok(()),
            patched => patched.map(drop),
        }
    }
}

/// Whether an object is no more, or another by the same name.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 404 | 409))
}

async fn call<T>(
    what: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, PublishError> {
    timeout(CALL, request)
        .await
        .map_err(|_| PublishError::Silent(what))?
        .map_err(|source| PublishError::Api { what, source: Box::new(source) })
}

/// Whether two statuses differ in positions and lags alone.
fn only_figures(
    one: &(HaStatus, Option<OperationStatus>),
    other: &(HaStatus, Option<OperationStatus>),
) -> bool {
    let plain = |status: &HaStatus| {
        let mut plain = status.clone();
        for instance in &mut plain.instances {
            instance.position = None;
            instance.applied = None;
            instance.lag_milliseconds = None;
        }
        if let Some(readiness) = &mut plain.readiness {
            readiness.why.clear();
        }
        plain
    };
    one.1 == other.1 && plain(&one.0) == plain(&other.0)
}
