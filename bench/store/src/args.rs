//! The command line.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::{
    load::ClientKind,
    operation::Operation,
    server::{Kind, Program},
};

/// Measures this project's store and etcd side by side.
///
/// Both servers run on the same disk, fsync on, and are measured in turn by the same client. Results
/// go to stdout, progress to stderr.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Our program
    #[arg(long, value_name = "PATH", default_value = "target/release/stanchion")]
    stanchion: PathBuf,

    /// etcd's program
    #[arg(long, value_name = "PATH", default_value = "etcd")]
    etcd: PathBuf,

    /// How often each measurement is repeated; those of memory and disk at most three times
    #[arg(long, default_value = "5")]
    pub(crate) runs: NonZeroUsize,

    /// Length of one measurement
    #[arg(long, default_value = "3", value_parser = parse_seconds)]
    pub(crate) seconds: Duration,

    /// Numbers of closed-loop clients
    #[arg(long, value_delimiter = ',', default_value = "1,16,100")]
    pub(crate) clients: Vec<NonZeroUsize>,

    /// The most connections the clients may share [default: one for each client]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connections: Option<NonZeroUsize>,

    /// Numbers of watchers
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    pub(crate) watchers: Vec<NonZeroUsize>,

    /// What to measure; operations and watches in this order, each on the store its predecessors left
    #[arg(long, value_delimiter = ',', default_value = "get,range,put,txn,watch,memory,startup")]
    pub(crate) only: Vec<Subject>,

    /// Numbers of keys for memory and disk; the largest is also used for start-up
    #[arg(long, value_delimiter = ',', default_value = "100000,1000000")]
    pub(crate) keys: Vec<u64>,

    /// Where the data directories are created; the disk to be measured
    #[arg(long, value_name = "PATH", default_value = "target/bench-store")]
    pub(crate) dir: PathBuf,

    /// Measure only etcd
    #[arg(long, conflicts_with = "stanchion_only")]
    etcd_only: bool,

    /// Measure only our store
    #[arg(long)]
    stanchion_only: bool,

    /// Which client makes the load; the second one shows what the first one saves
    #[arg(long, value_enum, default_value_t = ClientKind::Lean)]
    pub(crate) client: ClientKind,

    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    Put,
    Get,
    Range,
    Txn,
    Watch,
    Memory,
    Startup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

impl Args {
    /// The servers to measure, in the order of their turns.
    pub(crate) fn programs(&self) -> Vec<Program> {
        let is_wanted = |kind: &Kind| match kind {
            Kind::Stanchion => !self.etcd_only,
            Kind::Etcd => !self.stanchion_only,
        };
        let program = |kind| match kind {
            Kind::Stanchion => Program { kind, path: self.stanchion.clone() },
            Kind::Etcd => Program { kind, path: self.etcd.clone() },
        };
        Kind::ALL.into_iter().filter(is_wanted).map(program).collect()
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.only.iter().filter_map(|subject| subject.operation()).collect()
    }

    pub(crate) fn wants(&self, subject: Subject) -> bool {
        self.only.contains(&subject)
    }

    pub(crate) fn connections_for(&self, clients: NonZeroUsize) -> usize {
        self.connections.map_or(clients, |most| most.min(clients)).get()
    }
}

impl Subject {
    fn operation(self) -> Option<Operation> {
        match self {
            Self::Put => Some(Operation::Put),
            Self::Get => Some(Operation::Get),
            Self::Range => Some(Operation::Range),
            Self::Txn => Some(Operation::Txn),
            Self::Watch | Self::Memory | Self::Startup => None,
        }
    }
}

fn parse_seconds(text: &str) -> Result<Duration> {
    let time = Duration::try_from_secs_f64(text.parse()?)?;
    ensure!(time >= Duration::from_millis(100), "too short to measure anything");
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Args {
        Args::parse_from([&["bench-store"], arguments].concat())
    }

    #[test]
    fn the_default_measures_everything_on_both() {
        let args = parse(&[]);
        assert_eq!(args.programs().len(), 2);
        assert_eq!(args.operations().len(), 4);
        assert!(args.wants(Subject::Watch) && args.wants(Subject::Memory) && args.wants(Subject::Startup));
        assert_eq!(args.connections_for(NonZeroUsize::new(100).unwrap()), 100);
    }

    #[test]
    fn choices_narrow_the_run() {
        let args = parse(&["--etcd-only", "--only", "put,watch", "--connections", "10", "--seconds", "0.5"]);
        assert_eq!(args.programs()[0].kind, Kind::Etcd);
        assert_eq!(args.operations(), [Operation::Put]);
        assert_eq!(args.connections_for(NonZeroUsize::new(100).unwrap()), 10);
        assert_eq!(args.connections_for(NonZeroUsize::MIN), 1);
        assert_eq!(args.seconds, Duration::from_millis(500));
    }

    #[test]
    fn zero_clients_and_no_time_are_refused() {
        assert!(Args::try_parse_from(["bench-store", "--clients", "0"]).is_err());
        assert!(Args::try_parse_from(["bench-store", "--seconds", "0"]).is_err());
    }
}
