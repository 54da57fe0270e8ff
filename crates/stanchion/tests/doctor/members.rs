//! An etcd of several members, from Debian's package.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::{Child, Command};

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

/// What a member shows to its clients, and what they have to show.
pub(crate) struct Secure {
    /// The authority of both.
    pub(crate) ca: PathBuf,
    /// The certificate of the member.
    pub(crate) cert: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
}

/// The ports of a member.
#[derive(Clone, Copy)]
struct Ports {
    client: u16,
    peer: u16,
    health: u16,
}

impl Ports {
    fn find(secure: bool) -> Self {
        let client = lasting_port();
        Self { client, peer: lasting_port(), health: if secure { lasting_port() } else { client } }
    }
}

impl Members {
    /// Starts `count` members with more flags, and waits until all serve.
    pub(crate) async fn start(count: usize, flags: &[&str]) -> Self {
        Self::start_each(count, flags, None, |_| Vec::new()).await
    }

    /// As [`Members::start`], with clients that have to show a certificate.
    pub(crate) async fn start_secure(count: usize, secure: &Secure) -> Self {
        Self::start_each(count, &[], Some(secure), |_| Vec::new()).await
    }

    /// As [`Members::start`], with flags that each member has of its own.
    pub(crate) async fn start_each(
        count: usize,
        flags: &[&str],
        secure: Option<&Secure>,
        own: impl Fn(usize) -> Vec<String>,
    ) -> Self {
        Self::start_as(command::etcd, count, flags, secure, own).await
    }

    /// As [`Members::start`], with one member whose disk takes `delay` longer to flush.
    pub(crate) async fn start_slow(delay: Duration) -> Self {
        Self::start_as(|| command::etcd_on_slow_disk(delay), 1, &[], None, |_| Vec::new()).await
    }

    async fn start_as(
        program: impl Fn() -> Command,
        count: usize,
        flags: &[&str],
        secure: Option<&Secure>,
        own: impl Fn(usize) -> Vec<String>,
    ) -> Self {
        let ports: Vec<_> = (0..count).map(|_| Ports::find(secure.is_some())).collect();
        let cluster: Vec<_> =
            (0..count).map(|at| format!("m{at}={}", local("http", ports[at].peer))).collect();
        let cluster = cluster.join(",");
        let start = |at: usize| {
            let mut command = program();
            let folder = folder();
            // Flags may name another directory.
            command.arg("--data-dir").arg(folder.path());
            command.arg("--name").arg(format!("m{at}")).args(["--initial-cluster", &cluster]);
            command.args(flags).args(own(at));
            begin(command, folder, ports[at], secure)
        };
        let members = Self { all: (0..count).map(start).collect() };
        for (member, ports) in members.all.iter().zip(&ports) {
            let host = format!("127.0.0.1:{}", ports.health);
            let logged = || read(&member.log);
            wait_for(&format!("{host} serves; its log:\n{}", logged()), async || {
                let health = http::try_get(&host, "/health").await;
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

    /// Returns the URLs of all.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.all.iter().map(|member| member.endpoint.clone()).collect()
    }

    /// Sends a signal to a member.
    pub(crate) async fn signal(&self, at: usize, name: &str) {
        signal(&self.all[at].child, name).await;
    }
}

fn local(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

fn begin(mut command: Command, folder: TempDir, ports: Ports, secure: Option<&Secure>) -> Member {
    let endpoint = local(if secure.is_some() { "https" } else { "http" }, ports.client);
    let peer = local("http", ports.peer);
    let log = temporary();
    command.args(["--listen-client-urls", &endpoint, "--advertise-client-urls", &endpoint]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    if let Some(Secure { ca, cert, key }) = secure {
        // Whether it is healthy is asked without a certificate.
        command.args(["--listen-metrics-urls", &local("http", ports.health)]);
        command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(ca);
        command.arg("--cert-file").arg(cert).arg("--key-file").arg(key);
    }
    command.stdout(Stdio::null()).stderr(reopen(&log));
    Member { child: spawn(&mut command), endpoint, log, _folder: folder }
}
