//! Reads all rows back and compares them with what the writer has noted.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::time::{self, Instant};

use crate::record::Record;
use crate::target::{Failure, RunId, Session, Stored, Target};

/// So many rows are read, or removed, at a time.
const PAGE: u32 = 10_000;
/// One of the steps of reading back must not take longer.
const STEP_LIMIT: Duration = Duration::from_secs(10);
/// From a failure to the next try.
const PAUSE: Duration = Duration::from_millis(100);
/// So many numbers are named.
const NAMED: usize = 20;

/// Some of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub first: Vec<u64>,
}

impl Numbers {
    fn add(&mut self, number: u64) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(number);
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count.fmt(f)?;
        let named: Vec<String> = self.first.iter().map(u64::to_string).collect();
        match self.count {
            0 => Ok(()),
            count if count > named.len() => write!(f, " ({}, …)", named.join(", ")),
            _ => write!(f, " ({})", named.join(", ")),
        }
    }
}

/// How what is stored compares with what was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Rows that were acknowledged.
    pub acknowledged: usize,
    /// Rows that were acknowledged and are missing.
    pub lost: Numbers,
    /// Rows that were sent once and are there more than once.
    pub twice: Numbers,
    /// Rows that are there and were never sent.
    pub never_sent: Numbers,
    /// Rows of unknown outcome that are there.
    pub unknown_there: usize,
    /// Rows of unknown outcome that are not.
    pub unknown_absent: usize,
}

impl Verdict {
    /// Returns whether the database kept what it promised: nothing lost, doubled or invented.
    pub fn is_clean(&self) -> bool {
        self.lost.count == 0 && self.twice.count == 0 && self.never_sent.count == 0
    }

    fn of(record: &Record, stored: &[Stored]) -> Self {
        let mut copies = vec![0_u8; record.rows.len()];
        let mut verdict = Self::default();
        for Stored { number, .. } in stored {
            match usize::try_from(*number).ok().and_then(|index| copies.get_mut(index)) {
                Some(copies) => *copies = copies.saturating_add(1),
                None => verdict.never_sent.add(*number),
            }
        }
        for ((number, row), copies) in (0..).zip(&record.rows).zip(copies) {
            match (row.acknowledged().is_some(), copies) {
                (true, 0) => verdict.lost.add(number),
                (false, 0) => verdict.unknown_absent += 1,
                (false, _) => verdict.unknown_there += 1,
                (true, _) => {}
            }
            verdict.acknowledged += usize::from(row.acknowledged().is_some());
            if copies > 1 {
                verdict.twice.add(number);
            }
        }
        verdict
    }
}

/// Why rows could not be read back, or removed.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The rows could not be read.
    #[error("cannot read the rows of run {run} back within {within:?}")]
    Read {
        /// Whose rows.
        run: RunId,
        /// The deadline.
        within: Duration,
        /// The last try.
        #[source]
        source: Failure,
    },
    /// The rows could not be removed.
    #[error("cannot remove the rows of run {run} within {within:?}")]
    Remove {
        /// Whose rows.
        run: RunId,
        /// The deadline.
        within: Duration,
        /// The last try.
        #[source]
        source: Failure,
    },
}

/// Reads all rows back through an address, trying again until `within` has passed, and compares.
pub async fn verify<T: Target>(
    target: &T,
    record: &Record,
    within: Duration,
) -> Result<Verdict, VerifyError> {
    let run = record.run;
    let stored = retry(within, async || read_all(target, run).await).await;
    let stored = stored.map_err(|source| VerifyError::Read { run, within, source })?;
    Ok(Verdict::of(record, &stored))
}

/// Removes the rows of a run, trying again until `within` has passed. The table stays.
pub async fn clear<T: Target>(target: &T, run: RunId, within: Duration) -> Result<(), VerifyError> {
    let removed = retry(within, async || remove_all(target, run).await).await;
    removed.map_err(|source| VerifyError::Remove { run, within, source })
}

async fn read_all<T: Target>(target: &T, run: RunId) -> Result<Vec<Stored>, Failure> {
    let mut session = step(target.connect()).await?;
    let mut all: Vec<Stored> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.id);
        let page = step(session.read(run, after, PAGE)).await?;
        let is_last = page.len() < PAGE as usize;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

async fn remove_all<T: Target>(target: &T, run: RunId) -> Result<(), Failure> {
    let mut session = step(target.connect()).await?;
    loop {
        let page = step(session.read(run, 0, PAGE)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        step(session.remove(run, last.id)).await?;
    }
}

async fn step<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    time::timeout(STEP_LIMIT, work).await.unwrap_or(Err(Failure::StatementTimeout(STEP_LIMIT)))
}

async fn retry<T>(within: Duration, work: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let deadline = Instant::now() + within;
    loop {
        match work().await {
            Err(_) if Instant::now() < deadline => time::sleep(PAUSE).await,
            done => return done,
        }
    }
}
