//! Webhooks: whom the API server trusts, and what they show.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::ground::Ground;
use crate::openssl::{authority, leaf};
use crate::report::{all_told, doctor};
use crate::support::command::{run_with, spawn};
use crate::support::server::{folder, lasting_port};
use crate::support::{wait_for, within};

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_secs(150);
const DEFINITIONS: &str = include_str!("webhooks/definitions.yaml");
const SERVER: &str = include_str!("webhooks/server.yaml");
const HEALTHY: &str = include_str!("webhooks/healthy.yaml");
const BROKEN: &str = include_str!("webhooks/broken.yaml");

/// Shows the certificate of a directory at a port of this machine.
async fn show(directory: &Path, name: &str) -> (Child, String) {
    let server = format!("127.0.0.1:{}", lasting_port());
    let mut command = Command::new("openssl");
    let words = format!("s_server -quiet -accept {server} -cert {name}.crt -key {name}.key");
    command.current_dir(directory).args(words.split_whitespace()).kill_on_drop(true);
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    wait_for("the server does not listen", async || {
        tokio::net::TcpStream::connect(&server).await.is_ok().then_some(())
    })
    .await;
    (child, server)
}

/// Returns certificates in base64.
async fn bundle(files: &[&Path]) -> String {
    let pem: String = files.iter().map(|file| fs::read_to_string(file).expect("a certificate")).collect();
    let text = run_with(&pem, Command::new("base64").arg("--wrap=0")).await.done();
    text.trim().to_owned()
}

async fn look(ground: &Ground, more: &[&str]) -> (Option<i32>, Value) {
    let kubeconfig = ground.kubeconfig();
    let words = ["--kubeconfig", kubeconfig.to_str().expect("a path"), "--only", "certs"];
    let (outcome, report) = doctor(&[&words[..], more].concat()).await;
    (outcome.code, report)
}

fn set(lines: &[String]) -> BTreeSet<String> {
    lines.iter().cloned().collect()
}

#[tokio::test]
async fn what_webhooks_show_is_what_the_api_server_trusts() {
    within(LIMIT, async {
        let folder = folder();
        let [good, other, soon] = ["good", "other", "soon"].map(|name| folder.path().join(name));
        for (directory, days) in [(&good, 3650), (&other, 3650), (&soon, 3)] {
            fs::create_dir(directory).expect("a directory");
            authority(directory, days).await;
        }
        leaf(&good, "web", "DNS:web.shop.svc", 365).await;
        leaf(&good, "local", "IP:127.0.0.1", 365).await;
        leaf(&good, "ends", "IP:127.0.0.1", 10).await;
        let (_local, url) = show(&good, "local").await;
        let (_ends, ends) = show(&good, "ends").await;
        let [good_ca, other_ca, soon_ca] = [&good, &other, &soon].map(|directory| directory.join("ca.crt"));
        // No such word can be within base64.
        let replaced = [
            ("<GOOD>", bundle(&[&good_ca]).await),
            ("<OTHER>", bundle(&[&other_ca]).await),
            ("<BOTH>", bundle(&[&other_ca, &good_ca]).await),
            ("<SOON>", bundle(&[&soon_ca]).await),
            ("<URL>", url),
            ("<ENDS>", ends.clone()),
        ];
        let filled = |text: &str| {
            replaced.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
        };

        let ground = Ground::start(&["--no-databases"]).await;
        ground.apply(DEFINITIONS).await;
        ground.kubectl("wait --for=condition=Established crd --all --timeout=30s").await.done();
        ground.kubectl("create namespace shop").await.done();
        let (certificate, key) = (good.join("web.crt"), good.join("web.key"));
        let files = format!("--cert={} --key={}", certificate.display(), key.display());
        ground.kubectl(&format!("-n shop create secret tls web {files}")).await.done();
        ground.apply(SERVER).await;
        ground.kubectl("-n shop rollout status deployment/web --timeout=60s").await.done();
        ground.apply(&filled(HEALTHY)).await;
        let (code, report) = look(&ground, &["--tls-webhooks"]).await;
        assert_eq!((code, &report["gaps"]), (Some(0), &Value::Array(Vec::new())), "{report:#}");
        assert_eq!(all_told(&report), BTreeSet::new(), "{report:#}");

        ground.apply(&filled(BROKEN)).await;
        let bundles = [
            "critical certs/expiry APIService v1.ends.example.com".to_owned(),
            "critical certs/expiry ValidatingWebhookConfiguration bundle-ends".to_owned(),
        ];
        let (code, report) = look(&ground, &[]).await;
        assert_eq!((code, all_told(&report)), (Some(1), set(&bundles)), "nobody is called: {report:#}");
        let (code, report) = look(&ground, &["--tls-webhooks"]).await;
        let shown = [
            "critical certs/chain server web.shop.svc:443".to_owned(),
            "critical certs/names server old.shop.svc:443".to_owned(),
            format!("warning certs/expiry server {ends}"),
        ];
        let all = [&bundles[..], &shown].concat();
        assert_eq!((code, all_told(&report)), (Some(1), set(&all)), "{report:#}");
        assert!(report.to_string().contains("the caBundle of MutatingWebhookConfiguration untrusted"));
        let gaps = report["gaps"].to_string();
        assert!(gaps.contains("127.0.0.1:1 of ValidatingWebhookConfiguration bundle-ends"), "{gaps}");
    })
    .await;
}
