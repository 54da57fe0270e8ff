//! The writer thread: the only one that changes the keyspace and appends to the log.
//!
//! It takes whatever requests wait, carries them out in memory, makes their records durable with one
//! flush, and only then shows them to readers and watches and answers. While a flush is under way the
//! next requests gather: the more clients, the more requests a flush carries.
//!
//! Room on the disk is taken before a request is carried out, so a full disk refuses it with nothing
//! changed. If writing or flushing fails all the same, what is on the disk is unknown: every later write
//! is refused, readers keep what was durable, and only a restart, which reads the disk, ends that.

mod command;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use stanchion_store_core::{Alarm, Change, Event, Journal, Keyspace, Record, StoreError, quota};
use tokio::sync::mpsc;

pub(crate) use command::{Command, Reply, Sealed};

use crate::log::{Appender, BATCH_BYTES, LogError};
use crate::metrics::Metrics;
use crate::shared::Shared;

/// Requests that may wait for the writer; more are refused, as etcd refuses them past this many.
pub(crate) const QUEUE: usize = 5000;
/// Requests that are carried out under one lock, so that readers wait only shortly.
const LOCK_STEP: usize = 32;
/// Requests that one flush carries at the most.
const MAX_BATCH: usize = 1024;
/// Bytes of records that one request may append: places in a segment have 32 bits.
const MAX_REQUEST_RECORDS: u64 = 1 << 30;
/// Bytes of records that a request appends beyond what its own bound says: an alarm.
const SLACK: u64 = 256;

/// Answers one request when it is known whether its batch is durable.
type Completion = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The state of the writer thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    appender: Appender,
    queue: mpsc::Receiver<Command>,
    batch: Batch,
}

/// Requests that are carried out and not yet durable.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    completions: Vec<Completion>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, appender: Appender, queue: mpsc::Receiver<Command>) -> Self {
        Self { shared, appender, queue, batch: Batch::default() }
    }

    /// Works until every sender is gone or a stop is asked for, then puts the log in order.
    pub(crate) fn run(mut self) {
        let _guard = PanicGuard(Arc::clone(&self.shared));
        while let Some(first) = self.queue.blocking_recv() {
            if !self.round(first) {
                break;
            }
        }
        self.finish();
    }

    /// Carries out what waits, beginning with `first`; returns whether to go on.
    fn round(&mut self, first: Command) -> bool {
        let begin = Instant::now();
        let full = self.appender.roll_if_full().err();
        let mut next = Some(first);
        let mut last = None;
        while next.is_some() {
            next = self.step(next, full.as_ref(), &mut last);
        }
        self.commit(begin);
        match last {
            None => true,
            Some(Command::Seal(reply)) => {
                self.seal(reply);
                true
            }
            Some(_) => false,
        }
    }

    /// Carries out some requests under one lock; returns the one to go on with.
    fn step(
        &mut self,
        mut next: Option<Command>,
        full: Option<&LogError>,
        last: &mut Option<Command>,
    ) -> Option<Command> {
        let shared = Arc::clone(&self.shared);
        let mut keyspace = shared.keyspace.write();
        for _ in 0..LOCK_STEP {
            match next.take() {
                Some(command @ (Command::Seal(_) | Command::Stop)) => {
                    *last = Some(command);
                    return None;
                }
                Some(command) => self.carry_out(command, &mut keyspace, full),
                None => return None,
            }
            let room = self.batch.completions.len() < MAX_BATCH && self.appender.pending() < BATCH_BYTES;
            next = if room { self.queue.try_recv().ok() } else { None };
        }
        next
    }

    fn carry_out(&mut self, command: Command, keyspace: &mut Keyspace, full: Option<&LogError>) {
        if let Err(error) = self.admit(&command, keyspace, full) {
            self.shared.metrics.proposals_failed.inc();
            return self.batch.completions.push(command.refuse(error));
        }
        let before = self.appender.pending();
        let mut change = Change::default();
        let mut context =
            Context { keyspace, appender: &mut self.appender, change: &mut change, shared: &self.shared };
        let (completion, damaged) = command.carry_out(&mut context);
        // Half of a request is in memory and in the batch: neither may become visible.
        if let Some(reason) = damaged
            && self.appender.pending() > before
        {
            self.shared.fail(reason);
        }
        self.batch.events.append(&mut change.events);
        self.batch.completions.push(completion);
    }

    /// Refuses a request for which nothing can be written, and takes room for the others.
    fn admit(
        &mut self,
        command: &Command,
        keyspace: &Keyspace,
        full: Option<&LogError>,
    ) -> Result<(), StoreError> {
        if command.needs_no_disk() {
            return Ok(());
        }
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        if let Some(error) = full {
            return Err(refusal_of(error));
        }
        let bound = command.bound(keyspace) + SLACK;
        if bound > MAX_REQUEST_RECORDS {
            return Err(StoreError::RequestTooLarge);
        }
        self.appender.reserve(bound).map_err(|error| refusal_of(&error))
    }

    /// Makes the batch durable, shows it, and answers.
    fn commit(&mut self, begin: Instant) {
        let Batch { events, completions } = std::mem::take(&mut self.batch);
        let outcome = match self.shared.failure() {
            Some(failure) => Err(failure),
            None => self.flush(events, completions.len()),
        };
        for completion in completions {
            completion(outcome.clone());
        }
        Metrics::observe(&self.shared.metrics.commit, begin.elapsed());
    }

    fn flush(&mut self, events: Vec<Event>, requests: usize) -> Result<(), StoreError> {
        match self.appender.commit() {
            Ok(None) => Ok(()),
            Ok(Some(took)) => {
                let metrics = &self.shared.metrics;
                Metrics::observe(&metrics.fsync, took);
                #[expect(clippy::cast_precision_loss, reason = "a batch has few requests")]
                metrics.batch_size.observe(requests as f64);
                metrics.proposals.inc_by(requests as u64);
                self.shared.commits.fetch_add(1, Ordering::AcqRel);
                let revision = self.shared.keyspace.read().revision();
                self.shared.show(revision);
                metrics.events.inc_by(self.shared.hub.publish(events, revision));
                Ok(())
            }
            Err(error) => {
                let reason = error.chain();
                self.shared.fail(reason.clone());
                Err(StoreError::StorageFailed(reason))
            }
        }
    }

    /// Begins a new segment and tells what the sealed ones amount to besides keys.
    fn seal(&mut self, reply: Reply<Sealed>) {
        let outcome = match self.shared.failure() {
            Some(failure) => Err(failure),
            None => self.appender.roll().map_err(|error| refusal_of(&error)).map(|()| Sealed {
                first_tail: self.appender.number(),
                head: self.shared.keyspace.read().head(),
            }),
        };
        command::answer(reply, outcome);
    }

    /// Refuses what still waits, notes what is left of the leases, marks the end, and gives unused room back.
    fn finish(mut self) {
        self.queue.close();
        while let Ok(command) = self.queue.try_recv() {
            self.batch.completions.push(command.refuse(StoreError::Stopped));
        }
        if self.shared.failure().is_none() {
            self.note_leases();
            self.commit(Instant::now());
            // In a batch of its own, behind everything that was acknowledged.
            if self.appender.reserve(SLACK).is_ok() {
                self.appender.append(&Record::Closed);
            }
        }
        self.commit(Instant::now());
        if let Err(error) = self.appender.give_back_room() {
            tracing::warn!(error = error.chain(), "cannot give back unused room");
        }
    }

    fn note_leases(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut keyspace = shared.keyspace.write();
        let remaining = keyspace.leases().all_remaining(shared.clock.now());
        if self.appender.reserve(remaining.len() as u64 * LEASE_COST).is_ok() {
            keyspace.lease_checkpoint(&remaining, &mut self.appender);
        }
    }
}

/// Has writes refused, and health checks fail, should the writer ever panic.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer thread panicked".to_owned());
        }
    }
}

/// What a request is carried out on.
pub(crate) struct Context<'a> {
    keyspace: &'a mut Keyspace,
    appender: &'a mut Appender,
    change: &'a mut Change,
    shared: &'a Shared,
}

impl Context<'_> {
    /// Refuses a write that costs `cost` when there is no room within the quota.
    fn admit(&mut self, cost: u64) -> Result<(), StoreError> {
        let raised = self.keyspace.alarms().is_raised(Alarm::NoSpace);
        let on_disk = self.shared.log.on_disk() + self.appender.pending() as u64;
        let outcome = self.keyspace.admit(self.shared.quota, on_disk, cost, self.appender);
        if !raised && self.keyspace.alarms().is_raised(Alarm::NoSpace) {
            let quota = self.shared.quota.bytes();
            tracing::warn!(on_disk, quota, "the quota is used up: the NOSPACE alarm is raised");
        }
        outcome
    }
}

/// Returns what a client is told of an error that changed nothing.
fn refusal_of(error: &LogError) -> StoreError {
    if error.is_full() { StoreError::DiskFull(error.chain()) } else { StoreError::Storage(error.chain()) }
}

/// The cost of a lease against the quota.
const LEASE_COST: u64 = quota::LEASE_COST;
