//! One look at a cluster: what there is, what it means, what is done, what is said.

mod perform;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::api::ApiResource;
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use stanchion_api::{
    DatabaseCluster, DatabaseClusterStatus, DeletionPolicy, OPERATION, Operation, ValidCluster, validate,
};
use stanchion_informers::{Failure, Key, Next};
use stanchion_store::core::StoreError;

use crate::build::{self, Manifest, agent, network, pod};
use crate::calls::{CallError, Calls};
use crate::dereference::{Followed, PodFacts};
use crate::events::Events;
use crate::keep::{KeepError, Kept};
use crate::options::Options;
use crate::plan::{Action, Progress, View, Why};
use crate::secrets::{self, Looked, SecretError};
use crate::status::{Activity, Seen, status};
use crate::{FINALIZER, credentials, deletion};

/// Why a look at a cluster failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Somebody else has a Pod of this name.
    #[error("pod {0} is there already and belongs to somebody else; delete or rename it")]
    PodTaken(Key),
    /// What stands in the store could not be taken away.
    #[error("cannot delete what stands in the store of cluster {cluster}")]
    Store {
        cluster: Key,
        #[source]
        source: StoreError,
    },
    /// The store did not answer.
    #[error("cannot delete what stands in the store of cluster {cluster}: no answer")]
    StoreLate { cluster: Key },
}

impl ReconcileError {
    /// Returns the reason for conditions and Events.
    fn reason(&self) -> &'static str {
        match self {
            Self::Call(CallError::Refused { .. }) => "Refused",
            Self::Call(CallError::Late { .. }) => "NoAnswer",
            Self::Keep(KeepError::Call(_)) => "ApplyFailed",
            Self::Keep(KeepError::Taken { .. }) | Self::PodTaken(_) => "NameTaken",
            Self::Secret(SecretError::Tls { .. }) => "CertificateFailed",
            Self::Secret(_) => "SecretFailed",
            Self::Store { .. } | Self::StoreLate { .. } => "StoreFailed",
        }
    }

    /// Returns all that is known, for conditions and Events.
    fn message(&self) -> String {
        match self {
            Self::Call(error)
            | Self::Keep(KeepError::Call(error))
            | Self::Secret(SecretError::Call(error)) => error.message(),
            other => {
                let mut text = other.to_string();
                let mut cause = std::error::Error::source(other);
                while let Some(error) = cause {
                    text = format!("{text}: {error}");
                    cause = error.source();
                }
                text
            }
        }
    }
}

impl Failure for ReconcileError {
    fn is_stale(&self) -> bool {
        match self {
            Self::Call(error)
            | Self::Keep(KeepError::Call(error))
            | Self::Secret(SecretError::Call(error)) => error.is_stale(),
            Self::Keep(_)
            | Self::Secret(_)
            | Self::PodTaken(_)
            | Self::Store { .. }
            | Self::StoreLate { .. } => false,
        }
    }
}

/// What all looks share.
pub(crate) struct Operator {
    calls: Calls,
    options: Options,
    followed: Followed,
    events: Events,
    kept: Kept,
    looked: Looked,
}

/// A cluster that is looked at.
struct Look<'a> {
    key: &'a Key,
    object: &'a DatabaseCluster,
    cluster: &'a ValidCluster,
    pods: Vec<PodFacts>,
    /// The Pods as they are to be, by ordinal.
    manifests: BTreeMap<u32, Manifest>,
}

impl Operator {
    pub(crate) fn new(client: Client, options: Options, followed: Followed, events: Events) -> Self {
        let calls = Calls::new(client);
        Self { calls, options, followed, events, kept: Kept::default(), looked: Looked::default() }
    }

    /// Looks at a cluster.
    pub(crate) async fn reconcile(self: Arc<Self>, key: Key) -> Result<Next, ReconcileError> {
        let Some(guarded) = self.followed.clusters.get(&key) else {
            self.kept.forget(&key);
            return Ok(Next::Change);
        };
        let meta = guarded.meta();
        match &guarded.0 {
            Ok(object) if meta.deletion_timestamp.is_some() => {
                self.finish(&key, meta, Some(object), object.spec.deletion_policy).await
            }
            Ok(object) => self.act(&key, object).await,
            // What its policy is cannot be known, so its volumes stay.
            Err(_) if meta.deletion_timestamp.is_some() => {
                self.finish(&key, meta, None, DeletionPolicy::Retain).await
            }
            Err(invalid) => {
                tracing::warn!(cluster = %key, error = %invalid, "a cluster cannot be understood");
                self.events.warning(meta, "Malformed", format!("the object cannot be understood: {invalid}"));
                Ok(Next::Change)
            }
        }
    }

    async fn finish(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        object: Option<&DatabaseCluster>,
        policy: DeletionPolicy,
    ) -> Result<Next, ReconcileError> {
        let uid = meta.uid.clone().unwrap_or_default();
        if let Some(object) = object {
            let pods = self.followed.pods_of(key, &uid);
            self.say(key, object, &pods, 0, &Activity::Deleting).await?;
        }
        let next = deletion::finish(&self.calls, &*self.options.store, meta, policy).await;
        match &next {
            Ok(Next::Change) => {
                self.kept.forget(key);
                self.looked.forget(&uid);
            }
            Ok(Next::After(_)) => {}
            Err(error) => self.complain(meta, error),
        }
        next
    }

    async fn act(&self, key: &Key, object: &DatabaseCluster) -> Result<Next, ReconcileError> {
        let pods = self.followed.pods_of(key, &object.uid().unwrap_or_default());
        let cluster = match validate(object) {
            Ok(cluster) => cluster,
            Err(invalid) => {
                self.events.warning(&object.metadata, "Invalid", invalid.to_string());
                let activity = Activity::Invalid { problems: invalid.to_string() };
                self.say(key, object, &pods, 0, &activity).await?;
                return Ok(Next::Change);
            }
        };
        let ordinals = (0..).take(cluster.members.len());
        let manifests: BTreeMap<u32, Manifest> =
            ordinals.map(|ordinal| (ordinal, pod::pod(&cluster, ordinal, &self.options))).collect();
        let is_updated = |pod: &&PodFacts| {
            manifests.get(&pod.ordinal).is_some_and(|manifest| pod::template(manifest) == pod.template)
        };
        let updated = pods.iter().filter(is_updated).count();
        let look = Look { key, object, cluster: &cluster, pods, manifests };
        let done = if cluster.paused { Ok(None) } else { self.change(&look).await.map(Some) };
        let activity = match &done {
            Ok(None) => Activity::Paused,
            Ok(Some(progress)) => Activity::Planned(progress.clone()),
            // The next look sees more; this is nothing to tell.
            Err(error) if error.is_stale() => return done.map(|_| Next::Change),
            Err(error) => {
                self.complain(&object.metadata, error);
                Activity::Failed { reason: error.reason(), message: error.message() }
            }
        };
        self.say(key, object, &look.pods, updated, &activity).await?;
        done?;
        Ok(Next::After(secrets::INTERVAL))
    }

    /// Makes the cluster more like its spec.
    async fn change(&self, look: &Look<'_>) -> Result<Progress, ReconcileError> {
        let Look { key, object, cluster, pods, manifests } = look;
        self.hold(key, object).await?;
        // What cannot be done must not keep anything else from being done, above all an instance from being started.
        let mut failed = self.keep_objects(key, cluster).await.err();
        let templates: BTreeMap<u32, String> = manifests
            .iter()
            .map(|(ordinal, manifest)| (*ordinal, pod::template(manifest).to_owned()))
            .collect();
        let is_updated = pods.iter().all(|pod| templates.get(&pod.ordinal) == Some(&pod.template));
        let no_secrets = self.keep_secrets(object, cluster, is_updated).await.err();
        let has_secrets = no_secrets.is_none();
        failed = failed.or(no_secrets);
        let claims = self.followed.claims_of(key);
        let asked = object.annotations().get(OPERATION).and_then(|text| Operation::parse(text).ok());
        let status = object.status.as_ref();
        let view = View {
            cluster,
            ha: status.and_then(|status| status.ha.as_ref()),
            asked: asked.as_ref(),
            operation: status.and_then(|status| status.operation.as_ref()),
            pods,
            claims: &claims,
            templates: &templates,
            now: Timestamp::now(),
        };
        let plan = view.plan();
        for action in plan.actions {
            // Without its Secrets the new Pod would not start, and the old one does what it is to do.
            if !has_secrets && matches!(action, Action::DeletePod { why: Why::Outdated, .. }) {
                continue;
            }
            if let Err(error) = self.perform(look, action).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(plan.progress), Err)
    }

    /// Puts the finalizer on the object, before anything is made that it guards.
    async fn hold(&self, key: &Key, object: &DatabaseCluster) -> Result<(), ReconcileError> {
        let mut finalizers = object.finalizers().to_vec();
        if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(());
        }
        finalizers.push(FINALIZER.to_owned());
        let version = object.resource_version();
        let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
        Ok(self.calls.merge(&ApiResource::erase::<DatabaseCluster>(&()), key, &patch).await?)
    }

    /// Keeps what needs no secret.
    async fn keep_objects(&self, key: &Key, cluster: &ValidCluster) -> Result<(), ReconcileError> {
        let mut manifests = vec![build::account(cluster), agent::config_map(cluster, &self.options)];
        manifests.extend(network::services(cluster));
        let budget = build::budget(cluster);
        if budget.is_none() {
            self.drop_budget(key, cluster).await?;
        }
        manifests.extend(budget);
        let mut failed = None;
        for manifest in &manifests {
            if let Err(error) = self.kept.keep(&self.calls, &self.followed, key, manifest).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Deletes the budget of a cluster that has one instance left.
    async fn drop_budget(&self, key: &Key, cluster: &ValidCluster) -> Result<(), ReconcileError> {
        let known = self.followed.budgets.get(key);
        let ours = known.filter(|known| crate::dereference::is_owned(&known.metadata, &cluster.uid));
        if let Some(budget) = ours {
            let resource = ApiResource::erase::<PodDisruptionBudget>(&());
            self.calls.delete(&resource, key, budget.uid().as_deref()).await?;
        }
        Ok(())
    }

    async fn keep_secrets(
        &self,
        object: &DatabaseCluster,
        cluster: &ValidCluster,
        is_updated: bool,
    ) -> Result<(), ReconcileError> {
        if !self.looked.is_due(&cluster.uid) {
            return Ok(());
        }
        let now = Timestamp::now().as_second();
        let certificates = secrets::certificates(&self.calls, cluster, now).await?;
        if certificates.is_new {
            let message = "made a certificate for the instances; they read it by themselves";
            self.events.normal(&object.metadata, "CertificateMade", message);
        }
        credentials::keep(&self.calls, cluster, &certificates.authority, is_updated).await?;
        if let Some(tls) = &self.options.store_tls
            && secrets::store(&self.calls, cluster, tls, now).await?
        {
            let message = "made a certificate for the store; agents read it by themselves";
            self.events.normal(&object.metadata, "StoreCertificateMade", message);
        }
        self.looked.remember(&cluster.uid);
        Ok(())
    }

    fn complain(&self, meta: &ObjectMeta, error: &ReconcileError) {
        if !error.is_stale() {
            self.events.warning(meta, error.reason(), error.message());
        }
    }

    /// Writes the operator's part of the status, if it says something else than what is there.
    async fn say(
        &self,
        key: &Key,
        object: &DatabaseCluster,
        pods: &[PodFacts],
        updated: usize,
        activity: &Activity,
    ) -> Result<(), ReconcileError> {
        let new = status(&Seen { object, pods, updated, activity, now: Timestamp::now() });
        let known = object.status.clone().unwrap_or_default();
        let own = |kind: &String| new.conditions.iter().any(|condition| condition.type_ == *kind);
        let conditions = known.conditions.into_iter().filter(|condition| own(&condition.type_)).collect();
        let known = DatabaseClusterStatus { conditions, ha: None, operation: None, ..known };
        if known == new {
            return Ok(());
        }
        let resource = ApiResource::erase::<DatabaseCluster>(&());
        let body = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"namespace": key.namespace, "name": key.name},
            "status": new,
        });
        match self.calls.apply_status(&resource, key, &body).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
