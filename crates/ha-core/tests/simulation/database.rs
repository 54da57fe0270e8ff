//! A database: its log, what of it is committed, what was received and not applied.

use std::collections::BTreeSet;

use stanchion_ha_core::{InstanceName, Position, ServerId, Term};

/// One transaction: who wrote it, its number in the stream, and the client's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) server: ServerId,
    pub(crate) sequence: u64,
    pub(crate) write: u64,
}

impl Transaction {
    pub(crate) fn position(self) -> Position {
        Position::at(self.server, self.sequence)
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) log: Vec<Transaction>,
    /// So many of the log are committed; the rest is prepared.
    pub(crate) committed: usize,
    pub(crate) relay: Vec<Transaction>,
    pub(crate) wrote: bool,
    pub(crate) barred: BTreeSet<InstanceName>,
    /// It may have acknowledged more than it holds, since when, and what it has to receive to be certain again.
    pub(crate) uncertain: bool,
    pub(crate) uncertain_since: u64,
    pub(crate) target: Option<Position>,
    pub(crate) needs_copy: bool,
}

impl Disk {
    pub(crate) fn applied(&self) -> Position {
        self.log.last().map_or(Position::START, |last| last.position())
    }

    pub(crate) fn received(&self) -> Position {
        self.relay.last().or(self.log.last()).map_or(Position::START, |last| last.position())
    }

    pub(crate) fn holds(&self, write: u64) -> bool {
        self.log.iter().chain(&self.relay).any(|transaction| transaction.write == write)
    }
}

/// A connection of a replica's receiver to its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) to: usize,
    pub(crate) acknowledging: bool,
    /// When something came last.
    pub(crate) heard: u64,
}

/// A running database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// The term in which it may write.
    pub(crate) writable: Option<Term>,
    /// Whether commits wait, and from where on.
    pub(crate) requires: Option<Position>,
    pub(crate) link: Option<Link>,
    pub(crate) handed_over: Option<(Term, Position)>,
    /// Commits that wait: their index in the log, and since when.
    pub(crate) waiting: Vec<(usize, u64)>,
    /// Receivers of others that are connected here: connection, whose, acknowledging.
    pub(crate) dumps: Vec<(u64, usize, bool)>,
    pub(crate) barred_at: Position,
    /// It takes no new writes, for it is about to hand over.
    pub(crate) draining: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Process {
    Down { how: String, since: u64 },
    Starting { ready: u64 },
    Up(Live),
}

impl Process {
    pub(crate) fn live(&self) -> Option<&Live> {
        match self {
            Self::Up(live) => Some(live),
            Self::Down { .. } | Self::Starting { .. } => None,
        }
    }

    pub(crate) fn live_mut(&mut self) -> Option<&mut Live> {
        match self {
            Self::Up(live) => Some(live),
            Self::Down { .. } | Self::Starting { .. } => None,
        }
    }
}
