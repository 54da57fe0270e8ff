//! Places in a history of transactions.
//!
//! A cluster writes one stream of transactions, domain 0 of MariaDB's global transaction ids. An id is
//! `domain-server-sequence`; a position is the last id of those that somebody holds, who then holds all before it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::topology::Term;

/// The number of a server: of an instance while it follows, of a term while it is primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(pub u32);

/// The number from which on servers stand for terms.
const TERMS: u32 = 1_000;

impl ServerId {
    /// Returns the number under which the primary of a term writes.
    ///
    /// It differs from that of the instance, so that no id is ever given twice: an instance that is promoted, crashes,
    /// loses what nobody acknowledged, and is promoted again, would write another transaction under the same id. It also
    /// lets an instance fetch again what it wrote itself: replicas skip transactions with their own number.
    pub fn of_term(term: Term) -> Self {
        Self(u32::try_from(term.0).unwrap_or(u32::MAX).saturating_add(TERMS))
    }

    /// Returns the term that this number stands for, if it stands for one.
    pub fn term(self) -> Option<Term> {
        (self.0 >= TERMS).then(|| Term(u64::from(self.0 - TERMS)))
    }

    /// Returns whether an instance may have this number.
    pub fn is_of_instance(self) -> bool {
        (1..TERMS).contains(&self.0)
    }
}

/// The id of a transaction: which server wrote it, and its number in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtid {
    /// Who wrote it.
    pub server: ServerId,
    /// Its number; each is higher than the one before.
    pub sequence: u64,
}

/// The last transaction that somebody holds; nothing if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position(pub Option<Gtid>);

/// Text that is no position of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PositionError {
    /// It is not `domain-server-sequence`.
    #[error("{0:?} is no GTID: that is DOMAIN-SERVER-SEQUENCE")]
    Malformed(String),
    /// It has transactions of another stream, which nobody here writes.
    #[error("GTID position {0:?} has a domain other than 0; clusters write domain 0 alone")]
    Domain(String),
}

impl Position {
    /// Before the first transaction.
    pub const START: Self = Self(None);

    /// Returns the number of the last transaction; 0 if there is none.
    pub fn sequence(self) -> u64 {
        self.0.map_or(0, |gtid| gtid.sequence)
    }

    /// Returns the position of one server's transaction.
    pub fn at(server: ServerId, sequence: u64) -> Self {
        Self(Some(Gtid { server, sequence }))
    }

    /// Returns whether who is here holds all that is held at `other`, if both are of one history.
    pub fn reaches(self, other: Self) -> bool {
        self.sequence() >= other.sequence()
    }
}

impl FromStr for Gtid {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let malformed = || PositionError::Malformed(text.to_owned());
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or_else(malformed);
        let (domain, server, sequence) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(malformed());
        }
        let domain: u32 = domain.parse().map_err(|_| malformed())?;
        if domain != 0 {
            return Err(PositionError::Domain(text.to_owned()));
        }
        let server = ServerId(server.parse().map_err(|_| malformed())?);
        let sequence = sequence.parse().map_err(|_| malformed())?;
        Ok(Self { server, sequence })
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        if text.is_empty() { Ok(Self::START) } else { text.parse().map(|gtid| Self(Some(gtid))) }
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0-{}-{}", self.server.0, self.sequence)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |gtid| gtid.fmt(f))
    }
}

impl TryFrom<String> for Gtid {
    type Error = PositionError;

    fn try_from(text: String) -> Result<Self, PositionError> {
        text.parse()
    }
}

impl From<Gtid> for String {
    fn from(gtid: Gtid) -> Self {
        gtid.to_string()
    }
}

impl TryFrom<String> for Position {
    type Error = PositionError;

    fn try_from(text: String) -> Result<Self, PositionError> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

#[cfg(test)]
mod tests;
