//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::{Map, Value};
use stanchion_bench_kit::output::Format;
use stanchion_bench_kit::program::seconds;
use stanchion_rehearse::load::Size;

use crate::case::Case;
use crate::plain::Kind;

/// Measures what clients see while a database changes its primary.
///
/// A writer writes a row each 10 ms through one address. What is reported is the longest time between two
/// acknowledgements, and how many acknowledged rows were missing when all were read back. Results go to stdout,
/// progress to stderr.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Our program; without it only the peers are measured. Its throughput is measured if that of plain is, in turns with it
    #[arg(long, value_name = "PATH")]
    pub(crate) stanchion: Option<PathBuf>,

    /// Fields of the spec of our cluster, as JSON: `{"failover": {"heartbeatInterval": "300ms"}}`
    #[arg(long, value_name = "JSON", value_parser = fields)]
    pub(crate) spec: Option<Map<String, Value>>,

    /// Whom to measure ours beside; nobody if no name follows
    #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "patroni,patroni-fastest,plain,plain-alike,plain-encrypted")]
    pub(crate) peers: Vec<Peer>,

    /// What happens; nothing but the throughput is measured if no name follows
    #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "killed,node-killed,frozen,switchover")]
    pub(crate) cases: Vec<Case>,

    /// Under which load
    #[arg(long, value_delimiter = ',', default_value = "none,sysbench")]
    pub(crate) load: Vec<Load>,

    /// How often each case is repeated, and how many turns the throughput is measured in
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroUsize,

    /// How often for peers, which need minutes where ours needs seconds; as often as for ours if not given
    #[arg(long)]
    pub(crate) peer_rounds: Option<NonZeroUsize>,

    /// For how long sysbench loads each subject in a turn when the throughput is measured
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// Connections of sysbench
    #[arg(long, default_value = "8")]
    pub(crate) threads: u32,

    /// After how long without an acknowledgement a round is over
    #[arg(long, default_value = "120", value_parser = seconds)]
    pub(crate) limit: Duration,

    /// Print the timeline of each round
    #[arg(long)]
    pub(crate) timelines: bool,

    /// Where the data directories are created
    #[arg(long, value_name = "PATH", default_value = "target/bench-failover")]
    pub(crate) dir: PathBuf,

    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// Whom to measure ours beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Patroni at its defaults, `HAProxy` with the checks that Patroni's documentation shows.
    Patroni,
    /// Patroni with the shortest times that it takes, `HAProxy` with checks as quick.
    PatroniFastest,
    /// MariaDB with semi-synchronous replicas, set up by hand: only for the throughput.
    Plain,
    /// The same with the other settings of ours, too: nothing but what is ours is missing.
    PlainAlike,
    /// The same with what is replicated encrypted, as ours is.
    PlainEncrypted,
}

impl Peer {
    /// Returns the servers that it is, if it is some that were set up by hand.
    pub(crate) fn plain(self) -> Option<Kind> {
        match self {
            Self::Patroni | Self::PatroniFastest => None,
            Self::Plain => Some(Kind::ByHand),
            Self::PlainAlike => Some(Kind::Alike),
            Self::PlainEncrypted => Some(Kind::Encrypted),
        }
    }
}

/// Under which load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// The writer alone.
    None,
    /// sysbench `oltp_write_only` beside it.
    Sysbench,
}

impl Load {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "writer alone",
            Self::Sysbench => "under load",
        }
    }
}

impl Args {
    /// Returns how often each case is repeated for peers.
    pub(crate) fn peer_rounds(&self) -> usize {
        self.peer_rounds.unwrap_or(self.rounds).get()
    }

    /// Returns whether the throughput is measured: beside whom it is of use.
    pub(crate) fn measures_throughput(&self) -> bool {
        self.peers.iter().any(|peer| peer.plain().is_some())
    }

    pub(crate) fn size(&self) -> Size {
        Size { threads: self.threads, tables: 4, rows: 10_000 }
    }
}

fn fields(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_every_case_for_every_peer() {
        let args = Args::parse_from(["bench"]);
        assert_eq!((args.peers.len(), args.cases.len(), args.load.len()), (5, 4, 2));
        assert!(args.stanchion.is_none());
    }

    #[test]
    fn ours_can_be_measured_alone() {
        let args = Args::parse_from(["bench", "--stanchion", "x", "--peers", "--cases", "killed,frozen"]);
        assert!(args.peers.is_empty());
        assert_eq!(args.cases, [Case::Killed, Case::Frozen]);
        assert_eq!(args.peer_rounds(), args.rounds.get());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            &["--rounds", "0"][..],
            &["--peers", "galera"],
            &["--cases", "luck"],
            &["--limit", "0"],
            &["--spec", "3"],
        ] {
            assert!(Args::try_parse_from([&["bench"], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
