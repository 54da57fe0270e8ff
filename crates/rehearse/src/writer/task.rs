//! The task of a writer: connects, writes, notes.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::{Pace, Progress};
use crate::record::Record;
use crate::target::{Failure, Session, Target};

/// So many rows are kept account of: eleven hours of one each 10 ms, in 160 MB.
pub(super) const MOST_ROWS: usize = 4_000_000;

pub(super) struct Task<T> {
    pub(super) target: T,
    pub(super) pace: Pace,
    pub(super) record: Record,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) stop: CancellationToken,
}

impl<T: Target> Task<T> {
    pub(super) async fn run(mut self, session: T::Session) -> Record {
        let mut session = Some(session);
        while !self.stop.is_cancelled() && self.record.rows.len() < MOST_ROWS {
            let began = Instant::now();
            session = match session.take() {
                Some(session) => self.write(session).await,
                None => self.connect().await,
            };
            // A connection that has just been made is written to at once; a failed try is repeated in a moment.
            let next = began + self.pace.interval;
            let is_fresh = session.is_some() && self.progress.borrow().streak == 0;
            if !is_fresh {
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = time::sleep_until(next) => {}
                }
            }
        }
        self.record.end();
        self.record
    }

    async fn connect(&mut self) -> Option<T::Session> {
        match connect(&self.target, &self.pace).await {
            Ok(session) => Some(session),
            Err(failure) => {
                self.fail(&failure);
                None
            }
        }
    }

    /// Writes one row; gives the connection back if it can still be used.
    async fn write(&mut self, mut session: T::Session) -> Option<T::Session> {
        let number = self.record.next_number();
        let sent = Instant::now();
        match answered(self.pace.statement_timeout, session.write(self.record.run, number)).await {
            Ok(()) => {
                let now = Instant::now();
                self.record.acknowledged(sent, now);
                self.progress.send_modify(|progress| {
                    progress.streak += 1;
                    progress.since.get_or_insert(sent);
                    progress.last = Some(now);
                });
                Some(session)
            }
            Err(failure) => {
                self.record.unknown(sent, Instant::now());
                self.fail(&failure);
                None
            }
        }
    }

    fn fail(&mut self, failure: &Failure) {
        let text = failure.chain();
        tracing::debug!(failure = text, "a row was not acknowledged");
        self.record.failed(Instant::now(), text);
        self.progress.send_replace(Progress::default());
    }
}

pub(super) async fn connect<T: Target>(target: &T, pace: &Pace) -> Result<T::Session, Failure> {
    let limit = pace.connect_timeout;
    time::timeout(limit, target.connect()).await.unwrap_or(Err(Failure::ConnectTimeout(limit)))
}

pub(super) async fn answered(
    limit: Duration,
    statement: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    time::timeout(limit, statement).await.unwrap_or(Err(Failure::StatementTimeout(limit)))
}
