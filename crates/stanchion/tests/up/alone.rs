//! The parts as processes of their own: API server, scheduler, controllers and node, each a client with a kubeconfig.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rcgen::{CertificateParams, Issuer, KeyPair};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::LIMIT;
use crate::ground::program;
use crate::support::cluster::Cluster;
use crate::support::command::{Outcome, read, reopen, run_with, signal, spawn, split, stanchion, temporary};
use crate::support::{machine, wait_for, within};

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: c
        image: busybox
        command: [sh, -c, 'trap exit TERM; echo up on $NODE; while :; do sleep 0.1; done']
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
";

/// A part that runs, killed with this value.
struct Part {
    child: Child,
    log: NamedTempFile,
}

impl Part {
    fn start(cluster: &Cluster, words: &[&str]) -> Self {
        let log = temporary();
        let mut command = stanchion();
        command.args(words).arg("--kubeconfig").arg(cluster.kubeconfig());
        let child = spawn(command.stdout(Stdio::null()).stderr(reopen(&log)));
        Self { child, log }
    }

    async fn end(mut self) -> String {
        signal(&self.child, "TERM").await;
        let ended = tokio::time::timeout(crate::support::PATIENCE, self.child.wait()).await;
        let code = ended.expect("a part ends in time").expect("a child can be waited for").code();
        let log = read(&self.log);
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

/// The directory of a node, of which nothing is left after a failed test either.
struct NodeDir(PathBuf);

impl Drop for NodeDir {
    fn drop(&mut self) {
        if self.0.exists() {
            let mut reset = std::process::Command::new(env!("CARGO_BIN_EXE_stanchion"));
            reset.arg("reset").arg("--data-dir").arg(&self.0).stdout(Stdio::null()).stderr(Stdio::null());
            if let Err(error) = reset.status() {
                println!("cannot reset {}: {error}", self.0.display());
            }
        }
    }
}

/// Has the cluster's authority sign a certificate for a node, as an administrator does; returns it and its key.
fn sign(cluster: &Cluster, name: &str) -> (PathBuf, PathBuf) {
    let pki = cluster.data_dir().join("pki");
    let read = |file: &str| std::fs::read_to_string(pki.join(file)).expect("the authority is there");
    let authority = KeyPair::from_pem(&read("ca.key")).expect("a key");
    let issuer = Issuer::from_ca_cert_pem(&read("ca.crt"), authority).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &issuer).expect("signed");
    let files = (cluster.folder().join("node.crt"), cluster.folder().join("node.key"));
    std::fs::write(&files.0, certificate.pem()).expect("written");
    std::fs::write(&files.1, key.serialize_pem()).expect("written");
    files
}

async fn kubectl(cluster: &Cluster, input: &str, words: &str) -> Outcome {
    let mut command = Command::new(program());
    command.kill_on_drop(true).env("KUBECONFIG", cluster.kubeconfig());
    command.arg("--cache-dir").arg(cluster.folder().join("cache")).args(split(words));
    run_with(input, &mut command).await
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// The node says how it is set, and that it does not renew the certificate of its kubeconfig: the doctor hears it.
async fn settings(cluster: &Cluster) {
    let said = kubectl(cluster, "", "get --raw /api/v1/nodes/alone/proxy/configz").await.done();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let kubelet = &said["kubeletconfig"];
    assert_eq!(
        (&kubelet["podCIDR"], &kubelet["rotateCertificates"]),
        (&"127.62.7.0/24".into(), &false.into()),
        "{said:#}"
    );
    assert!(kubelet.get("clusterDNS").is_none(), "it has none: {said:#}");
    let mut command = stanchion();
    command.args(["--output", "json", "doctor", "--only", "certs/kubelet-rotation", "--kubeconfig"]);
    let report = run_with("", command.arg(cluster.kubeconfig())).await;
    assert_eq!(report.code, Some(1), "{report:?}");
    let report: Value = serde_json::from_str(&report.stdout).expect("JSON");
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["severity"], finding["evidence"][0]["value"].as_str()),
        (&"warning".into(), Some("false"))
    );
}

#[tokio::test]
async fn four_processes_are_a_cluster() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let (certificate, key) = sign(&cluster, "alone");
        let dir = NodeDir(cluster.folder().join("node"));
        let authority = cluster.data_dir().join("pki/ca.crt");
        let node = ["node", "--node-name", "alone", "--data-dir", text(&dir.0), "--port", "0"];
        let pods = ["--pod-cidr", "127.62.7.0/24", "--node-labels", "disk=fast"];
        let tls = [
            "--tls-cert-file",
            text(&certificate),
            "--tls-private-key-file",
            text(&key),
            "--client-ca-file",
            text(&authority),
        ];
        let parts = [
            Part::start(&cluster, &["scheduler"]),
            Part::start(&cluster, &["controllers"]),
            Part::start(&cluster, &[node.as_slice(), &pods, &tls].concat()),
        ];
        wait_for("the node does not register", async || {
            let node = kubectl(&cluster, "", "get node alone -o jsonpath={.metadata.labels.disk}").await;
            (node.code == Some(0) && node.stdout == "fast").then_some(())
        })
        .await;
        kubectl(&cluster, WEB, "apply -f -").await.done();
        kubectl(&cluster, "", "rollout status deployment/web --timeout=60s").await.done();
        let ips = kubectl(&cluster, "", "get pods -o jsonpath={.items[*].status.podIP}").await.done();
        assert!(ips.split_whitespace().all(|ip| ip.starts_with("127.62.7.")), "{ips}");
        wait_for("the Pods say nothing", async || {
            let said = kubectl(&cluster, "", "logs -l app=web").await.done();
            (said == "up on alone\nup on alone\n").then_some(())
        })
        .await;
        let code = kubectl(&cluster, "", "exec deploy/web -- sh -c 'echo said; exit 7'").await;
        assert_eq!((code.code, code.stdout.as_str()), (Some(7), "said\n"));

        settings(&cluster).await;

        let cgroups = machine::cgroups(&dir.0);
        for part in parts {
            part.end().await;
        }
        let shims = machine::processes(&dir.0);
        assert_eq!(shims.len(), 2, "the containers go on: {shims:?}");
        let mut reset = stanchion();
        reset.arg("reset").arg("--data-dir").arg(&dir.0);
        run_with("", &mut reset).await.done();
        machine::assert_clean(&dir.0, &cgroups);
    })
    .await;
}

#[tokio::test]
async fn without_an_authority_of_clients_nobody_may_ask() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let (certificate, key) = sign(&cluster, "closed");
        let dir = NodeDir(cluster.folder().join("node"));
        let node = ["node", "--node-name", "closed", "--data-dir", text(&dir.0), "--port", "0"];
        let tls = ["--tls-cert-file", text(&certificate), "--tls-private-key-file", text(&key)];
        let pods = ["--pod-cidr", "127.62.8.0/24"];
        let node = Part::start(&cluster, &[node.as_slice(), &tls, &pods].concat());
        let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
            "nodeName": "closed", "restartPolicy": "Never",
            "containers": [{"name": "c", "image": "busybox", "command": ["echo", "said"]}]}}"#;
        wait_for("no Pod can be made", async || {
            (kubectl(&cluster, pod, "create -f -").await.code == Some(0)).then_some(())
        })
        .await;
        wait_for("the Pod does not end", async || {
            let phase = kubectl(&cluster, "", "get pod p -o jsonpath={.status.phase}").await.done();
            (phase == "Succeeded").then_some(())
        })
        .await;
        let refused = kubectl(&cluster, "", "logs p").await.failed(1);
        assert!(refused.contains("nobody may ask"), "{refused}");
        let log = node.end().await;
        assert!(log.contains("--client-ca-file"), "{log}");
    })
    .await;
}
