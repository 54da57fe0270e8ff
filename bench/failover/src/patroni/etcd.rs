//! The store that Patroni keeps its leader in: one etcd, so that it is not what is measured.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use stanchion_bench_kit::child::Running;

use crate::{http, place};

/// Starts it; returns where clients reach it.
pub(super) async fn start(dir: &Path, address: Ipv4Addr) -> Result<(Running, SocketAddr)> {
    let (client, peer) = (place::free(address)?, place::free(address)?);
    let (client_url, peer_url) = (format!("http://{client}"), format!("http://{peer}"));
    let mut command = Command::new("etcd");
    command.arg("--data-dir").arg(dir.join("etcd"));
    command.args(["--name", "bench", "--initial-cluster", &format!("bench={peer_url}")]);
    command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
    command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
    let mut etcd = Running::start(command, dir.join("etcd.log"))?;
    while http::get(client, "/health").await.map_or(true, |health| health["health"] != "true") {
        etcd.wait().await.context("etcd")?;
    }
    Ok((etcd, client))
}
