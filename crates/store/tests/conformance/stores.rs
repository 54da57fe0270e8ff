//! The stores that the suite runs against.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stanchion_store::core::{KeyRange, RangeQuery};
use stanchion_store::server::{ListenUrl, Server, ServerOptions};
use stanchion_store::{KeyValueStore, Options, RemoteOptions, RemoteStore, Store};
use tempfile::TempDir;

/// How long etcd may take to serve.
const START: Duration = Duration::from_secs(30);
/// How often to ask meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// A store in this process.
pub(crate) struct Embedded {
    pub(crate) store: Store,
    _dir: TempDir,
}

impl Embedded {
    pub(crate) fn open() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(Options::new(dir.path())).expect("an empty directory can be opened");
        Self { store, _dir: dir }
    }
}

/// A store behind our server.
pub(crate) struct Served {
    pub(crate) remote: RemoteStore,
    server: Server,
    embedded: Embedded,
}

impl Served {
    pub(crate) async fn start() -> Self {
        let embedded = Embedded::open();
        let options = ServerOptions { client_urls: vec![ListenUrl::loopback(0)], ..ServerOptions::default() };
        let server = Server::start(embedded.store.clone(), options).await.expect("a free port");
        let remote = connect(&server.client_urls()[0].to_string()).await;
        Self { remote, server, embedded }
    }

    pub(crate) async fn stop(self) {
        let Self { remote, server, embedded } = self;
        drop(remote);
        server.stop().await;
        embedded.store.close().await;
    }
}

/// etcd itself.
pub(crate) struct Etcd {
    pub(crate) remote: RemoteStore,
    _process: Process,
    _dir: TempDir,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Etcd {
    /// Starts etcd; again on other ports if somebody else took one in between.
    pub(crate) async fn start() -> Self {
        for _ in 0..5 {
            if let Some(etcd) = Self::try_start().await {
                return etcd;
            }
        }
        panic!("etcd does not start");
    }

    async fn try_start() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [client, peer] = free_urls();
        let mut process = Process(spawn(&dir, &client, &peer));
        let remote = connect(&client).await;
        let begin = Instant::now();
        while remote.range(RangeQuery::new(KeyRange::One("ready".into()))).await.is_err() {
            if process.0.try_wait().expect("the state of a child").is_some() {
                return None;
            }
            assert!(begin.elapsed() < START, "etcd does not serve in time");
            tokio::time::sleep(PAUSE).await;
        }
        Some(Self { remote, _process: process, _dir: dir })
    }
}

fn spawn(dir: &TempDir, client: &str, peer: &str) -> Child {
    let spawned = Command::new("etcd")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--name", "conformance", "--data-dir"])
        .arg(dir.path().join("etcd"))
        .args(["--listen-client-urls", client, "--advertise-client-urls", client])
        .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
        .args(["--initial-cluster", &format!("conformance={peer}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    spawned.unwrap_or_else(|error| panic!("cannot start etcd ({error}); ./test installs it"))
}

/// Returns two URLs of ports that were free a moment ago.
fn free_urls() -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| format!("http://{}", listener.local_addr().expect("it is bound")))
}

async fn connect(url: &str) -> RemoteStore {
    RemoteStore::connect(&RemoteOptions::new([url])).await.expect("a valid endpoint")
}
