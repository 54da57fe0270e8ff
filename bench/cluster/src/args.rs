//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use stanchion_bench_kit::cluster::Cluster;
use stanchion_bench_kit::output::Format;
use stanchion_bench_kit::program::seconds;
use stanchion_bench_kit::size::Size;

/// Measures a whole cluster of Kubernetes.
///
/// Without --kubeconfig it starts this project's cluster itself, anew for every measurement. Results go to stdout,
/// progress to stderr.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Our program
    #[arg(long, value_name = "PATH", default_value = "target/release/stanchion")]
    pub(crate) stanchion: PathBuf,

    /// Measure the cluster this leads to, which must have as many Nodes as the size says, instead of starting one
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// How often everything is repeated
    #[arg(long, default_value = "3")]
    pub(crate) runs: NonZeroUsize,

    /// What to measure; on a cluster that runs already, only from apply until all are bound
    #[arg(long, value_delimiter = ',', default_value = "started,rest,bound")]
    pub(crate) only: Vec<Case>,

    /// Simulated Nodes and Pods, as NODES:PODS
    #[arg(long, value_delimiter = ',', default_value = "1000:5000")]
    pub(crate) sizes: Vec<Size>,

    /// What the Pods ask for
    #[arg(long, value_delimiter = ',', default_value = "plain")]
    pub(crate) ask: Vec<Ask>,

    /// For how long a cluster at rest is looked at
    #[arg(long, default_value = "30", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// How long it is left to settle before
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub(crate) settle: Duration,

    /// After how long Pods that are not bound, or Nodes that are not Ready, are given up
    #[arg(long, default_value = "600", value_parser = seconds)]
    pub(crate) deadline: Duration,

    /// Where the data directories are created
    #[arg(long, value_name = "PATH", default_value = "target/bench-cluster")]
    pub(crate) dir: PathBuf,

    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// From the start of the process to a Ready Pod.
    Started,
    /// While nothing happens.
    Rest,
    /// From apply until all Pods are bound.
    Bound,
}

/// What the Pods ask for, besides processor and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ask {
    /// Nothing: replicas are spread by the scheduler's defaults.
    Plain,
    /// Zones evenly, whatever it takes, and Nodes evenly if possible.
    Spread,
    /// No Node with another replica: several Deployments, each with as many replicas as half of the Nodes.
    AntiAffinity,
}

impl Ask {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Spread => "strict zone spread",
            Self::AntiAffinity => "anti-affinity",
        }
    }
}

impl Args {
    pub(crate) fn wants(&self, case: Case) -> bool {
        self.only.contains(&case)
    }

    /// Starts a cluster with simulated Nodes, or finds the one to measure.
    pub(crate) async fn cluster(&self, dir: &Path, nodes: usize) -> Result<Cluster> {
        match &self.kubeconfig {
            Some(kubeconfig) => Cluster::running(kubeconfig),
            None => Cluster::start(&self.stanchion, dir, nodes).await,
        }
    }

    /// Returns in words what is measured.
    pub(crate) fn subject_name(&self) -> String {
        self.kubeconfig
            .as_ref()
            .map_or_else(|| "stanchion up".to_owned(), |file| format!("the cluster of {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_measures_everything() {
        let args = Args::parse_from(["bench"]);
        assert!([Case::Started, Case::Rest, Case::Bound].into_iter().all(|case| args.wants(case)));
        assert_eq!(args.sizes, [Size { nodes: 1000, pods: 5000 }]);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [&["--sizes", "1000"][..], &["--sizes", "0:1"], &["--runs", "0"], &["--ask", "luck"]] {
            assert!(Args::try_parse_from([&["bench"], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
