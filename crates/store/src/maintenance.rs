//! The maintenance thread: ends leases, gives up history, gives space back. One job at a time.
//!
//! That there is one thread is what keeps a purge out of a rewrite, which would bring keys back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stanchion_store_core::batch::{BATCH_HEADER_LEN, SEGMENT_HEADER_LEN};
use stanchion_store_core::{Keyspace, Revision, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::log::{BATCH_BYTES, Log, LogError, RewriteFailure, RewriteOutcome, SEGMENT_BYTES, rewrite};
use crate::metrics::Metrics;
use crate::options::{AutoCompaction, DefragPolicy, Options};
use crate::shared::Shared;
use crate::writer::{Command, Reply};

/// Jobs that may wait.
pub(crate) const QUEUE: usize = 64;
/// How often leases are looked at, as etcd does.
const LEASE_TICK: Duration = Duration::from_millis(500);
/// Leases that are ended, or written down, in one look.
const LEASES_PER_TICK: usize = 500;
/// Keys that a purge visits under one lock.
const PURGE_STEP: usize = 512;
/// Compaction by revisions looks this often, as etcd does.
const REVISION_COMPACTION_TICK: Duration = Duration::from_mins(5);
/// How long the writer may take to answer.
const WRITER_TIMEOUT: Duration = Duration::from_secs(30);

/// Work for the thread.
#[derive(Debug)]
pub(crate) enum Job {
    /// Drop what the newest compaction gave up; tell when it is done.
    Purge(Option<oneshot::Sender<()>>),
    /// Rewrite the log.
    Defragment(Reply<RewriteOutcome>),
    /// Stop.
    Stop,
}

/// The state of the maintenance thread.
pub(crate) struct Housekeeper {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    jobs: mpsc::Receiver<Job>,
    defrag: DefragPolicy,
    next_defrag_look: Instant,
    compactor: Option<Compactor>,
}

impl Housekeeper {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::Sender<Command>,
        jobs: mpsc::Receiver<Job>,
        options: &Options,
    ) -> Self {
        let defrag = options.defrag;
        let next_defrag_look = Instant::now() + defrag.interval;
        let compactor = options.auto_compaction.map(|mode| Compactor::new(mode, Instant::now()));
        Self { shared, commands, jobs, defrag, next_defrag_look, compactor }
    }

    /// Works until a stop is asked for or nobody can ask any more.
    pub(crate) fn run(mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                return self.shared.fail(format!("no timer for the maintenance thread: {error}"));
            }
        };
        let mut next_tick = Instant::now() + LEASE_TICK;
        loop {
            let deadline = tokio::time::Instant::from_std(next_tick);
            let job = runtime.block_on(async { tokio::time::timeout_at(deadline, self.jobs.recv()).await });
            match job {
                Ok(Some(Job::Purge(done))) => {
                    self.purge();
                    // Nobody may be waiting any more.
                    done.map(|done| done.send(()));
                }
                Ok(Some(Job::Defragment(reply))) => drop(reply.send(self.defragment())),
                Ok(Some(Job::Stop) | None) => return,
                Err(_) => {
                    self.tick();
                    next_tick = Instant::now() + LEASE_TICK;
                }
            }
        }
    }

    fn tick(&mut self) {
        self.look_at_leases();
        if let Some(revision) = self.due_compaction() {
            self.compact(revision);
        }
        if Instant::now() >= self.next_defrag_look {
            self.next_defrag_look = Instant::now() + self.defrag.interval;
            self.look_at_free_space();
        }
    }

    fn look_at_leases(&mut self) {
        let now = self.shared.clock.now();
        let (expired, checkpoints) = {
            let keyspace = self.shared.keyspace.read();
            let leases = keyspace.leases();
            (leases.expired(now, LEASES_PER_TICK), leases.due_checkpoints(now, LEASES_PER_TICK))
        };
        let mut answers: Vec<oneshot::Receiver<Result<(), StoreError>>> = Vec::new();
        for id in expired {
            answers.extend(self.send(|reply| Command::LeaseExpire(id, reply)));
        }
        if !checkpoints.is_empty() {
            answers.extend(self.send(|reply| Command::LeaseCheckpoint(checkpoints, reply)));
        }
        for answer in answers {
            if let Ok(Err(error)) = answer.blocking_recv() {
                tracing::debug!(%error, "a lease could not be ended or written down; tried again at the next look");
                return;
            }
        }
    }

    fn due_compaction(&mut self) -> Option<Revision> {
        let compactor = self.compactor.as_mut()?;
        let keyspace = self.shared.keyspace.read();
        compactor.due(Instant::now(), self.shared.visible(), keyspace.compacted())
    }

    fn compact(&mut self, revision: Revision) {
        let outcome = self.ask(|reply| Command::Compact(revision, reply));
        match outcome {
            Ok(_) => {
                tracing::info!(revision = revision.0, "compacted by schedule");
                self.purge();
            }
            Err(error) => tracing::warn!(revision = revision.0, %error, "scheduled compaction failed"),
        }
    }

    fn look_at_free_space(&mut self) {
        let (on_disk, used) = {
            let keyspace = self.shared.keyspace.read();
            (self.shared.log.on_disk(), in_use(&keyspace, &self.shared.log))
        };
        if !self.defrag.applies(on_disk, used, self.shared.quota) {
            return;
        }
        match self.defragment() {
            Ok(outcome) => {
                tracing::info!(before = outcome.before, after = outcome.after, "defragmented by schedule");
            }
            Err(error) => tracing::warn!(%error, "scheduled defragmentation failed"),
        }
    }

    /// Drops what compaction gave up, in steps, so that nobody waits long for the lock.
    fn purge(&self) {
        let begin = Instant::now();
        let mut from: Box<[u8]> = Box::default();
        loop {
            let purged = self.shared.keyspace.write().purge(&from, PURGE_STEP);
            match purged.next {
                Some(next) => from = next,
                None => break,
            }
        }
        Metrics::observe(&self.shared.metrics.compactions, begin.elapsed());
    }

    fn defragment(&self) -> Result<RewriteOutcome, StoreError> {
        let begin = Instant::now();
        self.purge();
        let sealed = self.ask(Command::Seal)?;
        let outcome = rewrite(&self.shared.log, &self.shared.keyspace, sealed.first_tail, &sealed.head);
        Metrics::observe(&self.shared.metrics.defrags, begin.elapsed());
        outcome.map_err(|error| self.rewrite_error(&error))
    }

    /// Says what a failed rewrite means. The old log stays in force, unless the index is half moved.
    fn rewrite_error(&self, failure: &RewriteFailure) -> StoreError {
        let text = failure.error.chain();
        if failure.half_moved {
            let reason = format!("a defragmentation could not be completed: {text}");
            self.shared.fail(reason.clone());
            return StoreError::StorageFailed(reason);
        }
        if failure.error.is_full() {
            return StoreError::DiskFull(format!("{text}; a defragmentation needs room for what is in use"));
        }
        match failure.error {
            LogError::Damaged { .. } | LogError::Record { .. } => StoreError::CorruptRecord(text),
            _ => StoreError::Storage(text),
        }
    }

    fn send<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Option<oneshot::Receiver<Result<T, StoreError>>> {
        let (reply, answer) = oneshot::channel();
        self.commands.blocking_send(command(reply)).ok().map(|()| answer)
    }

    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let answer = self.send(command).ok_or(StoreError::Stopped)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| StoreError::StorageFailed(error.to_string()))?;
        match runtime.block_on(async { tokio::time::timeout(WRITER_TIMEOUT, answer).await }) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Stopped),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

/// Returns about how many bytes a rewrite would leave, but never more than there are.
pub(crate) fn in_use(keyspace: &Keyspace, log: &Log) -> u64 {
    let records = keyspace.index().bytes() + keyspace.leases().len() as u64 * 64;
    let batches = records.div_ceil(BATCH_BYTES as u64) * BATCH_HEADER_LEN as u64;
    let segments = (records.div_ceil(SEGMENT_BYTES) + 1) * SEGMENT_HEADER_LEN as u64;
    (records + batches + segments).min(log.on_disk())
}

/// Decides when history is given up by itself, as etcd's compactor does.
#[derive(Debug)]
struct Compactor {
    mode: AutoCompaction,
    interval: Duration,
    next: Instant,
    /// The newest revision at past looks, oldest first.
    seen: VecDeque<(Instant, Revision)>,
}

impl Compactor {
    fn new(mode: AutoCompaction, now: Instant) -> Self {
        let interval = match mode {
            // etcd looks ten times a period, and compacts at most once an hour's period.
            AutoCompaction::Periodic(period) => (period.min(Duration::from_hours(1)) / 10).max(LEASE_TICK),
            AutoCompaction::Revisions(_) => REVISION_COMPACTION_TICK,
        };
        Self { mode, interval, next: now + interval, seen: VecDeque::new() }
    }

    /// Returns the revision to compact to, if it is time.
    fn due(&mut self, now: Instant, newest: Revision, compacted: Revision) -> Option<Revision> {
        if now < self.next {
            return None;
        }
        self.next = now + self.interval;
        let target = match self.mode {
            AutoCompaction::Revisions(keep) => Revision(newest.0 - keep),
            AutoCompaction::Periodic(period) => self.newest_before(now, newest, period)?,
        };
        (target > compacted && target > Revision::NONE).then_some(target)
    }

    fn newest_before(&mut self, now: Instant, newest: Revision, period: Duration) -> Option<Revision> {
        self.seen.push_back((now, newest));
        let mut target = None;
        while let Some((at, revision)) = self.seen.front().copied() {
            if now.duration_since(at) < period {
                break;
            }
            target = Some(revision);
            self.seen.pop_front();
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_revisions_keeps_the_newest() {
        let begin = Instant::now();
        let mut compactor = Compactor::new(AutoCompaction::Revisions(100), begin);
        let later = begin + REVISION_COMPACTION_TICK;
        assert_eq!(compactor.due(begin, Revision(500), Revision::NONE), None, "not yet");
        assert_eq!(compactor.due(later, Revision(500), Revision::NONE), Some(Revision(400)));
        let later = later + REVISION_COMPACTION_TICK;
        assert_eq!(compactor.due(later, Revision(500), Revision(400)), None, "nothing new");
        let later = later + REVISION_COMPACTION_TICK;
        assert_eq!(compactor.due(later, Revision(90), Revision::NONE), None, "less than is kept");
    }

    #[test]
    fn by_period_keeps_the_time() {
        let begin = Instant::now();
        let period = Duration::from_secs(100);
        let mut compactor = Compactor::new(AutoCompaction::Periodic(period), begin);
        let mut compacted = Revision::NONE;
        for step in 1..=30u32 {
            let now = begin + Duration::from_secs(10) * step;
            if let Some(revision) = compactor.due(now, Revision(i64::from(step)), compacted) {
                compacted = revision;
            }
            let oldest_kept = i64::from(step) - 10;
            assert_eq!(compacted.0, oldest_kept.max(0), "step {step}");
        }
    }
}
