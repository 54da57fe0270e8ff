//! What an etcd cluster says of itself.

mod histogram;
mod keyspace;
mod local;
mod version;

use std::cmp::Reverse;
use std::time::Duration;

pub use histogram::Histogram;
pub use keyspace::{Filler, Keyspace, Largest};
pub use local::{Disk, Settings};
pub use version::Version;

/// etcd's quota where none is set: 2 GiB.
const DEFAULT_QUOTA: u64 = 2 << 30;
/// Entries that a member may be behind and still be up to date.
const BEHIND: u64 = 1_000;

/// What an etcd cluster says of itself.
#[derive(Clone, Debug, Default)]
pub struct Etcd {
    /// All members of the member list, also those that could not be asked.
    pub members: Vec<Member>,
    /// Its alarms.
    pub alarms: Vec<Alarm>,
    /// What its keys are of.
    pub keyspace: Option<Keyspace>,
    /// The newest snapshot that was found and is whole; none if there is none.
    pub snapshot: Option<Snapshot>,
}

/// A member of the member list.
#[derive(Clone, Debug, Default)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started once.
    pub name: String,
    /// Whether it learns and does not vote.
    pub is_learner: bool,
    /// What it says of itself, if it was reached.
    pub status: Option<Status>,
    /// Its metrics, if they were read.
    pub metrics: Option<Metrics>,
    /// How it grows, if that was measured.
    pub growth: Option<Growth>,
    /// With which timeouts it runs, if that was read.
    pub settings: Option<Settings>,
    /// Where its data is, if that is known and on this machine.
    pub disk: Option<Disk>,
}

/// What a member says of itself.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Where it was asked.
    pub endpoint: String,
    /// Its version.
    pub version: String,
    /// The cluster that it is of.
    pub cluster: u64,
    /// The newest revision that it has.
    pub revision: u64,
    /// The size of its database file, with what is free in it.
    pub size: u64,
    /// How much of that is in use; as large as the size where the member does not say.
    pub in_use: u64,
    /// Its quota, where it says one: from 3.6 on.
    pub quota: Option<u64>,
    /// The id of the leader that it knows; 0 for none.
    pub leader: u64,
    /// The term of the leader that it knows.
    pub raft_term: u64,
    /// The last entry of its log.
    pub raft_index: u64,
    /// The last entry that it has applied.
    pub raft_applied: u64,
    /// What it says is wrong with it.
    pub errors: Vec<String>,
}

/// What a member measures. What it does not measure, or not under a name that is known, is none.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Where they were read.
    pub source: String,
    /// Its quota in bytes.
    pub quota: Option<u64>,
    /// How long flushing its log takes.
    pub wal_fsync: Histogram,
    /// How long committing to its database takes.
    pub backend_commit: Histogram,
    /// Its peers, as it sees them.
    pub peers: Vec<Peer>,
    /// The current revision.
    pub revision: Option<u64>,
    /// Up to which revision history was compacted; 0 for never.
    pub compacted: Option<u64>,
    /// How often the leader has changed since it started.
    pub leader_changes: Option<u64>,
    /// When it started, in seconds since the Unix epoch.
    pub started: Option<i64>,
}

/// A peer, as a member sees it.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its id.
    pub id: u64,
    /// Whether a connection to it stands.
    pub is_active: Option<bool>,
    /// How long a message to it and back takes.
    pub round_trip: Histogram,
}

/// How a member grew while it was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// For how long it was watched.
    pub over: Duration,
    /// How much more of its database was in use at the end, or less.
    pub bytes: i64,
}

impl Growth {
    /// A shorter look says nothing: between two compactions of an API server, 5 minutes apart, history only grows.
    pub const SHORTEST: Duration = Duration::from_mins(10);
}

/// An alarm that a member has raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Who raised it.
    pub member: u64,
    /// Which.
    pub kind: AlarmKind,
}

/// Which alarm it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// The database is as large as its quota: the cluster refuses to write.
    NoSpace,
    /// Members hold different data.
    Corrupt,
    /// One that is not known here, by its number.
    Unknown(i32),
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The file.
    pub path: String,
    /// When it was made, in seconds since the Unix epoch.
    pub at: i64,
    /// Its size.
    pub size: u64,
}

/// How large a database may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The quota in bytes.
    pub bytes: u64,
    /// How that is known.
    pub basis: LimitBasis,
}

/// How a quota is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitBasis {
    /// The member said so.
    Status,
    /// Its metrics say so.
    Metric,
    /// Nothing says so; it is what a member takes that was not told.
    Default,
}

impl LimitBasis {
    /// Says how the quota is known.
    pub fn text(self) -> &'static str {
        match self {
            Self::Status => "as the member says",
            Self::Metric => "as its metrics say",
            Self::Default => "the default, as nothing says otherwise",
        }
    }
}

impl Member {
    /// Returns the name, or the id of one that has none yet.
    pub fn label(&self) -> String {
        if self.name.is_empty() { format!("{:x}", self.id) } else { self.name.clone() }
    }

    /// Returns how large the database may become; none if neither its status nor its metrics could tell.
    ///
    /// A status of 0 says nothing: members before 3.6 have no such field, and 3.6.0 to 3.6.5 leave it out where the quota
    /// is the default.
    pub fn limit(&self) -> Option<Limit> {
        let said = self.status.as_ref().and_then(|status| status.quota).filter(|quota| *quota > 0);
        if let Some(bytes) = said {
            return Some(Limit { bytes, basis: LimitBasis::Status });
        }
        Some(match self.metrics.as_ref()?.quota.filter(|quota| *quota > 0) {
            Some(bytes) => Limit { bytes, basis: LimitBasis::Metric },
            None => Limit { bytes: DEFAULT_QUOTA, basis: LimitBasis::Default },
        })
    }
}

impl Etcd {
    /// Returns the leader with what it says, if it says that it leads.
    pub fn leader(&self) -> Option<(&Member, &Status)> {
        self.reached().find(|(member, status)| status.leader == member.id)
    }

    /// Returns whom to ask for a lot: a voting member that is up to date and does not lead, or else the leader.
    pub fn spare(&self) -> Option<(&Member, &Status)> {
        let newest = self.reached().map(|(_, status)| status.raft_applied).max()?;
        let fits = |(member, status): &(&Member, &Status)| {
            !member.is_learner && status.leader != 0 && newest - status.raft_applied <= BEHIND
        };
        let order = |(member, status): &(&Member, &Status)| {
            (status.leader == member.id, Reverse(status.raft_applied), member.id)
        };
        self.reached().filter(fits).min_by_key(order)
    }

    /// Returns the members that said something of themselves, with what they said.
    pub fn reached(&self) -> impl Iterator<Item = (&Member, &Status)> {
        self.members.iter().filter_map(|member| Some((member, member.status.as_ref()?)))
    }

    /// Returns the members whose metrics were read, with them.
    pub fn measured(&self) -> impl Iterator<Item = (&Member, &Metrics)> {
        self.members.iter().filter_map(|member| Some((member, member.metrics.as_ref()?)))
    }

    /// Returns the name of a member.
    pub fn label_of(&self, id: u64) -> String {
        let member = self.members.iter().find(|member| member.id == id);
        member.map_or_else(|| format!("{id:x}"), Member::label)
    }

    /// Returns how many members vote.
    pub fn voters(&self) -> usize {
        self.members.iter().filter(|member| !member.is_learner).count()
    }
}
