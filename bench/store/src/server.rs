//! The two servers as child processes.
//!
//! A [`Home`] is a data directory with its ports; a [`Server`] is a process that runs in it. Dropping
//! a server kills it, dropping a home removes it, so neither outlives an error, a panic or ctrl-c.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::time;

/// Both servers' quota, above anything a benchmark stores.
const QUOTA_BYTES: &str = "8589934592";
/// A server that has not ended this long after SIGTERM is killed, and the benchmark fails.
const STOP_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);
/// How much of a dead server's log is shown.
const LOG_TAIL: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stanchion,
    Etcd,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Stanchion, Self::Etcd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stanchion => "stanchion",
            Self::Etcd => "etcd",
        }
    }
}

/// A server's program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
}

impl Program {
    /// The first line the program prints as its version.
    pub(crate) fn version(&self) -> Result<String> {
        let output = Command::new(&self.path)
            .arg("--version")
            .output()
            .with_context(|| format!("cannot run {}", self.path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().next().unwrap_or("unknown version").to_owned())
    }
}

#[derive(Debug)]
pub(crate) struct Home {
    program: Program,
    dir: TempDir,
    client: SocketAddr,
    /// etcd's peers, our metrics.
    other: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
}

impl Home {
    /// A new, empty data directory below `parent`.
    pub(crate) fn new(program: &Program, parent: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix(program.kind.name()).tempdir_in(parent)?;
        let [client, other] = free_addresses()?;
        Ok(Self { program: program.clone(), dir, client, other })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.program.kind
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn start(&self) -> Result<Server> {
        let log = self.dir.path().join("log");
        let file = File::create(&log)?;
        let mut command = Command::new(&self.program.path);
        command.args(self.arguments()).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child =
            command.spawn().with_context(|| format!("cannot start {}", self.program.path.display()))?;
        Ok(Server { child, log, address: self.client, started })
    }

    fn arguments(&self) -> Vec<String> {
        let clients = format!("http://{}", self.client);
        let other = format!("http://{}", self.other);
        let data = self.data().to_string_lossy().into_owned();
        let initial = format!("default={other}");
        let own: &[&str] = match self.kind() {
            Kind::Stanchion => &["store", "serve", "--listen-metrics-urls", &other],
            Kind::Etcd => &[
                "--advertise-client-urls",
                &clients,
                "--listen-peer-urls",
                &other,
                "--initial-advertise-peer-urls",
                &other,
                "--initial-cluster",
                &initial,
                "--logger",
                "zap",
                "--log-level",
                "error",
            ],
        };
        let common =
            ["--data-dir", &data, "--listen-client-urls", &clients, "--quota-backend-bytes", QUOTA_BYTES];
        own.iter().chain(&common).map(|&argument| argument.to_owned()).collect()
    }
}

/// Two addresses nobody listens on: the system chose them just now.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let two = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok([one.local_addr()?, two.local_addr()?])
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with the end of its log, if the server has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let tail = log.len().saturating_sub(LOG_TAIL);
        bail!("the server ended ({status}); its log: {}", String::from_utf8_lossy(&log.as_bytes()[tail..]))
    }

    /// Asks the server to end and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.ensure_running()?;
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the server did not end within {STOP_LIMIT:?} of SIGTERM");
            }
            time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
