//! A way to a cluster on which somebody else is faster: before a certain request gets there, a command is run.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::ground::{Ground, program};
use crate::support::command::{run, spawn, split};

/// More than the head of any of these requests.
const CHUNK: usize = 64 * 1024;

/// The way, which ends with this value.
pub(crate) struct Meddler {
    url: String,
    meddling: Arc<Meddling>,
    listening: JoinHandle<()>,
    /// `kubectl proxy`, which logs in.
    behind: Child,
}

/// What is waited for, and what is done then, once.
struct Meddling {
    /// How the request begins that is waited for; one that is only tried is not it.
    begins: String,
    kubectl: Vec<std::ffi::OsString>,
    done: AtomicBool,
}

impl Meddler {
    /// Opens a way to a cluster. The words are those of a kubectl that is the administrator.
    pub(crate) async fn start(ground: &Ground, begins: &str, words: &str) -> Self {
        let mut proxy = Command::new(program());
        proxy.args(ground.kubectl_arguments()).args(["proxy", "--port=0"]).kill_on_drop(true);
        let mut behind = spawn(proxy.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut said = BufReader::new(behind.stdout.take().expect("it is piped")).lines();
        let line = said.next_line().await.expect("it can be read").expect("it says where it listens");
        let address = line.rsplit(' ').next().expect("an address").to_owned();
        let words = split(words).into_iter().map(Into::into);
        let meddling = Arc::new(Meddling {
            begins: begins.to_owned(),
            kubectl: ground.kubectl_arguments().into_iter().chain(words).collect(),
            done: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let listening = tokio::spawn(listen(listener, address, Arc::clone(&meddling)));
        Self { url, meddling, listening, behind }
    }

    /// Returns a kubeconfig that leads this way.
    pub(crate) fn kubeconfig(&self) -> String {
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        })
        .to_string()
    }

    /// Returns whether the request has come that was waited for.
    pub(crate) fn has_meddled(&self) -> bool {
        self.meddling.done.load(Ordering::SeqCst)
    }

    /// Closes the way.
    pub(crate) async fn end(mut self) {
        self.listening.abort();
        self.behind.kill().await.expect("it can be killed");
    }
}

async fn listen(listener: TcpListener, to: String, meddling: Arc<Meddling>) {
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        let server = TcpStream::connect(&to).await.expect("the cluster is there");
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass(from_server, to_client, None));
        tokio::spawn(pass(from_client, to_server, Some(Arc::clone(&meddling))));
    }
}

/// Passes on what comes; a head of a request comes as a whole, as it is written at once.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, meddling: Option<Arc<Meddling>>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let part = &chunk[..length];
        if let Some(meddling) = &meddling {
            meddling.look(part).await;
        }
        if to.write_all(part).await.is_err() {
            return;
        }
    }
    // The other side may have gone first.
    drop(to.shutdown().await);
}

impl Meddling {
    async fn look(&self, part: &[u8]) {
        let line = part.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        if line.starts_with(&self.begins)
            && !line.contains("dryRun")
            && !self.done.swap(true, Ordering::SeqCst)
        {
            run(Command::new(program()).kill_on_drop(true).args(&self.kubectl)).await.done();
        }
    }
}
