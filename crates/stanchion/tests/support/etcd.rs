//! The real etcd as a server.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;

use super::command::{self, read, reopen, signal, spawn, temporary};
use super::server::{folder, lasting_port};
use super::{PATIENCE, http};

/// A port that was free may be taken when etcd gets to it.
const TRIES: usize = 5;

/// An etcd of one member, killed with this value.
#[derive(Debug)]
pub(crate) struct Etcd {
    child: Child,
    /// For clients, and for other members.
    ports: (u16, u16),
    endpoint: String,
    log: NamedTempFile,
    folder: TempDir,
}

impl Etcd {
    /// Starts etcd in a folder of its own, and waits until it serves.
    pub(crate) async fn start() -> Self {
        for _ in 0..TRIES {
            let (folder, log) = (folder(), temporary());
            let ports = (lasting_port(), lasting_port());
            let child = begin(folder.path(), ports, &log);
            let mut etcd = Self { child, ports, endpoint: format!("127.0.0.1:{}", ports.0), log, folder };
            if etcd.serves().await {
                return etcd;
            }
            let log = read(&etcd.log);
            assert!(log.contains("address already in use"), "etcd ended:\n{log}");
        }
        panic!("etcd found its port taken {TRIES} times");
    }

    /// Sends a signal that etcd need not end by.
    pub(crate) async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// Kills etcd.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Starts etcd again after [`Etcd::kill`], with the same data at the same ports.
    pub(crate) async fn start_again(&mut self) {
        self.log = temporary();
        self.child = begin(self.folder.path(), self.ports, &self.log);
        assert!(self.serves().await, "etcd ended:\n{}", read(&self.log));
    }

    /// Waits until etcd serves, or has ended.
    async fn serves(&mut self) -> bool {
        let healthy = async {
            loop {
                if self.child.try_wait().expect("a child can be waited for").is_some() {
                    return false;
                }
                if http::try_get(&self.endpoint, "/health").await.is_ok_and(|answer| answer.code == 200) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let served = tokio::time::timeout(PATIENCE, healthy).await;
        served.unwrap_or_else(|_| panic!("etcd does not become healthy:\n{}", read(&self.log)))
    }

    /// Returns the address as HOST:PORT.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

fn begin(folder: &Path, (client, peer): (u16, u16), log: &NamedTempFile) -> Child {
    let (client_url, peer_url) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = command::etcd();
    command.arg("--data-dir").arg(folder);
    command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
    command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
    command.args(["--initial-cluster", &format!("default={peer_url}")]);
    // One member has nobody to wait for.
    command.args(["--heartbeat-interval", "20", "--election-timeout", "200"]);
    command.stdout(Stdio::null()).stderr(reopen(log));
    spawn(&mut command)
}
