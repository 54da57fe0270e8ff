//! The server that is measured: one that is started here, or one that runs already.
//!
//! Dropping a process kills it, dropping a home removes it, so neither outlives an error or ctrl-c.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use stanchion_bench_kit::child::Running;
use stanchion_bench_kit::client::{Call, Client, Version};
use stanchion_bench_kit::kubeconfig::Kubeconfig;
use stanchion_bench_kit::process::Process;
use tempfile::TempDir;

use crate::args::{Args, Keeper};

/// A directory for a server of ours, and the etcd it may need.
#[derive(Debug)]
pub(crate) struct Home {
    // Fields are dropped in order: the process ends before its directory goes.
    etcd: Option<Running>,
    endpoint: Option<String>,
    program: PathBuf,
    dir: TempDir,
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
        let mut running = Running::start(command, self.dir.path().join("etcd.log"))?;
        while TcpStream::connect(clients).is_err() {
            running.wait().await?;
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
        let mut process = Running::start(command, self.dir.path().join("apiserver.log"))?;
        while !kubeconfig.exists() {
            process.wait().await?;
        }
        let client = Client::new(&Kubeconfig::read(&kubeconfig)?)?;
        while !is_ready(&client).await {
            process.wait().await?;
        }
        let (ready_after, measured) = (Some(process.age()), process.process());
        Ok(Server { process: Some(process), client, measured, ready_after })
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
        match self.process {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
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
