//! The command line.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use stanchion_bench_kit::output::Format;
use stanchion_bench_kit::program::seconds;

/// Measures an API server of Kubernetes.
///
/// Without --kubeconfig it starts this project's server itself, anew for every run. Results go to stdout, progress to
/// stderr.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Our program
    #[arg(long, value_name = "PATH", default_value = "target/release/stanchion")]
    pub(crate) stanchion: PathBuf,

    /// etcd's program, for the second subject
    #[arg(long, value_name = "PATH", default_value = "etcd")]
    pub(crate) etcd: PathBuf,

    /// What our server keeps the cluster in
    #[arg(long, value_enum, default_value_t = Keeper::Embedded)]
    pub(crate) subject: Keeper,

    /// Measure the server this leads to, which must have nothing of earlier runs, instead of starting one
    #[arg(long, value_name = "FILE", conflicts_with = "subject")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The process of that server on this machine, for its memory and processor time
    #[arg(long, value_name = "PID", requires = "kubeconfig")]
    pub(crate) pid: Option<u32>,

    /// How often everything is repeated, on a new server each time; once on one that runs already
    #[arg(long, default_value = "3")]
    pub(crate) runs: NonZeroUsize,

    /// What to measure
    #[arg(long, value_delimiter = ',', default_value = "startup,memory,requests,list,watch,churn")]
    pub(crate) only: Vec<Case>,

    /// Nodes in the cluster
    #[arg(long, default_value = "1000")]
    pub(crate) nodes: usize,

    /// Pods in the cluster; half of them are created over each version of HTTP
    #[arg(long, default_value = "10000")]
    pub(crate) pods: usize,

    /// Connections that requests are sent over, one at a time on each
    #[arg(long, default_value = "16")]
    pub(crate) connections: NonZeroUsize,

    /// How often each list is asked for
    #[arg(long, default_value = "10")]
    pub(crate) lists: NonZeroUsize,

    /// Watchers of one namespace
    #[arg(long, default_value = "1000")]
    pub(crate) watchers: NonZeroUsize,

    /// Connections that the watchers share
    #[arg(long, default_value = "100")]
    pub(crate) watch_connections: NonZeroUsize,

    /// Changes per second that they are told of
    #[arg(long, default_value = "100")]
    pub(crate) changes: NonZeroUsize,

    /// For how long
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// Pods created and deleted to see whether memory stays; in the first run only
    #[arg(long, default_value = "100000")]
    pub(crate) churn: usize,

    /// How long memory is left to settle before and after: longer than the server keeps changes for watches
    #[arg(long, default_value = "100", value_parser = seconds)]
    pub(crate) settle: Duration,

    /// Where the data directories are created
    #[arg(long, value_name = "PATH", default_value = "target/bench-apiserver")]
    pub(crate) dir: PathBuf,

    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keeper {
    /// Its own store.
    Embedded,
    /// An etcd beside it.
    Etcd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    Startup,
    Memory,
    Requests,
    List,
    Watch,
    Churn,
}

impl Args {
    pub(crate) fn wants(&self, case: Case) -> bool {
        self.only.contains(&case)
    }

    /// Returns in words what is measured.
    pub(crate) fn subject_name(&self) -> String {
        match (&self.kubeconfig, self.subject) {
            (Some(file), _) => format!("the server of {}", file.display()),
            (None, Keeper::Embedded) => "stanchion apiserver over its own store".to_owned(),
            (None, Keeper::Etcd) => "stanchion apiserver over etcd".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_measures_everything() {
        let args = Args::parse_from(["bench"]);
        for case in [Case::Startup, Case::Memory, Case::Requests, Case::List, Case::Watch, Case::Churn] {
            assert!(args.wants(case), "{case:?}");
        }
        assert_eq!(args.subject_name(), "stanchion apiserver over its own store");
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [&["--connections", "0"][..], &["--seconds", "0"], &["--pid", "1"]] {
            assert!(Args::try_parse_from([&["bench"], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
