//! An etcd of several members, from Debian's package.

use std::process::Stdio;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;

use crate::support::command::{self, read, reopen, signal, spawn, temporary};
use crate::support::server::{folder, lasting_port};
use crate::support::{http, wait_for};

/// The members of one etcd; they are killed with this value.
pub(crate) struct Members {
    all: Vec<Member>,
}

struct Member {
    child: Child,
    endpoint: String,
    log: NamedTempFile,
    _folder: TempDir,
}

impl Members {
    /// Starts `count` members with more flags, and waits until all serve.
    pub(crate) async fn start(count: usize, flags: &[&str]) -> Self {
        let ports: Vec<_> = (0..count).map(|_| (lasting_port(), lasting_port())).collect();
        let peer = |at: usize| format!("http://127.0.0.1:{}", ports[at].1);
        let cluster: Vec<_> = (0..count).map(|at| format!("m{at}={}", peer(at))).collect();
        let cluster = cluster.join(",");
        let start = |at: usize| {
            let client = format!("http://127.0.0.1:{}", ports[at].0);
            let (folder, log) = (folder(), temporary());
            let mut command = command::etcd();
            command.arg("--name").arg(format!("m{at}")).arg("--data-dir").arg(folder.path());
            command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
            command.args(["--listen-peer-urls", &peer(at), "--initial-advertise-peer-urls", &peer(at)]);
            command.args(["--initial-cluster", &cluster]).args(flags);
            command.stdout(Stdio::null()).stderr(reopen(&log));
            Member { child: spawn(&mut command), endpoint: client, log, _folder: folder }
        };
        let members = Self { all: (0..count).map(start).collect() };
        for member in &members.all {
            let host = member.endpoint.trim_start_matches("http://");
            let logged = || read(&member.log);
            wait_for(&format!("{host} serves; its log:\n{}", logged()), async || {
                let health = http::try_get(host, "/health").await;
                health.is_ok_and(|answer| answer.code == 200).then_some(())
            })
            .await;
        }
        members
    }

    /// Returns the URL of one member.
    pub(crate) fn endpoint(&self, at: usize) -> &str {
        &self.all[at].endpoint
    }

    /// Sends a signal to a member.
    pub(crate) async fn signal(&self, at: usize, name: &str) {
        signal(&self.all[at].child, name).await;
    }
}
