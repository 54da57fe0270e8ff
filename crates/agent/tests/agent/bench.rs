//! A cluster in the test's own process: a store behind its API, agents each on a thread of their own, real databases.
//!
//! The test is the manager: it writes topologies by hand and reads reports. A thread of its own for each agent makes it
//! possible to freeze one as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Empty};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use stanchion_agent::{Config, Identity};
use stanchion_ha_core::{
    ClusterName, InstanceName, MemberSettings, Millis, Report, ServerId, Settings, Topology, keys,
};
use stanchion_store::core::{KeyRange, Put, RangeQuery};
use stanchion_store::server::{ListenUrl, Server, ServerOptions};
use stanchion_store::{Options, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// Waiting for a condition ends in failure after this long.
const LONG: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(5);
pub(crate) const PASSWORD: &str = "not a secret";

/// The uid of the cluster's object.
pub(crate) const UID: &str = "this-one";

/// A cluster of a few instances.
pub(crate) struct Bench {
    pub(crate) store: Store,
    server: Option<Server>,
    pub(crate) cluster: ClusterName,
    agents: BTreeMap<InstanceName, Agent>,
    pub(crate) interval: Millis,
    endpoint: String,
    directory: TempDir,
}

struct Agent {
    address: IpAddr,
    ports: (u16, u16),
    running: Option<Running>,
}

struct Running {
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
    thread: JoinHandle<()>,
}

/// An agent that does not run although it is there. It goes on when this is dropped.
pub(crate) struct Frozen {
    _thaw: SyncSender<()>,
}

pub(crate) fn name(ordinal: usize) -> InstanceName {
    InstanceName::new(&format!("orders-{ordinal}")).unwrap()
}

pub(crate) fn names(ordinals: &[usize]) -> BTreeSet<InstanceName> {
    ordinals.iter().map(|ordinal| name(*ordinal)).collect()
}

impl Bench {
    /// Starts a store and this many agents; no topology is there yet.
    pub(crate) async fn start(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(directory.path().join("store"))).unwrap();
        let options = ServerOptions { client_urls: vec![ListenUrl::loopback(0)], ..ServerOptions::default() };
        let server = Server::start(store.clone(), options).await.unwrap();
        let endpoint = server.client_urls()[0].to_string();
        make_certificates(&directory.path().join("tls-1"));
        std::os::unix::fs::symlink("tls-1", directory.path().join("tls")).unwrap();
        let secrets = directory.path().join("secrets");
        std::fs::create_dir(&secrets).unwrap();
        for file in ["replication-password", "app-password"] {
            std::fs::write(secrets.join(file), PASSWORD).unwrap();
        }
        let cluster = ClusterName::new("shop", "orders").unwrap();
        let agents = BTreeMap::new();
        let interval = Millis(400);
        let mut bench = Self { store, server: Some(server), cluster, agents, interval, endpoint, directory };
        bench.settings(count).await;
        for ordinal in 0..count {
            bench.launch(ordinal);
        }
        bench
    }

    /// Writes settings for this many instances.
    pub(crate) async fn settings(&self, count: usize) {
        let member = |ordinal| {
            (name(ordinal), MemberSettings { server: ServerId(u32::try_from(ordinal).unwrap() + 1) })
        };
        let mut settings = Settings::new((0..count).map(member).collect());
        settings.heartbeat_interval = self.interval;
        self.put(keys::settings(&self.cluster), &settings).await;
    }

    /// Starts an agent, on the address and files that it had before, if any.
    pub(crate) fn launch(&mut self, ordinal: usize) {
        let count = u8::try_from(self.agents.len()).unwrap();
        let agent = self.agents.entry(name(ordinal)).or_insert_with(|| {
            let bytes = std::process::id().to_be_bytes();
            let address = Ipv4Addr::new(127, bytes[2].max(1), bytes[3], 10 + count).into();
            Agent { address, ports: free_ports(address), running: None }
        });
        assert!(agent.running.is_none(), "it runs");
        let volume = self.directory.path().join(format!("orders-{ordinal}"));
        std::fs::create_dir_all(&volume).unwrap();
        let config = json!({
            "cluster": "orders",
            "store": { "endpoints": [self.endpoint] },
            "dataDirectory": volume,
            "secretsDirectory": self.directory.path().join("secrets"),
            "tlsDirectory": self.directory.path().join("tls"),
            "parameters": { "innodb_buffer_pool_size": "32M", "innodb_log_file_size": "16M" },
            "databasePort": agent.ports.0,
            "agentPort": agent.ports.1,
            "database": "app",
            "user": "app",
            "graceSeconds": 20,
        });
        let config = Config::parse(&serde_json::to_vec(&config).unwrap()).unwrap();
        let mut identity = Identity::new("shop", "orders", name(ordinal).as_str(), agent.address).unwrap();
        identity.uid = Some(UID.to_owned());
        let stop = CancellationToken::new();
        let asked = stop.clone();
        let (tell, told) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tell.send(runtime.handle().clone()).unwrap();
            runtime.block_on(stanchion_agent::run(config, identity, asked)).unwrap();
        });
        agent.running = Some(Running { stop, runtime: told.recv().unwrap(), thread });
    }

    /// Asks an agent to end. It does so by itself.
    pub(crate) fn ask_to_end(&self, ordinal: usize) {
        self.running(ordinal).stop.cancel();
    }

    /// Waits until an agent that was asked to end has ended.
    pub(crate) async fn ended(&mut self, ordinal: usize) {
        let running = self.agents.get_mut(&name(ordinal)).unwrap().running.take().unwrap();
        until("the agent ends", || async { running.thread.is_finished().then_some(()) }).await;
        running.thread.join().unwrap();
    }

    /// Freezes an agent and its database, as when a machine stops for a while.
    pub(crate) fn freeze(&self, ordinal: usize) -> Frozen {
        let (thaw, thawed) = sync_channel::<()>(0);
        self.running(ordinal).runtime.spawn(async move {
            // Blocks the agent's only thread, until the other end is gone.
            thawed.recv().expect_err("nothing is sent");
        });
        self.signal(ordinal, Signal::STOP);
        Frozen { _thaw: thaw }
    }

    /// Sends a signal to a database.
    pub(crate) fn signal(&self, ordinal: usize, signal: Signal) {
        kill_process(self.pid(ordinal).unwrap(), signal).unwrap();
    }

    /// Stops to serve the store.
    pub(crate) async fn lose_store(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    fn running(&self, ordinal: usize) -> &Running {
        self.agents[&name(ordinal)].running.as_ref().unwrap()
    }

    pub(crate) fn volume(&self, ordinal: usize) -> PathBuf {
        self.directory.path().join(format!("orders-{ordinal}"))
    }

    /// Returns the process of a database, if one runs on these files.
    pub(crate) fn pid(&self, ordinal: usize) -> Option<Pid> {
        let volume = self.volume(ordinal);
        let text = std::fs::read_to_string(volume.join("mariadb.pid")).ok()?;
        let pid: i32 = text.trim().parse().ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let ours = String::from_utf8_lossy(&line).contains(volume.to_str()?);
        ours.then(|| Pid::from_raw(pid)).flatten()
    }

    /// Asks an agent over HTTPS, with the cluster's certificate or with none. Returns status and text.
    pub(crate) async fn ask(
        &self,
        ordinal: usize,
        path: &str,
        with_certificate: bool,
    ) -> (StatusCode, String) {
        let agent = &self.agents[&name(ordinal)];
        let tls = self.directory.path().join("tls");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(tls.join("ca.crt")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let client = if with_certificate {
            let chain = vec![CertificateDer::from_pem_file(tls.join("tls.crt")).unwrap()];
            let key = PrivateKeyDer::from_pem_file(tls.join("tls.key")).unwrap();
            client.with_client_auth_cert(chain, key).unwrap()
        } else {
            client.with_no_client_auth()
        };
        let stream = TcpStream::connect((agent.address, agent.ports.1)).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let stream = connector.connect(ServerName::try_from("orders").unwrap(), stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::get(path).header("host", "orders");
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Replaces authority, certificate and key at once, as a kubelet does.
    pub(crate) fn renew_certificates(&self) {
        let directory = self.directory.path();
        make_certificates(&directory.join("tls-2"));
        std::os::unix::fs::symlink("tls-2", directory.join("tls.new")).unwrap();
        std::fs::rename(directory.join("tls.new"), directory.join("tls")).unwrap();
    }

    /// Returns whether a database shows the certificate that is there now to a client that comes over TLS.
    pub(crate) async fn shows_certificate(&self, ordinal: usize) -> bool {
        let agent = &self.agents[&name(ordinal)];
        let tls = self.directory.path().join("tls");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(tls.join("ca.crt")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let mut stream = TcpStream::connect((agent.address, agent.ports.0)).await.unwrap();
        // The server greets; the client answers that it goes on with TLS.
        let mut header = [0; 4];
        stream.read_exact(&mut header).await.unwrap();
        let mut greeting = vec![0; usize::from(u16::from_le_bytes([header[0], header[1]]))];
        stream.read_exact(&mut greeting).await.unwrap();
        let mut request = vec![32, 0, 0, 1];
        // CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION; the longest packet; utf8mb4.
        request.extend(0x0000_8a00_u32.to_le_bytes());
        request.extend(0x0100_0000_u32.to_le_bytes());
        request.push(45);
        request.extend([0; 23]);
        stream.write_all(&request).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let shown = connector.connect(ServerName::try_from("orders").unwrap(), stream).await;
        let wanted = CertificateDer::from_pem_file(tls.join("tls.crt")).unwrap();
        shown.is_ok_and(|stream| stream.get_ref().1.peer_certificates().unwrap()[0] == wanted)
    }

    async fn put(&self, key: String, value: &impl serde::Serialize) -> i64 {
        let value = serde_json::to_vec(value).unwrap();
        self.store
            .put(Put { key: key.into(), value: value.into(), ..Put::default() })
            .await
            .unwrap()
            .revision
            .0
    }

    /// Writes a topology; returns its revision.
    pub(crate) async fn want(&self, topology: &Topology) -> i64 {
        self.put(keys::topology(&self.cluster), topology).await
    }

    /// Returns an instance's report.
    pub(crate) async fn report(&self, ordinal: usize) -> Option<Report> {
        let key = keys::report(&self.cluster, &name(ordinal));
        let found = self.store.range(RangeQuery::new(KeyRange::One(key.into()))).await.unwrap();
        found.kvs.first().map(|kv| serde_json::from_slice(&kv.value).unwrap())
    }

    /// Waits for a report of an instance.
    pub(crate) async fn reports(&self, ordinal: usize, what: &str, is: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + LONG;
        loop {
            let report = self.report(ordinal).await;
            if let Some(report) = report.as_ref().filter(|report| is(report)) {
                return report.clone();
            }
            assert!(Instant::now() < deadline, "orders-{ordinal} never reports {what}: {report:#?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Connects to a database as the application.
    pub(crate) async fn client(&self, ordinal: usize) -> mysql_async::Result<Conn> {
        let agent = &self.agents[&name(ordinal)];
        let opts = OptsBuilder::default()
            .ip_or_hostname(agent.address.to_string())
            .tcp_port(agent.ports.0)
            .prefer_socket(false)
            .user(Some("app"))
            .pass(Some(PASSWORD))
            .db_name(Some("app"));
        Conn::new(opts).await
    }

    /// Connects to a database as the application, once it can be.
    pub(crate) async fn connect(&self, ordinal: usize) -> Conn {
        until("the application can connect", || async { self.client(ordinal).await.ok() }).await
    }

    /// Connects to a database as its administrator.
    pub(crate) async fn root(&self, ordinal: usize) -> Conn {
        let socket = self.volume(ordinal).join("mariadb.sock").to_str().unwrap().to_owned();
        let opts = OptsBuilder::default().socket(Some(socket)).prefer_socket(false).user(Some("root"));
        Conn::new(opts).await.unwrap()
    }

    /// Returns the numbers in the test's table, if it is there.
    pub(crate) async fn rows(&self, ordinal: usize) -> mysql_async::Result<Vec<u64>> {
        self.root(ordinal).await.query("SELECT number FROM app.numbers ORDER BY number").await
    }

    /// Waits until a database has exactly these numbers in the test's table.
    pub(crate) async fn has_rows(&self, ordinal: usize, rows: &[u64]) {
        until("the rows are there", || async {
            self.rows(ordinal).await.is_ok_and(|found| found == rows).then_some(())
        })
        .await;
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for agent in self.agents.values_mut() {
            if let Some(running) = &agent.running {
                running.stop.cancel();
            }
        }
        // Whatever state they are in, no database outlives its files.
        let deadline = Instant::now() + Duration::from_secs(5);
        let count = self.agents.len();
        loop {
            for ordinal in 0..count {
                if let Some(pid) = self.pid(ordinal) {
                    // It may be gone already.
                    kill_process(pid, Signal::KILL).unwrap_or_default();
                }
            }
            let ended =
                |agent: &Agent| agent.running.as_ref().is_none_or(|running| running.thread.is_finished());
            if self.agents.values().all(ended) || Instant::now() >= deadline {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Waits until something is there.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "this does not come true: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

fn free_ports(address: IpAddr) -> (u16, u16) {
    let listen = || TcpListener::bind((address, 0)).unwrap();
    let (one, other) = (listen(), listen());
    (one.local_addr().unwrap().port(), other.local_addr().unwrap().port())
}

fn make_certificates(directory: &std::path::Path) {
    std::fs::create_dir(directory).unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "orders authority");
    let ca_key = KeyPair::generate().unwrap();
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let mut leaf = CertificateParams::new(vec!["orders".to_owned()]).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, "orders");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    for (file, text) in
        [("ca.crt", ca_certificate.pem()), ("tls.crt", certificate.pem()), ("tls.key", key.serialize_pem())]
    {
        std::fs::write(directory.join(file), text).unwrap();
    }
}
