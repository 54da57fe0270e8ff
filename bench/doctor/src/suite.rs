//! The order of measurements: a cluster of each size, and in it all subjects in turns.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;
use stanchion_bench_kit::client::{Call, Connection};
use stanchion_bench_kit::cluster::Cluster;
use stanchion_bench_kit::output::progress as say;
use stanchion_bench_kit::progress;
use stanchion_bench_kit::report::{Figure, Report, figure};
use stanchion_bench_kit::stats::as_f64;
use tokio::process::Command;

use crate::args::{Args, Peer};
use crate::command::{self, Cost};
use crate::objects;
use stanchion_bench_kit::size::Size;

const TOOK: Figure = figure("from start to end", "s");
const MEMORY: Figure = figure("resident at most", "MB");
const TOOK_EACH: Figure = figure("time for 1,000 objects", "ms");
const MEMORY_EACH: Figure = figure("memory for 1,000 objects", "MB");
const TO_PEER: Figure = figure("time of stanchion to it", "");
const OBJECTS: Figure = figure("objects", "");
const FINDINGS: Figure = figure("findings", "");
/// What kubectl gets: the kinds that the doctor reads.
const KINDS: &str = "namespaces,nodes,pods,deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,\
                     poddisruptionbudgets,priorityclasses,resourcequotas,services,endpointslices,\
                     persistentvolumeclaims,persistentvolumes,volumeattachments,events";
/// Reports of more than this are cut: it is enough for those of ours.
const KEPT: usize = 64 << 20;
/// The annotation of Nodes that are simulated.
const SIMULATED: &str = "simulation.stanchion.dev/simulated";
/// A finding of the faulty Deployments.
const FAULT: &str = "pods/moving-tag";

pub(crate) async fn run(args: &Args, dir: &Path, report: &mut Report) -> Result<()> {
    for size in &args.sizes {
        let group = format!("{} Nodes, {} Pods", size.nodes, size.pods);
        say(&format!("{group}: start"));
        let cluster = Cluster::start(&args.stanchion, dir, size.nodes).await?;
        fill(args, &cluster, *size).await?;
        for run in 1..=args.runs.get() {
            say(&format!("{group}: run {run} of {}", args.runs));
            measure(args, &cluster, *size, &group, report).await?;
        }
        cluster.stop().await?;
    }
    Ok(())
}

async fn fill(args: &Args, cluster: &Cluster, size: Size) -> Result<()> {
    let mut connection = cluster.connect().await?;
    progress::nodes(&mut connection, size.nodes, args.deadline).await?;
    let real = real_nodes(&mut connection).await?;
    for namespace in objects::namespaces(size, &real) {
        connection.ensure("/api/v1/namespaces", namespace.object).await?;
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", namespace.name);
        for body in namespace.deployments {
            connection.send(Call::new(Method::POST, path.as_str(), body)).await?;
        }
    }
    say("filled; waiting until all Pods are Ready");
    progress::ready(&mut connection, "/apis/apps/v1/deployments", size.pods, args.deadline).await
}

async fn measure(args: &Args, cluster: &Cluster, size: Size, group: &str, report: &mut Report) -> Result<()> {
    let mut doctor = Command::new(&args.stanchion);
    doctor.args(["doctor", "--output", "json", "--kubeconfig"]).arg(cluster.kubeconfig());
    // 3 says that not all could be read: the settings of simulated kubelets cannot.
    let ours =
        command::run(doctor, KEPT, |code| matches!(code, 0 | 1 | 3)).await.context("stanchion doctor")?;
    let found = judge(&ours.written, size)?;
    let all = objects(cluster).await?;
    add(report, group, "stanchion doctor", &ours, all);
    report.add(group, "stanchion doctor", FINDINGS, as_f64(found));
    report.add(group, "stanchion doctor", OBJECTS, as_f64(all));
    for peer in &args.peers {
        let Peer::Kubectl = peer;
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["get", "--all-namespaces", "--output", "json", KINDS, "--kubeconfig"]);
        kubectl.arg(cluster.kubeconfig());
        match command::run(kubectl, 0, |code| code == 0).await {
            Ok(cost) => {
                add(report, group, "kubectl get", &cost, all);
                report.add(group, "kubectl get", TO_PEER, ours.took.as_secs_f64() / cost.took.as_secs_f64());
            }
            // It keeps all that it gets, and may be more than this machine has.
            Err(error) => say(&format!("{group}: kubectl has no figure: {error:#}")),
        }
    }
    Ok(())
}

fn add(report: &mut Report, group: &str, case: &str, cost: &Cost, objects: usize) {
    let (took, thousands) = (cost.took.as_secs_f64(), as_f64(objects) / 1_000.0);
    report.add(group, case, TOOK, took);
    report.add(group, case, MEMORY, cost.memory);
    report.add(group, case, TOOK_EACH, took * 1_000.0 / thousands);
    report.add(group, case, MEMORY_EACH, cost.memory / thousands);
}

/// Makes sure that the diagnosis was one: the faults of every namespace were found, which are one finding each.
fn judge(written: &[u8], size: Size) -> Result<usize> {
    let document: Value = serde_json::from_slice(written).context("the report is not JSON")?;
    let findings = document["findings"].as_array().context("there are no findings")?;
    let faulty = findings.iter().filter(|finding| finding["check"] == FAULT).count();
    let expected = objects::faulty(size);
    ensure!(faulty == expected, "the faults of {faulty} namespaces were found, not of {expected}");
    Ok(findings.len())
}

/// Returns the Nodes on which Pods would be processes.
async fn real_nodes(connection: &mut Connection) -> Result<Vec<String>> {
    let nodes: Value = serde_json::from_slice(&connection.fetch(Call::get("/api/v1/nodes")).await?)?;
    let nodes = nodes["items"].as_array().context("it is not a list")?;
    let real = nodes.iter().filter(|node| node["metadata"]["annotations"][SIMULATED].is_null());
    Ok(real.filter_map(|node| node["metadata"]["name"].as_str()).map(str::to_owned).collect())
}

/// Returns how many objects there are of the kinds that are most.
async fn objects(cluster: &Cluster) -> Result<usize> {
    const PATHS: [&str; 6] = [
        "/api/v1/nodes",
        "/api/v1/pods",
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/replicasets",
        "/apis/coordination.k8s.io/v1/leases",
        "/api/v1/events",
    ];
    let mut connection = cluster.connect().await?;
    let mut all = 0;
    for path in PATHS {
        all += progress::number(&mut connection, &format!("{path}?limit=1")).await?;
    }
    Ok(all)
}
