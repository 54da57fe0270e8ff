//! A cluster of `stanchion up`, and kubectl as its administrator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::{Child, Command};

use crate::support::command::{Outcome, read, reopen, run_with, signal, spawn, split, stanchion, temporary};
use crate::support::server::folder;
use crate::support::{machine, wait_for};

/// What is told once all parts run.
const READY: &str = "the cluster is up";

/// A cluster in a folder of its own. Nothing of it is left when this value goes, also after a failed test.
#[derive(Debug)]
pub(crate) struct Ground {
    child: Child,
    log: NamedTempFile,
    arguments: Vec<String>,
    folder: TempDir,
}

impl Ground {
    /// Starts a cluster, and waits until it is up and its node is ready.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let (folder, log) = (folder(), temporary());
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let child = begin(&folder, &arguments, &log);
        let mut ground = Self { child, log, arguments, folder };
        ground.ready().await;
        ground
    }

    async fn ready(&mut self) {
        let (child, log) = (&mut self.child, &self.log);
        wait_for("the cluster is not up", async || {
            let ended = child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the cluster ended: {ended:?} {}", read(log));
            read(log).contains(READY).then_some(())
        })
        .await;
        // One request for all: `kubectl wait` asks for each, which takes long with hundreds.
        let path = r#".items[*].metadata.name}{"\n"}{.items[*].status.conditions[?(@.type=="Ready")].status"#;
        wait_for("the cluster has no node, or one that is not ready", async || {
            let said = self.field("nodes", path).await;
            let (names, ready) = said.split_once('\n')?;
            let (names, ready) = (names.split_whitespace(), ready.split_whitespace());
            let ready = ready.filter(|status| *status == "True").count();
            (ready > 0 && ready == names.count()).then_some(())
        })
        .await;
    }

    /// Ends the process by a signal and starts it again.
    pub(crate) async fn again(&mut self, name: &str) {
        self.stop(name).await;
        self.go_on().await;
    }

    /// Starts it again with other arguments after it was stopped.
    pub(crate) async fn go_on_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.go_on().await;
    }

    /// Ends the process by a signal; its Pods stay.
    pub(crate) async fn stop(&mut self, name: &str) {
        signal(&self.child, name).await;
        self.child.wait().await.expect("a child can be waited for");
    }

    /// Starts the process again.
    pub(crate) async fn go_on(&mut self) {
        self.log = temporary();
        self.child = begin(&self.folder, &self.arguments, &self.log);
        self.ready().await;
    }

    /// Runs kubectl to its end.
    pub(crate) async fn kubectl(&self, words: &str) -> Outcome {
        self.kubectl_with("", words).await
    }

    /// As [`Ground::kubectl`], with `input` on stdin.
    pub(crate) async fn kubectl_with(&self, input: &str, words: &str) -> Outcome {
        let mut command = Command::new(program());
        command.kill_on_drop(true).args(self.kubectl_arguments()).args(split(words));
        run_with(input, &mut command).await
    }

    /// Returns the arguments with which kubectl is the administrator of this cluster.
    pub(crate) fn kubectl_arguments(&self) -> [OsString; 4] {
        let own = |name| self.folder.path().join(name).into_os_string();
        ["--kubeconfig".into(), own("kubeconfig"), "--cache-dir".into(), own("cache")]
    }

    /// Applies manifests.
    pub(crate) async fn apply(&self, manifests: &str) {
        self.kubectl_with(manifests, "apply -f -").await.done();
    }

    /// Returns a field of an object by its JSON path.
    pub(crate) async fn field(&self, object: &str, path: &str) -> String {
        self.kubectl(&format!("get {object} -o jsonpath={{{path}}}")).await.done()
    }

    /// Waits until a field has a value.
    pub(crate) async fn wait_field(&self, object: &str, path: &str, value: &str) {
        let what = format!("{path} of {object} is not {value:?}");
        wait_for(&what, async || {
            let found = self.kubectl(&format!("get {object} -o jsonpath={{{path}}}")).await;
            (found.code == Some(0) && found.stdout == value).then_some(())
        })
        .await;
    }

    /// Returns the directory of the cluster.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns the administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Returns the end of what the cluster has said.
    pub(crate) fn log_tail(&self) -> String {
        let text = read(&self.log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Makes the kind `DatabaseCluster`, as one who runs operator and manager alone has to.
    pub(crate) async fn install_databases(&self) {
        let definition = run_with("", stanchion().arg("crd")).await.done();
        self.kubectl_with(&definition, "apply --server-side -f -").await.done();
        let name = "crd/databaseclusters.stanchion.dev";
        self.kubectl(&format!("wait --for=condition=Established {name} --timeout=30s")).await.done();
    }

    /// Runs `stanchion explain pod` for the first Pod whose name begins so; panics unless it names a node.
    pub(crate) async fn explain(&self, begin: &str, node: &str) -> String {
        let names = self.field("pods", ".items[*].metadata.name").await;
        let name =
            names.split_whitespace().find(|name| name.starts_with(begin)).expect("there is such a Pod");
        let mut command = stanchion();
        command.args(["explain", "pod", name, "--kubeconfig"]).arg(self.folder.path().join("kubeconfig"));
        let explained = run_with("", &mut command).await.done();
        assert!(explained.lines().any(|line| line.starts_with(node)), "{explained}");
        explained
    }

    /// Runs `stanchion down` or `reset`.
    pub(crate) async fn end(&self, verb: &str) -> Outcome {
        let mut command = stanchion();
        command.arg(verb).arg("--data-dir").arg(self.data_dir());
        run_with("", &mut command).await
    }

    /// Returns the command lines of this machine's processes that have the cluster's directory in them.
    pub(crate) fn processes(&self) -> Vec<String> {
        machine::processes(&self.data_dir()).into_iter().map(|(_, line)| line).collect()
    }

    /// Returns the process of the cluster.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the cluster runs")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !self.data_dir().exists() {
            return;
        }
        let mut reset = std::process::Command::new(env!("CARGO_BIN_EXE_stanchion"));
        reset.arg("reset").arg("--data-dir").arg(self.data_dir()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(error) = reset.status() {
            println!("cannot reset {}: {error}", self.data_dir().display());
        }
        if std::thread::panicking() {
            println!("{}", read(&self.log));
        }
    }
}

fn begin(folder: &TempDir, arguments: &[String], log: &NamedTempFile) -> Child {
    let mut command = stanchion();
    command.args(["up", "--secure-port", "0"]).arg("--data-dir").arg(folder.path().join("data"));
    command.arg("--write-kubeconfig").arg(folder.path().join("kubeconfig")).args(arguments);
    spawn(command.stdout(Stdio::null()).stderr(reopen(log)))
}

/// Returns the kubectl that is chosen, that of the tests' set-up, or that of the machine.
pub(crate) fn program() -> PathBuf {
    if let Some(chosen) = std::env::var_os("STANCHION_KUBECTL") {
        return chosen.into();
    }
    let target = Path::new(env!("CARGO_BIN_EXE_stanchion")).ancestors().nth(2).expect("a target folder");
    let unpacked = target.join("peers/kubectl/kubectl");
    if unpacked.exists() { unpacked } else { "kubectl".into() }
}
