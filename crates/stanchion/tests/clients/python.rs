//! Python's client, by the scripts in `e2e/python`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::process::Command;

use crate::support::clients::{client, make, namespaced, object};
use crate::support::cluster::Cluster;
use crate::support::command::{Session, run};
use crate::support::{long, within};
use crate::watching::insist;

/// Names the interpreter that has the client; empty where there is none to be had.
const PYTHON: &str = "STANCHION_PYTHON";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls() {
    within(Duration::from_secs(90), async {
        let cluster = Cluster::start().await;
        let Some(mut script) = script(&cluster, "calls.py") else { return };
        run(script.arg("--verbose")).await.done();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_informer_misses_nothing_over_restarts() {
    within(Duration::from_mins(2), async {
        let mut cluster = Cluster::start_lasting(&[]).await;
        let api: Api<ConfigMap> = namespaced(&client(&cluster).await, "informer").await;
        let Some(mut script) = script(&cluster, "informer.py") else { return };
        script.arg("informer");
        let mut informer = Session::start(script);
        informer.says("listed").await;
        for round in 0..if long() { 10 } else { 3 } {
            tokio::join!(write(api.clone(), round), async {
                tokio::time::sleep(Duration::from_millis(150)).await;
                cluster.again(if round % 2 == 0 { "KILL" } else { "TERM" }).await;
            });
        }
        make(&api, json!({"metadata": {"name": "last"}})).await;
        let ended = informer.end().await;
        let said = ended.clone().done();
        let said: serde_json::Value =
            serde_json::from_str(said.lines().last().unwrap_or("")).expect("it says JSON");
        let known: BTreeMap<String, String> = object(said["known"].clone());
        let there = api.list(&ListParams::default()).await.expect("objects can be listed");
        let there: BTreeMap<String, String> = there
            .iter()
            .filter_map(|object| object.metadata.name.clone().zip(object.metadata.resource_version.clone()))
            .collect();
        assert_eq!(known, there, "{ended:?}");
        assert!(said["watches"].as_u64() > Some(3), "it watched again after every restart: {said}");
    })
    .await;
}

async fn write(api: Api<ConfigMap>, round: usize) {
    for number in 0..40 {
        let name = format!("r{round}-{number}");
        let new = object(json!({"metadata": {"name": name}}));
        insist(async || api.create(&PostParams::default(), &new).await.map(drop)).await;
        let patch = Patch::Merge(json!({"data": {"k": "v"}}));
        insist(async || api.patch(&name, &PatchParams::default(), &patch).await.map(drop)).await;
        if number % 4 == 0 {
            insist(async || api.delete(&name, &DeleteParams::default()).await.map(drop)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Prepares a script; returns nothing where `./test` found that Python's client cannot be had.
fn script(cluster: &Cluster, name: &str) -> Option<Command> {
    let python = match std::env::var_os(PYTHON) {
        Some(python) if python.is_empty() => {
            eprintln!("skipped: Python's Kubernetes client cannot be installed on this machine");
            return None;
        }
        Some(python) => PathBuf::from(python),
        None => installed(),
    };
    assert!(python.exists(), "{} is not there; `./test` installs it", python.display());
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/python").join(name));
    command.env("KUBECONFIG", cluster.kubeconfig()).env("PYTHONDONTWRITEBYTECODE", "1");
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command.kill_on_drop(true);
    Some(command)
}

/// Returns where `./test` installs the interpreter: beside what cargo builds.
fn installed() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its program");
    let target = this.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.expect("tests are built in cargo's folder").join("python/bin/python")
}
