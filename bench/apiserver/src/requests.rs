//! Requests about single objects.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::cluster::{self, Made};
use crate::figures::{CLIENT_CPU, CREATES, P50, P99, SERVER_CPU, THROUGHPUT};
use crate::objects;
use stanchion_bench_kit::client::{Call, Client, Version};
use stanchion_bench_kit::load::{self, Outcome};
use stanchion_bench_kit::process::Process;
use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::stats;

const GROUP: &str = "Requests";
/// How many requests of a sort are sent.
const COUNT: usize = 10_000;

/// Reports what making the cluster has shown.
pub(crate) fn report_made(made: &Made, report: &mut Report) {
    add(report, "create Nodes, HTTP/2", &made.nodes);
    for (version, outcome) in &made.pods {
        let case = format!("create Pods, {}", version.name());
        report.add(GROUP, &case, CREATES, outcome.per_second);
        add(report, &case, outcome);
    }
    add(report, "bind Pods, HTTP/2", &made.bindings);
    add(report, "patch the status of Pods, HTTP/2", &made.statuses);
}

/// Reads and replaces Pods.
pub(crate) async fn run(
    client: &Client,
    server: Process,
    connections: usize,
    pods: usize,
    report: &mut Report,
) -> Result<()> {
    for version in [Version::Http2, Version::Http1] {
        let open = client.connect_many(version, connections).await?;
        let get = move |index| Call::get(objects::pod_path(index * 7919 % pods));
        let (_open, outcome) = load::run(open, server, COUNT, get).await?;
        add(report, &format!("get Pods, {}", version.name()), &outcome);
    }
    let bodies = Arc::new(replacements(client, pods.min(COUNT)).await?);
    let open = client.connect_many(Version::Http2, connections).await?;
    let count = bodies.len();
    let update = move |index: usize| {
        let (path, body) = &bodies[index];
        Call { agent: "kubectl/v1.36.0", ..Call::new(Method::PUT, path.clone(), body.clone()) }
    };
    let (_open, outcome) = load::run(open, server, count, update).await?;
    add(report, "update Pods, HTTP/2", &outcome);
    Ok(())
}

/// Deletes all Pods.
pub(crate) async fn delete(
    client: &Client,
    server: Process,
    connections: usize,
    pods: usize,
    report: &mut Report,
) -> Result<()> {
    let open = client.connect_many(Version::Http2, connections).await?;
    let (_open, outcome) = load::run(open, server, pods, cluster::delete_pod).await?;
    add(report, "delete Pods, HTTP/2", &outcome);
    Ok(())
}

/// Returns Pods as they are, each with a label more.
async fn replacements(client: &Client, limit: usize) -> Result<Vec<(String, Bytes)>> {
    let mut connection = client.connect(Version::Http2).await?;
    let mut found = Vec::new();
    for index in 0..objects::NAMESPACES {
        let path = format!("/api/v1/namespaces/{}/pods", objects::namespace(index));
        let list: Value = serde_json::from_slice(&connection.fetch(Call::get(path.clone())).await?)?;
        let items = list["items"].as_array().context("a list has no items")?;
        for item in items {
            let mut pod = item.clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["labels"]["tier"] = json!("front");
            let name = pod["metadata"]["name"].as_str().context("a Pod has no name")?;
            found.push((format!("{path}/{name}"), Bytes::from(pod.to_string())));
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn add(report: &mut Report, case: &str, outcome: &Outcome) {
    report.add(GROUP, case, THROUGHPUT, outcome.per_second);
    report.add(GROUP, case, P50, stats::milliseconds(outcome.p50));
    report.add(GROUP, case, P99, stats::milliseconds(outcome.p99));
    let micros = |time| stats::milliseconds(time) * 1e3;
    report.add_known(GROUP, case, SERVER_CPU, outcome.server_cpu.map(micros));
    report.add_known(GROUP, case, CLIENT_CPU, outcome.client_cpu.map(micros));
}
