//! A cluster of Nodes and Pods, made as its parts would make it.

use anyhow::Result;
use http::Method;

use crate::objects;
use stanchion_bench_kit::client::{Call, Client, Connection, Version};
use stanchion_bench_kit::load::{self, Outcome};
use stanchion_bench_kit::process::Process;

/// Of this many Pods in a hundred the containers run: their kubelet has written their status.
const RUNNING: usize = 70;

/// What the parts of the cluster took.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) nodes: Outcome,
    pub(crate) pods: [(Version, Outcome); 2],
    pub(crate) bindings: Outcome,
    pub(crate) statuses: Outcome,
}

pub(crate) async fn make(
    client: &Client,
    server: Process,
    connections: usize,
    nodes: usize,
    pods: usize,
) -> Result<Made> {
    let http1 = client.connect_many(Version::Http1, connections).await?;
    let mut http2 = client.connect_many(Version::Http2, connections).await?;
    namespaces(&mut http2[0]).await?;
    let (http2, made_nodes) = load::run(http2, server, nodes, create_node).await?;
    let half = pods / 2;
    let (http2, second) = load::run(http2, server, half, create_pod).await?;
    let create = move |index| create_pod(half + index);
    let (_http1, first) = load::run(http1, server, pods - half, create).await?;
    let bind = move |index| bind_pod(index, index % nodes.max(1));
    let (http2, bindings) = load::run(http2, server, pods, bind).await?;
    let (_http2, statuses) = load::run(http2, server, pods * RUNNING / 100, patch_status).await?;
    let pods = [(Version::Http2, second), (Version::Http1, first)];
    Ok(Made { nodes: made_nodes, pods, bindings, statuses })
}

/// Makes the namespaces, with the service account that a controller would give them.
pub(crate) async fn namespaces(connection: &mut Connection) -> Result<()> {
    for index in 0..objects::NAMESPACES {
        let name = objects::namespace(index);
        connection.ensure("/api/v1/namespaces", objects::plain("Namespace", &name)).await?;
        let accounts = format!("/api/v1/namespaces/{name}/serviceaccounts");
        connection.ensure(&accounts, objects::plain("ServiceAccount", "default")).await?;
    }
    Ok(())
}

fn create_node(index: usize) -> Call {
    Call { agent: "kubelet/v1.36.0", ..Call::new(Method::POST, "/api/v1/nodes", objects::node(index)) }
}

pub(crate) fn create_pod(index: usize) -> Call {
    let path = format!("/api/v1/namespaces/{}/pods", objects::namespace(index));
    Call::new(Method::POST, path, objects::pod_body(index))
}

fn bind_pod(index: usize, node: usize) -> Call {
    let path = format!("{}/binding", objects::pod_path(index));
    Call { agent: "kube-scheduler/v1.36.0", ..Call::new(Method::POST, path, objects::binding(index, node)) }
}

fn patch_status(index: usize) -> Call {
    let path = format!("{}/status", objects::pod_path(index));
    Call {
        agent: "kubelet/v1.36.0",
        content_type: "application/strategic-merge-patch+json",
        ..Call::new(Method::PATCH, path, objects::status_patch(index))
    }
}

/// Deletes a Pod at once.
pub(crate) fn delete_pod(index: usize) -> Call {
    Call::new(Method::DELETE, format!("{}?gracePeriodSeconds=0", objects::pod_path(index)), "")
}
