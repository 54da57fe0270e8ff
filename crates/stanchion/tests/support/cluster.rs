//! The binary as the API server of a cluster.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;

use super::command::{self, Outcome, read, reopen, signal, spawn, temporary};
use super::etcd::Etcd;
use super::server::{folder, lasting_port};
use super::wait_for;

/// The file in the server's folder.
const KUBECONFIG: &str = "kubeconfig";

/// `stanchion apiserver` with a folder of its own; both end with this value.
#[derive(Debug)]
pub(crate) struct Cluster {
    child: Child,
    url: String,
    log: NamedTempFile,
    arguments: Vec<String>,
    /// Removed after the server has ended.
    folder: TempDir,
}

impl Cluster {
    /// Serves an empty cluster on a port of the system's choice, and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Cluster::start`], with more arguments.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self::start_in(folder(), 0, arguments).await
    }

    /// As [`Cluster::start_with`], on a port that nobody else is given while the server is down.
    pub(crate) async fn start_lasting(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self::start_in(folder(), lasting_port(), arguments).await
    }

    /// As [`Cluster::start_with`], with the cluster in `etcd`, which may hold one already.
    pub(crate) async fn start_on(etcd: &Etcd, arguments: &[&str]) -> Self {
        let url = format!("http://{}", etcd.endpoint());
        let arguments = [&["--etcd-servers", url.as_str()], arguments].concat();
        Self::start_with(&arguments).await
    }

    async fn start_in(folder: TempDir, port: u16, arguments: Vec<String>) -> Self {
        let log = temporary();
        let child = begin(&folder, port, &arguments, &log).await;
        let kubeconfig = std::fs::read_to_string(folder.path().join(KUBECONFIG));
        let kubeconfig = kubeconfig.expect("the kubeconfig is written before the server is ready");
        let url = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("server: "));
        let url = url.expect("a kubeconfig names the server").trim_matches('"').to_owned();
        Self { child, url, log, arguments, folder }
    }

    /// Ends the server as a signal does, and starts it again with the same data, at another port.
    pub(crate) async fn restart(mut self) -> Self {
        let ended = self.end("TERM").await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        Self::start_in(self.folder, 0, self.arguments).await
    }

    /// Ends the server as a power cut would, and starts it again with the same data, at another port.
    pub(crate) async fn crash(mut self) -> Self {
        self.end("KILL").await;
        Self::start_in(self.folder, 0, self.arguments).await
    }

    /// Ends the server by a signal, and starts it again with the same data, at the same port.
    pub(crate) async fn again(&mut self, signal: &str) {
        let ended = self.end(signal).await;
        assert!(signal == "KILL" || ended.code == Some(0), "{ended:?}");
        let (_, port) = self.url.rsplit_once(':').expect("the URL has a port");
        let port = port.parse().expect("a port is a number");
        self.log = temporary();
        self.child = begin(&self.folder, port, &self.arguments, &self.log).await;
    }

    /// Sends a signal that the server need not end by.
    pub(crate) async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn terminate(mut self) -> Outcome {
        self.end("TERM").await
    }

    async fn end(&mut self, name: &str) -> Outcome {
        signal(&self.child, name).await;
        let ended = tokio::time::timeout(super::PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the API server does not end: {}", read(&self.log)));
        let code = ended.expect("a child can be waited for").code();
        Outcome { code, stdout: String::new(), stderr: read(&self.log) }
    }

    /// Returns the address as `https://HOST:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the kubeconfig of one who may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join(KUBECONFIG)
    }

    /// Returns the directory of the cluster: its store, its certificates, its keys.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns a folder where the test may put files of its own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns what the server logged so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the child was not waited for")
    }
}

/// Starts the server and waits until it is ready.
async fn begin(folder: &TempDir, port: u16, arguments: &[String], log: &NamedTempFile) -> Child {
    let mut command = command::stanchion();
    command.args(["apiserver", "--secure-port", &port.to_string()]);
    command.arg("--data-dir").arg(folder.path().join("data"));
    command.arg("--write-kubeconfig").arg(folder.path().join(KUBECONFIG)).args(arguments);
    let mut child = spawn(command.stdout(Stdio::null()).stderr(reopen(log)));
    wait_for("the API server is not ready", async || {
        let ended = child.try_wait().expect("a child can be waited for");
        assert!(ended.is_none(), "the API server ended: {ended:?} {}", read(log));
        read(log).contains("ready to serve").then_some(())
    })
    .await;
    child
}
