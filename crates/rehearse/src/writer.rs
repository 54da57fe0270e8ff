//! A client that writes numbered rows, one after the other, and notes what became of each.
//!
//! [`Writer`] is the handle; the task in [`task`] owns connection and [`Record`], and gives the record back at the end.

mod task;
#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use self::task::Task;
use crate::record::{Mark, Record};
use crate::target::{Failure, RunId, Session, Target};

/// How a client writes.
#[derive(Clone, Debug)]
pub struct Pace {
    /// From one row to the next; later if the one before is not answered yet.
    pub interval: Duration,
    /// After this long without a connection another one is tried.
    pub connect_timeout: Duration,
    /// After this long without an answer the row's outcome is unknown, and a new connection is tried.
    pub statement_timeout: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(10),
            connect_timeout: Duration::from_millis(250),
            statement_timeout: Duration::from_secs(1),
        }
    }
}

/// What a writer could not do.
#[derive(Debug, Error)]
pub enum WriterError {
    /// The table could not be created.
    #[error("cannot create the table of the rehearsal within {within:?}")]
    Prepare {
        /// The deadline.
        within: Duration,
        /// The last try.
        #[source]
        source: Failure,
    },
    /// Rows were not acknowledged in time.
    #[error("the database did not acknowledge every row {waited_for} within {within:?}")]
    NotWritable {
        /// For how many rows, or for how long.
        waited_for: String,
        /// The deadline.
        within: Duration,
    },
    /// It has written as many rows as it can keep account of.
    #[error("the writer has ended: it keeps account of no more than {} rows", task::MOST_ROWS)]
    Full,
    /// Its task failed.
    #[error("the task of the writer failed")]
    Failed(#[source] tokio::task::JoinError),
}

/// What the task tells its handle after each try.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Rows acknowledged since the last failure.
    streak: u64,
    /// When the first row of the streak was sent.
    since: Option<Instant>,
    /// When the last one was acknowledged.
    last: Option<Instant>,
}

/// A running client. Dropping it ends it.
#[derive(Debug)]
pub struct Writer {
    run: RunId,
    began: Instant,
    marks: Vec<Mark>,
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    task: JoinSet<Record>,
}

impl Writer {
    /// Creates the table, trying again until `within` has passed, and begins to write.
    pub async fn start<T: Target>(target: T, pace: Pace, within: Duration) -> Result<Self, WriterError> {
        let session = prepare(&target, &pace, within).await?;
        let (run, stop) = (RunId::random(), CancellationToken::new());
        let (sender, progress) = watch::channel(Progress::default());
        let record = Record::new(run);
        let began = record.began_instant();
        let task = Task { target, pace, record, progress: sender, stop: stop.clone() };
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run(session));
        Ok(Self { run, began, marks: Vec::new(), progress, stop, task: tasks })
    }

    /// Returns whose rows are whose.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Waits until `rows` rows in a row were acknowledged.
    pub async fn steady(&mut self, rows: u64, within: Duration) -> Result<(), WriterError> {
        let reached = self.reach(within, |progress| progress.streak >= rows).await?;
        reached.ok_or_else(|| WriterError::NotWritable { waited_for: format!("of {rows}"), within })
    }

    /// Notes that something happens now, for the timeline; returns when, for [`Writer::recovered`].
    pub fn mark(&mut self, what: impl Into<String>) -> Instant {
        let now = Instant::now();
        self.marks.push(Mark { at: now - self.began, what: what.into() });
        now
    }

    /// Waits until rows sent after `since` have been acknowledged for as long as `quiet`, none of them failing.
    ///
    /// Where a fault shows late, as one that only stops the manager of a database, `quiet` must be longer than that.
    pub async fn recovered(
        &mut self,
        since: Instant,
        quiet: Duration,
        within: Duration,
    ) -> Result<(), WriterError> {
        let is_quiet = |progress: &Progress| {
            let began = progress.since.map(|began| began.max(since));
            began
                .zip(progress.last)
                .is_some_and(|(began, last)| last.saturating_duration_since(began) >= quiet)
        };
        let reached = self.reach(within, is_quiet).await?;
        reached.ok_or_else(|| WriterError::NotWritable { waited_for: format!("for {quiet:?}"), within })
    }

    /// Ends it, when the row that is under way has been answered or given up, and returns what it has noted.
    pub async fn stop(mut self) -> Result<Record, WriterError> {
        self.stop.cancel();
        let joined = self.task.join_next().await.expect("it is joined only here");
        let mut record = joined.map_err(WriterError::Failed)?;
        record.marks.append(&mut self.marks);
        record.marks.sort_by_key(|mark| mark.at);
        Ok(record)
    }

    async fn reach(
        &mut self,
        within: Duration,
        is_reached: impl Fn(&Progress) -> bool,
    ) -> Result<Option<()>, WriterError> {
        let waiting = self.progress.wait_for(is_reached);
        match time::timeout(within, waiting).await {
            Ok(Ok(_)) => Ok(Some(())),
            Ok(Err(_)) => Err(WriterError::Full),
            Err(_) => Ok(None),
        }
    }
}

async fn prepare<T: Target>(target: &T, pace: &Pace, within: Duration) -> Result<T::Session, WriterError> {
    let deadline = Instant::now() + within;
    loop {
        let source = match task::connect(target, pace).await {
            Ok(mut session) => match task::answered(within, session.prepare()).await {
                Ok(()) => return Ok(session),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        if Instant::now() >= deadline {
            return Err(WriterError::Prepare { within, source });
        }
        time::sleep(pace.interval).await;
    }
}
