//! A cluster in one process: store, API server and scheduler, and what tests do to it.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::{Event, Node, Pod, PodCondition};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stanchion_apiserver::{Options as ServerOptions, Server};
use stanchion_informers::Copies;
use stanchion_scheduler::{Options, SchedulerError, run};
use stanchion_store::{KeyValueStore, Options as StoreOptions, Store};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long anything may take to happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at meanwhile.
const INTERVAL: Duration = Duration::from_millis(10);

/// A cluster in one process.
pub(crate) struct Cluster {
    client: Client,
    server: Server,
    store: Store,
    stop: CancellationToken,
    scheduler: JoinHandle<Result<(), SchedulerError>>,
    _dir: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(StoreOptions::new(dir.path().join("store")))?;
        let mut options = ServerOptions::new(dir.path());
        options.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let shared: Arc<dyn KeyValueStore> = Arc::new(store.clone());
        let server = Server::start(shared, options).await?;
        let file = dir.path().join("kubeconfig");
        server.write_kubeconfig(&file)?;
        let chosen = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&file)?, &chosen).await?;
        let client = Client::try_from(config.clone())?;
        // The scheduler may do what the roles of the scheduler allow, and no more.
        config.auth_info.impersonate = Some("system:kube-scheduler".to_owned());
        let stop = CancellationToken::new();
        let (own, token) = (Client::try_from(config)?, stop.clone());
        let scheduler = tokio::spawn(async move {
            let copies = Copies::new(own.clone(), token.clone());
            run(own, &copies, Options::default(), token).await
        });
        Ok(Self { client, server, store, stop, scheduler, _dir: dir })
    }

    /// Ends everything in order.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.scheduler.await??;
        drop(self.client);
        self.server.stop().await;
        self.store.close().await;
        Ok(())
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client(), "default")
    }

    pub(crate) async fn create(&self, version: &str, kind: &str, object: &Value) -> Result<()> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = match object.pointer("/metadata/namespace").and_then(Value::as_str) {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        };
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        api.create(&PostParams::default(), &object).await.with_context(|| format!("create a {kind}"))?;
        Ok(())
    }

    pub(crate) async fn create_pod(&self, pod: &Value) -> Result<()> {
        self.create("v1", "Pod", pod).await
    }

    pub(crate) async fn create_priority(&self, name: &str, value: i32) -> Result<()> {
        let class = json!({"metadata": {"name": name}, "value": value});
        self.create("scheduling.k8s.io/v1", "PriorityClass", &class).await
    }

    pub(crate) async fn add_node(&self, name: &str, amounts: &Value) -> Result<()> {
        let labels = json!({"kubernetes.io/hostname": name});
        self.create("v1", "Node", &json!({"metadata": {"name": name, "labels": labels}})).await?;
        let nodes: Api<Node> = Api::all(self.client());
        // A node is tainted until it is ready; here it is.
        let ready = json!({"spec": {"taints": null}});
        nodes.patch(name, &PatchParams::default(), &Patch::Merge(ready)).await?;
        let status = json!({"status": {"allocatable": amounts, "capacity": amounts}});
        nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    pub(crate) async fn pod_when(&self, name: &str, met: impl Fn(&Pod) -> bool) -> Result<Pod> {
        ensure!(!self.scheduler.is_finished(), "the scheduler has ended");
        when(&self.pods(), name, met).await
    }

    /// Waits for an Event about a Pod.
    pub(crate) async fn event(&self, pod: &str, reason: &str) -> Result<Event> {
        let api: Api<Event> = Api::namespaced(self.client(), "default");
        let fields = format!("involvedObject.name={pod},reason={reason}");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(event) = api.list(&ListParams::default().fields(&fields)).await?.items.pop() {
                return Ok(event);
            }
            sleep(INTERVAL).await;
        }
        bail!("no Event {reason} about {pod}")
    }
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

pub(crate) fn pod(name: &str, cpu: &str, spec: &Value) -> Value {
    let container = json!({
        "name": "main",
        "image": "registry.example.com/app:1",
        "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}},
    });
    let mut pod =
        json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

pub(crate) fn node_of(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone()
}

pub(crate) fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}
