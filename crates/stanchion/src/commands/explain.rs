//! `stanchion explain pod NAME`: which nodes a Pod could have, and why not the others.

use anyhow::Context;
use clap::{Args, Subcommand};
use stanchion_scheduler::Explanation;

use crate::commands::remote::Remote;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// What to explain.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Node by node: which filter of the scheduler refuses the Pod, and how the others score.
    Pod(Pod),
}

/// Which Pod.
#[derive(Debug, Args)]
pub(crate) struct Pod {
    /// Its name.
    name: String,
    /// Its namespace; that of the kubeconfig by default.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Explains.
pub(crate) fn run(command: &Command, format: Format) -> Result<(), Failure> {
    let Command::Pod(pod) = command;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let explanation = runtime.block_on(async {
        let (client, default) = pod.remote.client().await?;
        let namespace = pod.namespace.as_deref().unwrap_or(&default);
        let explained = stanchion_scheduler::explain(client, namespace, &pod.name).await;
        explained.map_err(|error| Failure::new(Exit::Unavailable, error))
    })?;
    match format {
        Format::Table => output::text(&table(&explanation)),
        Format::Json | Format::Yaml => output::document(&explanation, format)?,
    }
    Ok(())
}

/// Lays an explanation out for people: those that fit first, the best first.
fn table(explanation: &Explanation) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &str| lines.push(format!("{name:9}  {value}"));
    line("pod", &format!("{}/{}", explanation.namespace, explanation.pod));
    line("node", explanation.node.as_deref().unwrap_or("none"));
    if let Some(nominated) = &explanation.nominated_node {
        line("nominated", nominated);
    }
    if !explanation.gates.is_empty() {
        line("gates", &explanation.gates.join(", "));
    }
    if let Some(message) = &explanation.message {
        line("message", message);
    }
    if let Some(room) = &explanation.room {
        line("room", &format!("on {}, by evicting {}", room.node, room.victims.join(", ")));
    }
    let mut nodes: Vec<_> = explanation.nodes.iter().collect();
    nodes.sort_by(|a, b| (b.fits, b.total, &a.node).cmp(&(a.fits, a.total, &b.node)));
    let width = nodes.iter().map(|node| node.node.len()).max().unwrap_or(0).max("NODE".len());
    if !nodes.is_empty() {
        lines.push(format!("\n{:width$}  {:>5}  {}", "NODE", "SCORE", "WHY"));
    }
    for node in nodes {
        let scores =
            node.scores.iter().map(|score| format!("{} {}x{}", score.plugin, score.value, score.weight));
        let why = match node.filter {
            Some(filter) => format!("{filter}: {}", node.reasons.join(", ")),
            None => scores.collect::<Vec<String>>().join(", "),
        };
        let total = node.total.map_or_else(|| "-".to_owned(), |total| total.to_string());
        lines.push(format!("{:width$}  {total:>5}  {why}", node.node));
    }
    lines.join("\n") + "\n"
}
