//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use stanchion_bench_kit::output::Format;
use stanchion_bench_kit::program::seconds;
use stanchion_bench_kit::size::Size;

/// Measures a diagnosis of a large cluster.
///
/// It starts this project's cluster with simulated Nodes, fills it, waits until all Pods are Ready and runs
/// `stanchion doctor` and the peers in turns. Results go to stdout, progress to stderr.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Our program
    #[arg(long, value_name = "PATH", default_value = "target/release/stanchion")]
    pub(crate) stanchion: PathBuf,

    /// Simulated Nodes and Pods, as NODES:PODS
    #[arg(long, value_delimiter = ',', default_value = "1000:10000")]
    pub(crate) sizes: Vec<Size>,

    /// Whom to measure ours beside; nobody if no name follows
    #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "kubectl")]
    pub(crate) peers: Vec<Peer>,

    /// How often everything is repeated
    #[arg(long, default_value = "3")]
    pub(crate) runs: NonZeroUsize,

    /// After how long Pods that are not Ready are given up
    #[arg(long, default_value = "900", value_parser = seconds)]
    pub(crate) deadline: Duration,

    /// Where the data directories are created
    #[arg(long, value_name = "PATH", default_value = "target/bench-doctor")]
    pub(crate) dir: PathBuf,

    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// Whom to measure ours beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// `kubectl get` of the same kinds in all namespaces, as JSON to nowhere: what a script would begin with.
    Kubectl,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_nodes_and_pods() {
        let args = Args::parse_from(["bench", "--sizes", "10:20,5000:100000"]);
        assert_eq!(args.sizes, [Size { nodes: 10, pods: 20 }, Size { nodes: 5000, pods: 100_000 }]);
        for bad in [&["--sizes", "1000"][..], &["--sizes", "0:1"], &["--runs", "0"], &["--peers", "luck"]] {
            assert!(Args::try_parse_from([&["bench"], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
