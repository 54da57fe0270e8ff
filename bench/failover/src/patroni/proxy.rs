//! `HAProxy` before the nodes: it asks Patroni who leads, and cuts connections to who does not.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use stanchion_bench_kit::child::Running;

use super::Profile;
use super::node::Node;
use crate::place;

/// Starts it; returns where clients reach it.
pub(super) fn start(
    dir: &Path,
    address: Ipv4Addr,
    profile: &Profile,
    nodes: &[Node],
) -> Result<(Running, SocketAddr)> {
    let socket = place::free(address)?;
    let file = dir.join("haproxy.cfg");
    fs::write(&file, config(socket, profile, nodes))?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&file);
    Ok((Running::start(command, dir.join("haproxy.log"))?, socket))
}

fn config(socket: SocketAddr, profile: &Profile, nodes: &[Node]) -> String {
    let Profile { check, check_timeout, .. } = profile;
    let mut text = format!(
        "global\n  maxconn 400\ndefaults\n  mode tcp\n  retries 2\n  timeout client 30m\n  timeout connect 4s\n  timeout \
         server 30m\n  timeout check {check_timeout}\nlisten primary\n  bind {socket}\n  option httpchk OPTIONS \
         /primary\n  http-check expect status 200\n  default-server {check} on-marked-down shutdown-sessions\n"
    );
    for node in nodes {
        let (name, database, check) = (node.name(), node.database(), node.rest());
        let (host, port) = (place::host(check), check.port());
        writeln!(text, "  server {name} {database} maxconn 100 check addr {host} port {port}")
            .expect("a string takes everything");
    }
    text
}
