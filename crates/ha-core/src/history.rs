//! Which transactions belong to a cluster.
//!
//! A term's primary writes one stretch of the stream, from where it was promoted to where the next one was, under a server
//! number of its term. So the last id that an instance holds says whether all it holds belongs: that id was written in
//! the term of its stretch.
//!
//! ```text
//!   era of term 1, server 1001     era of term 2, server 1002
//!   |------------------------------|--------------------------->
//!   base 0                         base 104
//!                                   \ 0-1001-105: diverged, it was written in term 1 behind the end of its era
//! ```

use serde::{Deserialize, Serialize};

use crate::position::{Position, ServerId};
use crate::topology::Term;

/// As many eras are kept; who holds nothing newer is cloned anew.
const KEPT: usize = 64;

/// What one primary wrote in one term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Era {
    /// The term.
    pub term: Term,
    /// What the primary held when it was promoted: the end of the era before.
    pub base: Position,
}

/// The eras of a cluster, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<Era>);

/// Whether what an instance holds belongs to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Containment {
    /// All of it.
    Contained,
    /// It holds transactions behind this position that do not.
    Diverged {
        /// The last position that it surely shares.
        after: Position,
    },
    /// It is older than the eras that are remembered.
    TooOld,
}

impl Era {
    /// Returns the number under which its primary writes.
    pub fn server(&self) -> ServerId {
        ServerId::of_term(self.term)
    }
}

impl History {
    /// Returns the eras, oldest first.
    pub fn eras(&self) -> &[Era] {
        &self.0
    }

    /// Returns the newest era.
    pub fn newest(&self) -> Option<&Era> {
        self.0.last()
    }

    /// Returns where the newest era begins.
    pub fn base(&self) -> Position {
        self.newest().map_or(Position::START, |era| era.base)
    }

    /// Begins an era.
    ///
    /// The eras behind `base` go: nothing of theirs is part of the history. That happens when somebody was promoted who
    /// holds less than the primary before it held at its promotion.
    pub fn begin(&mut self, era: Era) {
        self.0.retain(|old| old.base.sequence() <= era.base.sequence());
        self.0.push(era);
        let excess = self.0.len().saturating_sub(KEPT);
        self.0.drain(..excess);
    }

    /// Says whether what is held at `position` belongs. Before the first era nothing is known that it could differ from.
    pub fn contains(&self, position: Position) -> Containment {
        let Some(gtid) = position.0 else { return Containment::Contained };
        let Some(first) = self.0.first() else { return Containment::Contained };
        if gtid.sequence <= first.base.sequence() {
            let at_base = first.base.0 == Some(gtid);
            return if at_base { Containment::Contained } else { Containment::TooOld };
        }
        // The last era that begins before the transaction is the one that it must be of.
        let of = self.0.iter().rposition(|era| era.base.sequence() < gtid.sequence).unwrap_or(0);
        if self.0[of].server() == gtid.server {
            return Containment::Contained;
        }
        // It shares at most what the era has in which it was written, up to where the next one begins.
        let own =
            self.0.iter().rposition(|era| era.server() == gtid.server && era.base.sequence() < gtid.sequence);
        let after = own.and_then(|own| self.0.get(own + 1)).map_or(first.base, |next| next.base);
        Containment::Diverged { after }
    }
}

#[cfg(test)]
mod tests;
