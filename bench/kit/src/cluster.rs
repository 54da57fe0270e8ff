//! The cluster that is measured: one that is started here, or one that runs already.
//!
//! Dropping it ends its processes and removes its directory, so that neither outlives an error or ctrl-c.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::child::Running;
use crate::client::{Call, Client, Connection, Version};
use crate::kubeconfig::Kubeconfig;
use crate::process::Process;

/// A cluster that answers.
#[derive(Debug)]
pub struct Cluster {
    client: Client,
    kubeconfig: PathBuf,
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
    /// Finds a cluster that runs already.
    pub fn running(kubeconfig: &Path) -> Result<Self> {
        let client = Client::new(&Kubeconfig::read(kubeconfig)?)?;
        Ok(Self { client, kubeconfig: kubeconfig.to_owned(), own: None })
    }

    /// Starts a cluster of `program` with simulated Nodes, in a directory of its own in `parent`.
    pub async fn start(program: &Path, parent: &Path, nodes: usize) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("home").tempdir_in(parent)?;
        let (data, kubeconfig) = (dir.path().join("data"), dir.path().join("kubeconfig"));
        let mut command = Command::new(program);
        command.arg("up").arg("--data-dir").arg(&data).arg("--write-kubeconfig").arg(&kubeconfig);
        command.args(["--secure-port", "0", "--log-level", "warn"]);
        command.args(["--simulate-nodes", &nodes.to_string()]);
        let mut process = Running::start(command, dir.path().join("up.log"))?;
        let remains = Remains { program: program.to_owned(), data, _dir: dir };
        while !kubeconfig.exists() {
            process.wait().await?;
        }
        let client = Client::new(&Kubeconfig::read(&kubeconfig)?)?;
        while !is_ready(&client).await {
            process.wait().await?;
        }
        let answers_after = process.age();
        Ok(Self { client, kubeconfig, own: Some(Own { process, answers_after, remains }) })
    }

    /// Returns the file that leads to it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Opens a connection for requests.
    pub async fn connect(&self) -> Result<Connection> {
        self.client.connect(Version::Http2).await
    }

    /// Returns the process, unknown where it runs elsewhere.
    pub fn process(&self) -> Process {
        self.own.as_ref().map_or(Process(None), |own| own.process.process())
    }

    /// Returns from the start of the process to its first answer, and to now.
    pub fn times(&self) -> Option<(Duration, Duration)> {
        self.own.as_ref().map(|own| (own.answers_after, own.process.age()))
    }

    /// Ends a cluster that was started here.
    pub async fn stop(self) -> Result<()> {
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
