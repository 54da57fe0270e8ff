//! `stanchion up` in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use stanchion_bench_kit::child::{POLL, Running};
use stanchion_bench_kit::client::{Call, Client, Version};
use stanchion_bench_kit::kubeconfig::Kubeconfig;
use tokio::time::{Instant, sleep};

/// The kind, and the namespace's service account, come a moment after the first answer.
const CREATE_LIMIT: Duration = Duration::from_secs(30);

/// A cluster that answers. Dropping it ends it, with its Pods.
#[derive(Debug)]
pub(crate) struct Home {
    client: Client,
    // Fields are dropped in order: the process ends before what it leaves is removed.
    process: Running,
    remains: Remains,
}

/// What goes on without the process: its Pods.
#[derive(Debug)]
struct Remains {
    program: PathBuf,
    data: PathBuf,
}

impl Home {
    pub(crate) async fn start(program: &Path, dir: &Path) -> Result<Self> {
        let (data, kubeconfig) = (dir.join("data"), dir.join("kubeconfig"));
        let mut command = Command::new(program);
        command.arg("up").arg("--data-dir").arg(&data).arg("--write-kubeconfig").arg(&kubeconfig);
        command.args(["--secure-port", "0", "--log-level", "warn"]);
        let mut process = Running::start(command, dir.join("up.log"))?;
        let remains = Remains { program: program.to_owned(), data };
        while !kubeconfig.exists() {
            process.wait().await?;
        }
        let client = Client::new(&Kubeconfig::read(&kubeconfig)?)?;
        let home = Self { client, process, remains };
        let deadline = Instant::now() + CREATE_LIMIT;
        while home.send(Call::get("/readyz")).await.is_err() {
            ensure!(Instant::now() < deadline, "it is not ready");
            sleep(POLL).await;
        }
        Ok(home)
    }

    /// Reads an object.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.send(Call::get(path)).await?;
        serde_json::from_slice(&answer).with_context(|| format!("{path} is no JSON"))
    }

    /// Creates an object, trying again until its kind is known.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Result<()> {
        let deadline = Instant::now() + CREATE_LIMIT;
        let body = Bytes::from(object.to_string());
        loop {
            match self.send(Call::new(Method::POST, path, body.clone())).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error.context(format!("POST {path}"))),
                Err(_) => sleep(POLL).await,
            }
        }
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.send(Call::new(Method::DELETE, path, Bytes::new())).await.map(drop)
    }

    /// Changes some fields of an object.
    pub(crate) async fn merge(&self, path: &str, fields: &Value) -> Result<()> {
        let mut call = Call::new(Method::PATCH, path, Bytes::from(fields.to_string()));
        call.content_type = "application/merge-patch+json";
        self.send(call).await.map(drop)
    }

    /// Requests are few, so each has a connection of its own.
    async fn send(&self, call: Call) -> Result<Bytes> {
        self.client.connect(Version::Http1).await?.fetch(call).await
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.process.stop().await?;
        self.remains.remove()
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
