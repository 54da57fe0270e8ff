//! A cluster of one node in the test's own process: an API server, and the node under test.

#![expect(clippy::print_stderr, reason = "a test says what it skips")]
#![expect(dead_code, reason = "each suite uses its part")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use stanchion_apiserver::Server;
use stanchion_node::{Credentials, NodeError, Options};
use stanchion_store::Store;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take that has to happen.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// A cluster of one node.
pub(crate) struct Cluster {
    _dir: TempDir,
    pub(crate) client: Client,
    pub(crate) options: Options,
    pub(crate) kubeconfig: PathBuf,
    server: Option<Server>,
    store: Store,
    node: Option<(CancellationToken, JoinHandle<Result<(), NodeError>>)>,
    shutdown: CancellationToken,
}

impl Cluster {
    /// Starts everything, and waits until the node is ready for Pods.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(stanchion_store::Options::new(dir.path().join("store"))).expect("a store");
        let mut options = stanchion_apiserver::Options::new(dir.path().join("api"));
        options.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(Arc::new(store.clone()), options).await.expect("an API server");
        let kubeconfig = dir.path().join("kubeconfig");
        server.write_kubeconfig(&kubeconfig).expect("written");
        let client = client(&kubeconfig).await;
        let serving = server.serving_credentials(&["one".to_owned()]).expect("made");
        let credentials = Credentials {
            certificate: serving.certificate,
            key: serving.key,
            authority: Some(server.authority().to_owned()),
        };
        let mut options = Options::new("one", dir.path().join("node"), credentials);
        options.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        options.program = PathBuf::from(env!("CARGO_BIN_EXE_node-fixture"));
        options.pod_range = own_range();
        let mut cluster = Self {
            _dir: dir,
            client,
            options,
            kubeconfig,
            server: Some(server),
            store,
            node: None,
            shutdown: CancellationToken::new(),
        };
        cluster.run();
        cluster
    }

    /// Starts the node.
    pub(crate) fn run(&mut self) {
        self.shutdown = CancellationToken::new();
        let stop = CancellationToken::new();
        let running = stanchion_node::run(
            self.client.clone(),
            self.options.clone(),
            self.shutdown.clone(),
            stop.clone(),
        );
        self.node = Some((stop, tokio::spawn(running)));
    }

    /// Has the node end all Pods and then itself.
    pub(crate) async fn shut_down(&mut self) {
        if let Some((_, running)) = self.node.take() {
            self.shutdown.cancel();
            within("the node ends its Pods", running).await.expect("no panic").expect("no failure");
        }
    }

    /// Stops the node; its containers go on.
    pub(crate) async fn halt(&mut self) {
        if let Some((stop, running)) = self.node.take() {
            stop.cancel();
            within("the node stops", running).await.expect("no panic").expect("no failure");
        }
    }

    /// Stops everything, and checks that nothing is left on the machine.
    pub(crate) async fn end(mut self) {
        self.halt().await;
        within("the node is reset", stanchion_node::reset(&self.options)).await.expect("reset");
        assert!(!self.options.state.exists(), "nothing is left on disk");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("readable");
        let state = self.options.state.display().to_string();
        assert!(!mounts.contains(&state), "nothing is left mounted");
        let server = self.server.take().expect("it ends once");
        within("the API server stops", server.stop()).await;
        self.store.close().await;
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "default")
    }

    /// Makes a Pod on the node.
    pub(crate) async fn make(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = json!("one");
        let pod = json!({"metadata": {"name": name}, "spec": spec});
        let pod: Pod = serde_json::from_value(pod).expect("a Pod");
        // The namespace's account is made by the API server a moment after the namespace.
        eventually(&format!("Pod {name} is made"), async || {
            self.pods().create(&PostParams::default(), &pod).await.ok().map(drop)
        })
        .await;
    }

    /// Runs kubectl with some words and input; returns its exit code and what it wrote. Nothing if there is none.
    pub(crate) async fn kubectl(&self, words: &[&str], input: &str) -> Option<(i32, String)> {
        let mut command = tokio::process::Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(words).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            eprintln!("skipped: there is no kubectl on this machine");
            return None;
        };
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("written");
        drop(stdin);
        let output = within("kubectl ends", child.wait_with_output()).await.expect("it ran");
        let text = [output.stdout, output.stderr].concat();
        Some((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
    }

    /// Waits until a Pod is as wanted, and returns it.
    pub(crate) async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Pod) -> bool) -> Pod {
        let pods = self.pods();
        let looked = async {
            loop {
                let pod = pods.get(name).await.expect("the Pod is there");
                if wanted(&pod) {
                    return pod;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        if let Ok(pod) = tokio::time::timeout(DEADLINE, looked).await {
            return pod;
        }
        let pod = pods.get(name).await.expect("the Pod is there");
        let (events, status) = (self.events(name).await, serde_json::to_string_pretty(&pod.status));
        panic!("{what} does not come: {}\n{events:#?}", status.expect("JSON"))
    }

    pub(crate) async fn until_phase(&self, name: &str, phase: &str) -> Pod {
        self.until(name, phase, |pod| status(pod)["phase"] == phase).await
    }

    /// Deletes a Pod and waits until it is gone.
    pub(crate) async fn delete(&self, name: &str) {
        let pods = self.pods();
        pods.delete(name, &DeleteParams::default()).await.expect("deleted");
        eventually(&format!("Pod {name} goes"), async || {
            match pods.get_opt(name).await.expect("an answer") {
                None => Some(()),
                Some(_) => None,
            }
        })
        .await;
    }

    pub(crate) async fn logs(&self, name: &str, parameters: LogParams) -> String {
        self.pods().logs(name, &parameters).await.expect("logs")
    }

    /// Returns the Events about a Pod, as reason and message.
    pub(crate) async fn events(&self, name: &str) -> Vec<(String, String)> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let selector = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let events = api.list(&selector).await.expect("Events");
        let texts = events.items.into_iter();
        texts.map(|event| (event.reason.unwrap_or_default(), event.message.unwrap_or_default())).collect()
    }

    pub(crate) async fn until_event(&self, name: &str, reason: &str) -> String {
        eventually(&format!("Event {reason} of {name}"), async || {
            let events = self.events(name).await;
            events.into_iter().find(|(known, _)| known == reason).map(|(_, message)| message)
        })
        .await
    }
}

/// A test that fails leaves nothing behind, either.
impl Drop for Cluster {
    fn drop(&mut self) {
        if self.server.is_none() {
            return;
        }
        if let Some((stop, _)) = self.node.take() {
            stop.cancel();
        }
        let options = self.options.clone();
        let clearing = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                // The node lets go of its directory a moment after it was told to stop.
                let clear = async {
                    while stanchion_node::reset(&options).await.is_err() {
                        tokio::time::sleep(LOOK).await;
                    }
                };
                drop(tokio::time::timeout(DEADLINE, clear).await);
            });
        });
        drop(clearing.join());
    }
}

/// Returns the status of a Pod as JSON.
pub(crate) fn status(pod: &Pod) -> Value {
    json!(pod.status)
}

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Looks until something is there.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    within(what, looking).await
}

async fn client(kubeconfig: &std::path::Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("a configuration")).expect("a client")
}

/// Returns a block of addresses that other suites on this machine do not use at the same time.
fn own_range() -> Ipv4Net {
    let [high, low] = u16::try_from(std::process::id() % 0x1000).unwrap_or(0).to_be_bytes();
    Ipv4Net::new_assert(Ipv4Addr::new(127, 64 + high, low, 0), 24)
}
