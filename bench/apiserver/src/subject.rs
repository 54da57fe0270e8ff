//! The server that is measured: one that is started here, or one that runs already.
//!
//! Dropping a process kills it, dropping a home removes it, so neither outlives an error or ctrl-c.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::time;

use crate::args::{Args, Keeper};
use crate::client::{Call, Client, Version};
use crate::kubeconfig::Kubeconfig;
use crate::process::Process;

/// A server that is not ready after this has failed.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// A server that has not ended this long after SIGTERM is killed, and the benchmark fails.
const STOP_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(1);
/// How much of a dead server's log is shown.
const LOG_TAIL: usize = 2_000;

/// A directory for a server of ours, and the etcd it may need.
#[derive(Debug)]
pub(crate) struct Home {
    // Fields are dropped in order: the process ends before its directory goes.
    etcd: Option<Running>,
    endpoint: Option<String>,
    program: PathBuf,
    dir: TempDir,
}

/// A child process.
#[derive(Debug)]
struct Running {
    child: Child,
    log: PathBuf,
}

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Running>,
    pub(crate) client: Client,
    pub(crate) measured: Process,
    /// From the start of the process to the first answer that it is ready.
    pub(crate) ready_after: Option<Duration>,
}

impl Home {
    pub(crate) async fn new(args: &Args, parent: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("home").tempdir_in(parent)?;
        let mut home = Self { etcd: None, endpoint: None, program: args.stanchion.clone(), dir };
        if args.subject == Keeper::Etcd {
            let [clients, peers] = free_ports()?;
            let clients = format!("127.0.0.1:{clients}");
            home.etcd = Some(home.start_etcd(&args.etcd, &clients, peers).await?);
            home.endpoint = Some(format!("http://{clients}"));
        }
        Ok(home)
    }

    async fn start_etcd(&self, program: &Path, clients: &str, peers: u16) -> Result<Running> {
        let (urls, peers) = (format!("http://{clients}"), format!("http://127.0.0.1:{peers}"));
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(self.dir.path().join("etcd"));
        command.args(["--listen-client-urls", &urls, "--advertise-client-urls", &urls]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.args([
            "--initial-cluster",
            &format!("default={peers}"),
            "--logger",
            "zap",
            "--log-level",
            "error",
        ]);
        command.args(["--quota-backend-bytes", "8589934592"]);
        let running = Running::start(command, self.dir.path().join("etcd.log"))?;
        let deadline = Instant::now() + READY_LIMIT;
        while TcpStream::connect(clients).is_err() {
            if Instant::now() > deadline {
                bail!("etcd does not listen");
            }
            time::sleep(POLL).await;
        }
        Ok(running)
    }

    /// Starts our server, with further arguments, and waits until it says that it is ready.
    pub(crate) async fn start(&self, further: &[&str]) -> Result<Server> {
        let kubeconfig = self.dir.path().join("kubeconfig");
        if kubeconfig.exists() {
            fs::remove_file(&kubeconfig)?;
        }
        let mut command = Command::new(&self.program);
        command.arg("apiserver").arg("--data-dir").arg(self.dir.path().join("data"));
        command.args(["--secure-port", "0", "--log-level", "warn"]);
        command.arg("--write-kubeconfig").arg(&kubeconfig);
        command.args(further);
        if let Some(endpoint) = &self.endpoint {
            command.args(["--etcd-servers", endpoint]);
        }
        let started = Instant::now();
        let mut process = Running::start(command, self.dir.path().join("apiserver.log"))?;
        while !kubeconfig.exists() {
            process.check(started)?;
            time::sleep(POLL).await;
        }
        let client = Client::new(&Kubeconfig::read(&kubeconfig)?)?;
        while !is_ready(&client).await {
            process.check(started)?;
            time::sleep(POLL).await;
        }
        let ready_after = Some(started.elapsed());
        let measured = Process(Some(process.child.id()));
        Ok(Server { process: Some(process), client, measured, ready_after })
    }
}

impl Running {
    fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, log })
    }

    /// Fails, with the end of its log, if the process has ended or takes too long.
    fn check(&mut self, started: Instant) -> Result<()> {
        let ended = self.child.try_wait()?;
        if ended.is_none() && started.elapsed() < READY_LIMIT {
            return Ok(());
        }
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..]).into_owned();
        bail!("the server is not ready ({ended:?}); its log: {tail}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// Finds the server of a kubeconfig.
    pub(crate) async fn find(kubeconfig: &Path, pid: Option<u32>) -> Result<Self> {
        let client = Client::new(&Kubeconfig::read(kubeconfig)?)?;
        client.connect(Version::Http2).await?.fetch(Call::get("/readyz")).await?;
        Ok(Self { process: None, client, measured: Process(pid), ready_after: None })
    }

    /// Asks a server that was started here to end, and waits until it has.
    pub(crate) async fn stop(self) -> Result<()> {
        let Some(mut process) = self.process else { return Ok(()) };
        rustix::process::kill_process(Pid::from_child(&process.child), Signal::TERM)?;
        let deadline = Instant::now() + STOP_LIMIT;
        while process.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the server did not end within {STOP_LIMIT:?} of SIGTERM");
            }
            time::sleep(POLL).await;
        }
        Ok(())
    }
}

async fn is_ready(client: &Client) -> bool {
    let Ok(mut connection) = client.connect(Version::Http1).await else { return false };
    connection.send(Call::get("/readyz")).await.is_ok()
}

/// Two ports nobody listens on: the system chose them just now.
fn free_ports() -> Result<[u16; 2]> {
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let two = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok([one.local_addr()?.port(), two.local_addr()?.port()])
}
