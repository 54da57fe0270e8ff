//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    agent, apiserver, completions, crd, databases, db, doctor, down, etcd, explain, node, part, rehearse,
    store, up, version,
};
use crate::output::Output;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  something failed that is none of the below
  2  the command line is wrong
  3  what was checked is not in order: a damaged store, a raised alarm
  4  a server cannot be reached, or refused
  5  the disk is full, cannot be written, or is in use

Data goes to stdout, logs and errors to stderr. NO_COLOR is respected.";

/// Keeps stateful services standing on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "stanchion", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How data is printed.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A Kubernetes of one machine: store, API server and all that makes Pods run, in one process.
    Up(Box<up::Arguments>),
    /// End a cluster that `up` runs, its Pods first; everything is there again with the next `up`.
    Down(down::Down),
    /// End a cluster that `up` runs, and leave nothing of it: processes, mounts, cgroups, files.
    Reset(down::Arguments),
    /// The Kubernetes API over a store of its own, or over an etcd.
    ///
    /// Flags carry kube-apiserver's names and meanings wherever it has the thing.
    Apiserver(Box<apiserver::Arguments>),
    /// The scheduler alone, against any API server.
    Scheduler(part::Scheduler),
    /// The controllers alone, against any API server.
    Controllers(part::Controllers),
    /// A node alone, against any API server: runs the Pods that are bound to it as processes of this machine.
    ///
    /// Flags carry kubelet's names and meanings wherever it has the thing.
    Node(Box<node::Arguments>),
    /// The operator of databases alone, against any API server: makes DatabaseClusters real.
    Operator(Box<databases::Operator>),
    /// The manager of failovers alone, against any API server and any etcd. Of several, one is elected.
    Ha(Box<databases::Manager>),
    /// Look at databases, and change who writes.
    #[command(subcommand)]
    Db(db::Command),
    /// Find what takes databases and clusters down, and say how it is known.
    Doctor(Box<doctor::Arguments>),
    /// Look after an etcd: what it says, what fills it, snapshots, defragmentation.
    #[command(subcommand)]
    Etcd(etcd::Command),
    /// Do harm on purpose, and see what a client sees of it.
    #[command(subcommand)]
    Rehearse(rehearse::Command),
    /// Work on one database in its container.
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Print the definition of DatabaseCluster, for `kubectl apply --server-side -f -`.
    Crd(crd::Arguments),
    /// Say why something is as it is.
    #[command(subcommand)]
    Explain(explain::Command),
    /// The store: a revisioned key-value store that speaks the etcd v3 API.
    #[command(subcommand)]
    Store(store::Command),
    /// Print the version, the commit it was built from, and the API levels it serves.
    Version(version::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
}
