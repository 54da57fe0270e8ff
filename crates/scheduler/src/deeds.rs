//! What is done in the API, each by a task of its own: binding, preemption, reports.
//!
//! Requests are bounded in number and in time. A deed never touches the state; it comes back as an [`Outcome`].

mod bind;
mod preempt;
mod report;
mod volumes;

use std::future::Future;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod as ApiPod};
use kube::Client;
use stanchion_informers::Informer;
use stanchion_scheduler_core::{Filter, Pod};
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Duration, timeout};

pub(crate) use self::bind::Binding;
pub(crate) use self::preempt::Preempting;
pub(crate) use self::report::Report;
use crate::caches::Caches;
use crate::events::Events;

/// How long a request may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// What deeds need.
pub(crate) struct Context {
    client: Client,
    events: Events,
    pods: Informer<ApiPod>,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    storage: watch::Receiver<()>,
    permits: Semaphore,
    scheduler_name: String,
}

impl Context {
    pub(crate) fn new(
        client: Client,
        events: Events,
        caches: &Caches,
        scheduler_name: String,
        concurrency: usize,
    ) -> Self {
        Self {
            client,
            events,
            pods: caches.pods.clone(),
            claims: caches.claims.clone(),
            volumes: caches.volumes.clone(),
            storage: caches.storage.clone(),
            permits: Semaphore::new(concurrency),
            scheduler_name,
        }
    }

    /// Makes a request when it is its turn.
    async fn request<T>(
        &self,
        what: &'static str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, DeedError> {
        let _permit = self.permits.acquire().await.map_err(|_| DeedError::Stopped)?;
        match timeout(REQUEST_DEADLINE, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(DeedError::Request { what, source }),
            Err(_) => Err(DeedError::TooSlow { what, deadline: REQUEST_DEADLINE }),
        }
    }
}

/// What came of a deed.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A Pod was told why it waits, or could not be.
    Told,
    /// A Pod is bound.
    Bound(Arc<str>),
    /// A Pod is not bound.
    NotBound { pod: Arc<Pod>, error: DeedError },
    /// Victims were told to go.
    Preempted {
        /// The Pod that room is made for.
        pod: Arc<Pod>,
        /// The victims.
        victims: Vec<Arc<str>>,
        /// Why it had no node.
        filters: Vec<Filter>,
        /// Whether some could not be told.
        failed: bool,
    },
}

/// Why something was not done.
#[derive(Debug, Error)]
pub(crate) enum DeedError {
    /// The API refused, or could not be asked.
    #[error("cannot {what}")]
    Request {
        what: &'static str,
        #[source]
        source: kube::Error,
    },
    /// The API did not answer in time.
    #[error("cannot {what}: no answer within {} s", deadline.as_secs())]
    TooSlow { what: &'static str, deadline: Duration },
    /// The scheduler stops.
    #[error("the scheduler stops")]
    Stopped,
    /// The deed came to no end.
    #[error("the scheduler failed")]
    Failed(#[source] tokio::task::JoinError),
    /// A claim or a volume has gone meanwhile.
    #[error("{kind} {name:?} is gone")]
    Gone { kind: &'static str, name: String },
    /// The provisioner gave the node back.
    #[error("provisioning for the claim {claim:?} failed on the chosen node")]
    NotProvisioned { claim: String },
    /// Claims were not bound in time.
    #[error("timed out waiting for claims to be bound after {} s", deadline.as_secs())]
    NotBoundInTime { deadline: Duration },
}

impl DeedError {
    /// Returns whether the Pod itself is gone.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Request { what, source: kube::Error::Api(status) } => {
                *what == bind::BIND && status.code == 404
            }
            Self::Request { .. }
            | Self::TooSlow { .. }
            | Self::Stopped
            | Self::Failed(_)
            | Self::Gone { .. }
            | Self::NotProvisioned { .. }
            | Self::NotBoundInTime { .. } => false,
        }
    }
}
