//! The real etcd as a server.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;

use super::command::{self, read, reopen, spawn, temporary};
use super::server::folder;
use super::{PATIENCE, http};

/// A port that was free may be taken when etcd gets to it.
const TRIES: usize = 5;

/// An etcd of one member, killed with this value.
#[derive(Debug)]
pub(crate) struct Etcd {
    child: Child,
    endpoint: String,
    log: NamedTempFile,
    folder: TempDir,
}

impl Etcd {
    /// Starts etcd in a folder of its own, and waits until it serves.
    pub(crate) async fn start() -> Self {
        for _ in 0..TRIES {
            let mut etcd = Self::begin();
            if etcd.serves().await {
                return etcd;
            }
            let log = read(&etcd.log);
            assert!(log.contains("address already in use"), "etcd ended:\n{log}");
        }
        panic!("etcd found its port taken {TRIES} times");
    }

    fn begin() -> Self {
        let (folder, log) = (folder(), temporary());
        let (client, peer) = free_ports();
        let (client_url, peer_url) =
            (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let mut command = command::etcd();
        command.arg("--data-dir").arg(folder.path());
        command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
        command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
        command.args(["--initial-cluster", &format!("default={peer_url}")]);
        // One member has nobody to wait for.
        command.args(["--heartbeat-interval", "20", "--election-timeout", "200"]);
        command.stdout(Stdio::null()).stderr(reopen(&log));
        let child = spawn(&mut command);
        Self { child, endpoint: format!("127.0.0.1:{client}"), log, folder }
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

/// Finds two ports that nobody listens on just now.
fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = |listener: &TcpListener| listener.local_addr().expect("a listener has an address").port();
    let (one, other) = (bind(), bind());
    (port(&one), port(&other))
}
