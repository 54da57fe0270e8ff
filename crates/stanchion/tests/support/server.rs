//! The binary as a server.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use super::command::{self, Outcome, read, reopen, signal, spawn, temporary};
use super::random::{Random, seed};
use super::{http, wait_for};

/// A folder for one server, removed with this value.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Finds a port that nobody listens on, and that the system gives to no client while its server is down.
pub(crate) fn lasting_port() -> u16 {
    let mut random = Random::new(seed() ^ u64::from(std::process::id()).rotate_left(32));
    loop {
        // Below those that Linux hands out by itself.
        let port = 20_000 + u16::try_from(random.below(10_000)).expect("it is below");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// `stanchion store serve`, killed with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    endpoint: String,
    metrics_endpoint: Option<String>,
    log: NamedTempFile,
}

impl Server {
    /// Serves `data_dir` on a port of the system's choice, and waits until clients can connect.
    pub(crate) async fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_on("http://127.0.0.1:0", data_dir, arguments).await
    }

    /// Serves `data_dir` on a URL, and waits until clients can connect.
    pub(crate) async fn start_on(url: &str, data_dir: &Path, arguments: &[&str]) -> Self {
        let files = folder();
        let endpoints = files.path().join("endpoints.json");
        let log = temporary();
        let mut command = serve(url, data_dir, arguments);
        command.arg("--endpoints-file").arg(&endpoints).stdout(Stdio::null()).stderr(reopen(&log));
        let mut child = spawn(&mut command);
        let written = wait_for("the server does not write its endpoints", async || {
            let ended = child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the server ended: {ended:?} {}", read(&log));
            let written = std::fs::read(&endpoints).ok()?;
            let written: serde_json::Value =
                serde_json::from_slice(&written).expect("the file is whole once it is there");
            Some(written)
        })
        .await;
        let first = |kind: &str| {
            let (_, address) = written[kind][0].as_str()?.split_once("://")?;
            Some(address.to_owned())
        };
        let endpoint = first("client").expect("there is a client URL");
        Self { child, endpoint, metrics_endpoint: first("metrics"), log }
    }

    /// Runs a server that is expected to end by itself.
    pub(crate) async fn refused(url: &str, data_dir: &Path, arguments: &[&str]) -> Outcome {
        command::run(&mut serve(url, data_dir, arguments)).await
    }

    /// Returns the address as HOST:PORT.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the plain URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.endpoint)
    }

    /// Returns the first address that is only for metrics, as HOST:PORT.
    pub(crate) fn metrics_endpoint(&self) -> Option<&str> {
        self.metrics_endpoint.as_deref()
    }

    /// Returns what the server logged so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Runs etcdctl against this server.
    pub(crate) async fn ctl(&self, words: &str) -> Outcome {
        command::ctl(&self.endpoint, words).await
    }

    /// Runs `stanchion store …` against this server.
    pub(crate) async fn store(&self, words: &str) -> Outcome {
        self.store_at(&self.endpoint, words).await
    }

    /// Runs `stanchion store …` against one of this server's addresses.
    pub(crate) async fn store_at(&self, endpoint: &str, words: &str) -> Outcome {
        let mut command = command::stanchion();
        command.arg("store").args(command::split(words)).args(["--endpoint", &format!("http://{endpoint}")]);
        command::run(&mut command).await
    }

    /// Connects as a client of the API.
    pub(crate) async fn channel(&self) -> Channel {
        channel(&self.endpoint).await
    }

    /// Returns the value of a metric without labels, or of the first of its kind with these labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = http::get(&self.endpoint, "/metrics").await.body;
        metric(&text, name).unwrap_or_else(|| panic!("there is no metric {name} in:\n{text}"))
    }

    /// Ends the server as a power cut would, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn terminate(mut self) -> Outcome {
        signal(&self.child, "TERM").await;
        let ended = tokio::time::timeout(super::PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the server does not end: {}", read(&self.log)));
        let code = ended.expect("a child can be waited for").code();
        Outcome { code, stdout: String::new(), stderr: read(&self.log) }
    }
}

fn serve(url: &str, data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = command::stanchion();
    command.args(["store", "serve", "--listen-client-urls", url, "--data-dir"]).arg(data_dir).args(arguments);
    command
}

/// Connects to HOST:PORT as a client of the API.
pub(crate) async fn channel(endpoint: &str) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{endpoint}")).expect("HOST:PORT makes a URL");
    endpoint.connect().await.expect("the server accepts connections")
}

/// Finds the sample whose name, labels included, begins with `name`.
pub(crate) fn metric(text: &str, name: &str) -> Option<f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let mut values = samples.filter_map(|line| {
        let (sample, value) = line.rsplit_once(' ')?;
        let rest = sample.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with('{') || name.ends_with('}')).then(|| value.parse().ok())?
    });
    values.next()
}
