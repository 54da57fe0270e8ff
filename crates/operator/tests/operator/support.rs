//! A cluster in one process: store, API server and operator, and what tests do to it as node and manager.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::Request;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stanchion_api::DatabaseCluster;
use stanchion_apiserver::{Options as ServerOptions, Server};
use stanchion_informers::Copies;
use stanchion_operator::{Options, SecurityMode, StoreTls, StoreUsers, install, rbac, run};
use stanchion_store::{KeyValueStore, Options as StoreOptions, Store};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long anything may take to happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at meanwhile.
const INTERVAL: Duration = Duration::from_millis(20);
/// Who the operator is.
const OPERATOR: &str = "operator";

/// A cluster in one process.
pub(crate) struct Cluster {
    client: Client,
    server: Server,
    store: Store,
    stop: CancellationToken,
    operator: JoinHandle<()>,
    _dir: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(StoreOptions::new(dir.path().join("store")))?;
        let mut options = ServerOptions::new(dir.path());
        options.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let shared: Arc<dyn KeyValueStore> = Arc::new(store.clone());
        let server = Server::start(Arc::clone(&shared), options).await?;
        let file = dir.path().join("kubeconfig");
        server.write_kubeconfig(&file)?;
        let chosen = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&file)?, &chosen).await?;
        let client = Client::try_from(config.clone())?;
        install(&client).await?;
        grant(&client).await?;
        // The operator may do what its role allows, and no more.
        config.auth_info.impersonate = Some(OPERATOR.to_owned());
        let stop = CancellationToken::new();
        let (own, token) = (Client::try_from(config)?, stop.clone());
        let bytes = |text: &str| text.as_bytes().to_vec();
        let options = Options {
            agent_image: "stanchion".to_owned(),
            store_endpoints: vec!["https://127.0.0.1:2379".to_owned()],
            store_tls: Some(StoreTls {
                ca: bytes("a"),
                agents: StoreUsers::Shared { certificate: bytes("b"), key: bytes("c") },
            }),
            store: shared,
            security: SecurityMode::Image,
        };
        let operator = tokio::spawn(async move {
            let copies = Copies::new(own.clone(), token.clone());
            run(own, &copies, options, token).await;
        });
        Ok(Self { client, server, store, stop, operator, _dir: dir })
    }

    /// Ends everything in order.
    pub(crate) async fn stop(self) -> Result<()> {
        ensure!(!self.operator.is_finished(), "the operator has ended by itself");
        self.stop.cancel();
        self.operator.await?;
        drop(self.client);
        self.server.stop().await;
        self.store.close().await;
        Ok(())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) fn clusters(&self) -> Api<DatabaseCluster> {
        self.api()
    }

    /// Makes a cluster with small volumes and whatever else is given.
    pub(crate) async fn create(&self, name: &str, spec: &Value) -> kube::Result<DatabaseCluster> {
        let mut full = json!({"storage": {"size": "1Gi"}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            full[key] = value.clone();
        }
        let object = json!({
            "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster", "metadata": {"name": name}, "spec": full,
        });
        // As it is: the type would fill in what is the API server's to fill in.
        self.clusters().patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await
    }

    /// Returns the first cells of the row that `kubectl get` shows.
    pub(crate) async fn row(&self, name: &str) -> Result<Value> {
        let url = self.clusters().resource_url().to_owned();
        let request = Request::get(format!("{url}/{name}"));
        let request =
            request.header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body(Vec::new())?;
        let table: Value = self.client.request(request).await?;
        let cells = table["rows"][0]["cells"].as_array().context("cells")?;
        Ok(cells.iter().take(5).cloned().collect())
    }

    pub(crate) async fn patch(&self, name: &str, patch: &Value) -> kube::Result<DatabaseCluster> {
        self.clusters().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
    }

    /// Takes all rules out of the schema.
    pub(crate) async fn loosen(&self) -> Result<()> {
        let mut definition = stanchion_api::crd();
        let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let version = definition.spec.versions.first_mut().context("a version")?;
        let schema = version.schema.as_mut().context("a schema")?;
        schema.open_api_v3_schema = Some(serde_json::from_value(anything)?);
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = definition.name_any();
        definition.metadata.resource_version = api.get(&name).await?.resource_version();
        api.replace(&name, &PostParams::default(), &definition).await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.clusters().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    pub(crate) async fn gone(&self, name: &str) -> Result<()> {
        eventually("the cluster is gone", async || Ok(self.clusters().get_opt(name).await?.is_none())).await
    }

    pub(crate) async fn uids(&self, count: usize) -> Result<Vec<Option<String>>> {
        let mut uids = Vec::new();
        for ordinal in 0..count {
            uids.push(self.api::<Pod>().get(&format!("orders-{ordinal}")).await?.uid());
        }
        Ok(uids)
    }

    /// Runs the Pods of `orders`: all of them are there and ready after it.
    pub(crate) async fn be_node(&self, count: usize) -> Result<()> {
        for ordinal in 0..count {
            let name = format!("orders-{ordinal}");
            when(&self.api::<Pod>(), &name, |pod| pod.metadata.deletion_timestamp.is_none()).await?;
            self.set_phase(&name, "Running").await?;
        }
        Ok(())
    }

    pub(crate) async fn set_phase(&self, pod: &str, phase: &str) -> Result<()> {
        let ready = if phase == "Running" { "True" } else { "False" };
        let status = json!({"status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
        let pods = self.api::<Pod>();
        pods.patch_status(pod, &PatchParams::default(), &Patch::Merge(status))
            .await
            .context("a Pod's status")?;
        Ok(())
    }

    /// Takes a Pod away as a node does that has ended it.
    pub(crate) async fn remove_pod(&self, name: &str) -> Result<()> {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        match self.api::<Pod>().delete(name, &now).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop).context("delete a Pod"),
        }
    }

    /// Says what a manager says when `primary` writes and all others follow.
    pub(crate) async fn be_manager(&self, name: &str, primary: &str, count: usize) -> Result<()> {
        let object = self.clusters().get(name).await?;
        let status = object.status.unwrap_or_default();
        let term = status.ha.map_or(0, |ha| ha.term) + 1;
        let names: Vec<String> = (0..count).map(|ordinal| format!("{name}-{ordinal}")).collect();
        let others: Vec<&String> = names.iter().filter(|other| *other != primary).collect();
        let instances: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        let ha = json!({
            "observedGeneration": object.metadata.generation, "primary": primary, "term": term, "stage": "Serving",
            "syncSet": others, "instances": instances,
            "readiness": {"could": true, "why": "somebody holds everything", "candidate": others.first()},
        });
        let patch = json!({"status": {"ha": ha}});
        self.clusters().patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Waits until a condition has a reason.
    pub(crate) async fn condition(&self, name: &str, kind: &str, reason: &str) -> Result<Condition> {
        let is = |object: &DatabaseCluster| condition(object, kind).is_some_and(|it| it.reason == reason);
        let object = when(&self.clusters(), name, is).await?;
        condition(&object, kind).cloned().context("a condition")
    }
}

/// Gives the operator its role.
async fn grant(client: &Client) -> Result<()> {
    let params = PostParams::default();
    Api::<ClusterRole>::all(client.clone()).create(&params, &rbac::role()).await?;
    let binding = json!({
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": rbac::ROLE},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": OPERATOR}],
    });
    let binding: ClusterRoleBinding = serde_json::from_value(binding)?;
    Api::<ClusterRoleBinding>::all(client.clone()).create(&params, &binding).await?;
    Ok(())
}

pub(crate) fn condition<'a>(object: &'a DatabaseCluster, kind: &str) -> Option<&'a Condition> {
    object.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
}

/// Waits until an object is as wanted.
pub(crate) async fn when<K>(api: &Api<K>, name: &str, met: impl Fn(&K) -> bool) -> Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < deadline {
        match api.get_opt(name).await? {
            Some(object) if met(&object) => return Ok(object),
            other => last = other,
        }
        sleep(INTERVAL).await;
    }
    bail!("{name} is not as wanted but {last:?}")
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, so: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if so().await? {
            return Ok(());
        }
        sleep(INTERVAL).await;
    }
    bail!("not so within {PATIENCE:?}: {what}")
}
