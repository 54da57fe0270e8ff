//! The cluster that is measured: one that is started here, or one that runs already.
//!
//! Dropping it ends its processes and removes its directory, so that neither outlives an error or ctrl-c.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use stanchion_bench_kit::child::Running;
use stanchion_bench_kit::client::{Call, Client, Connection, Version};
use stanchion_bench_kit::kubeconfig::Kubeconfig;
use stanchion_bench_kit::process::Process;
use tempfile::TempDir;

use crate::args::Args;

/// A cluster that answers.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    own: Option<Own>,
}

/// A cluster of ours.
#[derive(Debug)]
struct Own {
    // Fields are dropped in order: the process ends before what it leaves is removed.
    process: Running,
    answers_after: Duration,
    remains: Remains,
}

/// The directory of a cluster, with the Pods that go on without it.
#[derive(Debug)]
struct Remains {
    program: PathBuf,
    data: PathBuf,
    _dir: TempDir,
}

impl Cluster {
    /// Starts a cluster with simulated Nodes, or finds the one to measure.
    pub(crate) async fn start(args: &Args, parent: &Path, nodes: usize) -> Result<Self> {
        if let Some(kubeconfig) = &args.kubeconfig {
            return Ok(Self { client: Client::new(&Kubeconfig::read(kubeconfig)?)?, own: None });
        }
        let dir = tempfile::Builder::new().prefix("home").tempdir_in(parent)?;
        let (data, kubeconfig) = (dir.path().join("data"), dir.path().join("kubeconfig"));
        let mut command = Command::new(&args.stanchion);
        command.arg("up").arg("--data-dir").arg(&data).arg("--write-kubeconfig").arg(&kubeconfig);
        command.args(["--secure-port", "0", "--log-level", "warn"]);
        command.args(["--simulate-nodes", &nodes.to_string()]);
        let mut process = Running::start(command, dir.path().join("up.log"))?;
        let remains = Remains { program: args.stanchion.clone(), data, _dir: dir };
        while !kubeconfig.exists() {
            process.wait().await?;
        }
        let client = Client::new(&Kubeconfig::read(&kubeconfig)?)?;
        while !is_ready(&client).await {
            process.wait().await?;
        }
        let answers_after = process.age();
        Ok(Self { client, own: Some(Own { process, answers_after, remains }) })
    }

    /// Returns the process, unknown where it runs elsewhere.
    pub(crate) fn process(&self) -> Process {
        self.own.as_ref().map_or(Process(None), |own| own.process.process())
    }

    /// Returns from the start of the process to its first answer, and to now.
    pub(crate) fn times(&self) -> Option<(Duration, Duration)> {
        self.own.as_ref().map(|own| (own.answers_after, own.process.age()))
    }

    /// Ends a cluster that was started here.
    pub(crate) async fn stop(self) -> Result<()> {
        let Some(own) = self.own else { return Ok(()) };
        own.process.stop().await?;
        own.remains.remove()
    }
}

impl Remains {
    fn remove(&self) -> Result<()> {
        let done = Command::new(&self.program).arg("reset").arg("--data-dir").arg(&self.data).output()?;
        if !done.status.success() && self.data.exists() {
            bail!("stanchion reset: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        // It is a second time after an orderly end, and changes nothing then.
        self.remove().ok();
    }
}

async fn is_ready(client: &Client) -> bool {
    let Ok(mut connection) = client.connect(Version::Http1).await else { return false };
    connection.send(Call::get("/readyz")).await.is_ok()
}

/// Opens a connection for requests.
pub(crate) async fn connect(cluster: &Cluster) -> Result<Connection> {
    cluster.client.connect(Version::Http2).await
}
