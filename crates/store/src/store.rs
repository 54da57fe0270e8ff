//! A store that is open in this process.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use stanchion_store_core::{
    Alarm, Alarms, DeleteRange, DeleteResult, Hit, KeyValue, Keyspace, LeaseId, Limits, OpResult, Put,
    PutResult, Quota, RangeQuery, RangeResult, Record, Revision, Scan, StoreError, Txn, TxnResult,
};
use tokio::sync::{mpsc, oneshot};

use crate::log::{self, Ids, LogError, Recovered, RewriteOutcome, View};
use crate::maintenance::{self, Job};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::random;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::watch::{self, WatchHandle, WatchStream};
use crate::writer::{Command, QUEUE, Reply, Writer};
use crate::{API_VERSION, hash};

/// Keys that a read walks under one lock, so that writers wait only shortly.
const SCAN_STEP: usize = 2048;
/// How often a read of the newest revision begins anew when compactions overtake it.
const SCAN_TRIES: usize = 10;
/// How long it waits in between.
const SCAN_PAUSE: Duration = Duration::from_millis(2);
/// A range with more pairs than this is read on a thread that may block.
const INLINE_PAIRS: usize = 256;
/// Neighbouring records up to this far apart are read at once.
const READ_GAP: u32 = 4096;
/// Bytes that are read at once at the most.
const READ_SPAN: u32 = 512 * 1024;

/// What an open store can tell about itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// Who it is.
    pub ids: Ids,
    /// The newest revision.
    pub revision: Revision,
    /// The compacted revision.
    pub compacted: Revision,
    /// Bytes on disk, free space included.
    pub on_disk: u64,
    /// Bytes that a rewrite would leave.
    pub in_use: u64,
    /// The bound on the bytes on disk.
    pub quota: Quota,
    /// The raised alarms.
    pub alarms: Alarms,
    /// Batches ever made durable; grows as a raft index does.
    pub commits: u64,
    /// Keys that exist.
    pub keys: u64,
    /// Leases that live.
    pub leases: u64,
    /// Why writes are refused, if storage failed.
    pub failure: Option<StoreError>,
}

/// What is left of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Whole seconds left.
    pub remaining: i64,
    /// Its time to live in seconds.
    pub granted: i64,
    /// Its keys, if asked for.
    pub keys: Vec<bytes::Bytes>,
}

/// An open store. Clones share it; the last one to go closes it, without waiting ([`Store::close`] waits).
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    jobs: mpsc::Sender<Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    options: Options,
    recovered: Recovered,
    _lock: File,
}

/// Returned for an open that failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log is missing, damaged or in use.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system gives no thread.
    #[error("cannot start the {name} thread")]
    Thread {
        /// Which.
        name: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl Store {
    /// Opens the store, creating it if there is none: reads the whole log, then starts the threads.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let opened = log::open(Arc::clone(&options.disk), &options.data_dir, options.clock.now())?;
        report(&options.data_dir, &opened.recovered, &opened.keyspace);
        let metrics = Metrics::new(API_VERSION);
        let log = Arc::clone(opened.appender.log());
        let shared =
            Arc::new(Shared::new(opened.keyspace, log, opened.appender.batches(), &options, metrics));
        let (commands, queue) = mpsc::channel(QUEUE);
        let (jobs, job_queue) = mpsc::channel(maintenance::QUEUE);
        let writer = Writer::new(Arc::clone(&shared), opened.appender, queue);
        let housekeeper =
            maintenance::Housekeeper::new(Arc::clone(&shared), commands.clone(), job_queue, &options);
        let threads =
            vec![spawn("store-writer", || writer.run())?, spawn("store-maintenance", || housekeeper.run())?];
        Ok(Self(Arc::new(Inner {
            shared,
            commands,
            jobs,
            threads: Mutex::new(threads),
            options,
            recovered: opened.recovered,
            _lock: opened.lock,
        })))
    }

    /// Closes the store: what is under way is finished, what comes later is refused.
    pub async fn close(&self) {
        let threads = std::mem::take(&mut *self.0.threads.lock());
        self.0.stop().await;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the store panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the store's threads could not be waited for");
        }
    }

    /// Returns what the recovery found when the store was opened.
    pub fn recovered(&self) -> &Recovered {
        &self.0.recovered
    }

    /// Returns what the store was opened with.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Returns the bounds on a request.
    pub fn limits(&self) -> &Limits {
        &self.0.shared.limits
    }

    /// Returns who the store is.
    pub fn ids(&self) -> Ids {
        self.0.shared.ids
    }

    /// Returns the newest revision.
    pub fn revision(&self) -> Revision {
        self.0.shared.visible()
    }

    /// Returns the metrics; those that are not counted as things happen are brought up to date.
    pub fn metrics(&self) -> &Arc<Metrics> {
        let metrics = &self.0.shared.metrics;
        let status = self.status();
        let hub = self.0.shared.hub.counts();
        metrics.db_total.set(status.on_disk);
        metrics.db_in_use.set(status.in_use);
        metrics.quota.set(status.quota.bytes());
        metrics.keys.set(status.keys);
        metrics.revision.set(status.revision.0);
        metrics.compacted.set(status.compacted.0);
        metrics.has_leader.set(u64::from(status.failure.is_none()));
        metrics.leases.set(status.leases);
        metrics.watchers.set(hub.watchers);
        metrics.watch_streams.set(hub.streams);
        metrics.slow_watchers.set(hub.lagging);
        metrics.pending.set((QUEUE - self.0.commands.capacity()) as u64);
        metrics
    }

    /// Returns the metrics as they are.
    pub(crate) fn counters(&self) -> &Arc<Metrics> {
        &self.0.shared.metrics
    }

    /// Returns what the store can tell about itself.
    pub fn status(&self) -> Status {
        let shared = &self.0.shared;
        let keyspace = shared.keyspace.read();
        Status {
            ids: shared.ids,
            revision: shared.visible(),
            compacted: keyspace.compacted(),
            on_disk: shared.log.on_disk(),
            in_use: maintenance::in_use(&keyspace, &shared.log),
            quota: shared.quota,
            alarms: keyspace.alarms(),
            commits: shared.commits.load(Ordering::Acquire),
            keys: keyspace.index().live_keys(),
            leases: keyspace.leases().len() as u64,
            failure: shared.failure(),
        }
    }

    /// Reads a range.
    pub async fn range(&self, query: RangeQuery) -> Result<RangeResult, StoreError> {
        query.check()?;
        // Most reads wait for nothing; a task that only reads must still let others run.
        tokio::task::coop::consume_budget().await;
        self.0.shared.metrics.ranges.inc();
        let newest = query.revision == Revision::NONE;
        for _ in 0..SCAN_TRIES {
            match self.scan(query.clone()).await {
                // A compaction overtook the walk. The newest revision can always be read, so it begins anew.
                Err(StoreError::Compacted(_)) if newest => tokio::time::sleep(SCAN_PAUSE).await,
                outcome => return outcome,
            }
        }
        Err(StoreError::Timeout)
    }

    async fn scan(&self, query: RangeQuery) -> Result<RangeResult, StoreError> {
        let shared = &self.0.shared;
        let mut scan = {
            let keyspace = shared.keyspace.read();
            keyspace.refuse_if_corrupt()?;
            Scan::begin(query, shared.visible(), &keyspace)?
        };
        let mut views = Views::default();
        while !views.step(shared, &mut scan)? {
            tokio::task::yield_now().await;
        }
        let (selection, view) = (scan.finish(), views.into_view());
        let kvs = if selection.hits.len() <= INLINE_PAIRS {
            read_pairs(&view, &selection.hits)?
        } else {
            let hits = selection.hits.clone();
            let read = tokio::task::spawn_blocking(move || read_pairs(&view, &hits));
            read.await.map_err(|_| StoreError::Stopped)??
        };
        Ok(selection.into_result(kvs))
    }

    /// Writes a key.
    pub async fn put(&self, put: Put) -> Result<PutResult, StoreError> {
        put.check()?;
        self.request(|reply| Command::Put(put, reply)).await
    }

    /// Deletes keys.
    pub async fn delete_range(&self, delete: DeleteRange) -> Result<DeleteResult, StoreError> {
        delete.check()?;
        self.request(|reply| Command::Delete(delete, reply)).await
    }

    /// Carries out a transaction.
    pub async fn txn(&self, txn: Txn) -> Result<TxnResult, StoreError> {
        txn.check(&self.0.shared.limits)?;
        if txn.is_read_only() {
            return self.read_only_txn(txn).await;
        }
        self.request(|reply| Command::Txn(txn, reply)).await
    }

    /// Carries out a transaction that only reads, without the writer: every read at one revision.
    async fn read_only_txn(&self, txn: Txn) -> Result<TxnResult, StoreError> {
        let shared = &self.0.shared;
        let (revision, succeeded) = {
            let keyspace = shared.keyspace.read();
            keyspace.refuse_if_corrupt()?;
            let revision = shared.visible();
            (revision, keyspace.decide(&txn, revision, shared.log.view().as_ref())?)
        };
        shared.metrics.txns.inc();
        let ops = if succeeded { txn.success } else { txn.failure };
        let mut results = Vec::with_capacity(ops.len());
        for op in ops {
            if let stanchion_store_core::Op::Range(mut query) = op {
                if query.revision <= Revision::NONE {
                    query.revision = revision;
                }
                let result = self.range(query).await?;
                results.push(OpResult::Range(RangeResult { revision, ..result }));
            }
        }
        Ok(TxnResult { revision, succeeded, results })
    }

    /// Gives up the history below `revision`; returns the newest revision.
    ///
    /// With `physical` the answer comes when the records no longer count as in use.
    pub async fn compact(&self, revision: Revision, physical: bool) -> Result<Revision, StoreError> {
        let newest = self.request(|reply| Command::Compact(revision, reply)).await?;
        let (done, purged) = oneshot::channel();
        let job = Job::Purge(physical.then_some(done));
        self.0.jobs.send(job).await.map_err(|_| StoreError::Stopped)?;
        if physical {
            purged.await.map_err(|_| StoreError::Stopped)?;
        }
        Ok(newest)
    }

    /// Grants a lease, with an id of the store's choice for [`LeaseId::NONE`]; returns id and time to live.
    pub async fn lease_grant(&self, id: LeaseId, ttl: i64) -> Result<(LeaseId, i64), StoreError> {
        let id = if id.is_some() { id } else { LeaseId(random::positive_i64()) };
        let granted = self.request(|reply| Command::LeaseGrant(id, ttl, reply)).await?;
        Ok((id, granted))
    }

    /// Ends a lease and deletes its keys.
    pub async fn lease_revoke(&self, id: LeaseId) -> Result<(), StoreError> {
        self.request(|reply| Command::LeaseRevoke(id, reply)).await
    }

    /// Renews a lease; returns its time to live, or nothing if it is no more.
    pub async fn lease_renew(&self, id: LeaseId) -> Result<Option<i64>, StoreError> {
        self.request(|reply| Command::LeaseRenew(id, reply)).await
    }

    /// Returns what is left of a lease, or nothing if it is no more.
    pub fn lease_time_to_live(&self, id: LeaseId, keys: bool) -> Option<LeaseInfo> {
        let now = self.0.shared.clock.now();
        let keyspace = self.0.shared.keyspace.read();
        let lease = keyspace.leases().get(id).filter(|lease| lease.expiry > now)?;
        Some(LeaseInfo {
            remaining: i64::try_from(lease.remaining(now) / 1000).unwrap_or(i64::MAX),
            granted: lease.ttl,
            keys: if keys { lease.keys.iter().cloned().collect() } else { Vec::new() },
        })
    }

    /// Returns the ids of all leases, the one that ends first in front.
    pub fn leases(&self) -> Vec<LeaseId> {
        self.0.shared.keyspace.read().leases().iter().map(|(id, _)| id).collect()
    }

    /// Raises or disarms an alarm.
    pub async fn set_alarm(&self, alarm: Alarm, raised: bool) -> Result<(), StoreError> {
        self.request(|reply| Command::Alarm(alarm, raised, reply)).await
    }

    /// Opens a stream of watches.
    pub fn watch(&self) -> (WatchHandle, WatchStream) {
        watch::open(&self.0.shared)
    }

    /// Rewrites the log so that only what is of use stays on disk.
    pub async fn defragment(&self) -> Result<RewriteOutcome, StoreError> {
        let (reply, outcome) = oneshot::channel();
        self.0.jobs.send(Job::Defragment(reply)).await.map_err(|_| StoreError::Stopped)?;
        outcome.await.map_err(|_| StoreError::Stopped)?
    }

    /// Takes a snapshot of everything that is durable now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.0.shared.log, self.revision())
    }

    /// Computes etcd's hash of all changes up to `revision` (0: the newest).
    pub async fn hash_kv(&self, revision: Revision) -> Result<hash::KvHash, StoreError> {
        let shared = Arc::clone(&self.0.shared);
        let hashed = tokio::task::spawn_blocking(move || hash::hash_kv(&shared, revision)).await;
        hashed.map_err(|_| StoreError::Stopped)?
    }

    /// Sends a request to the writer and waits for its answer.
    async fn request<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.commands.try_send(command(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::TooManyRequests,
            mpsc::error::TrySendError::Closed(_) => StoreError::Stopped,
        })?;
        match tokio::time::timeout(self.0.options.request_timeout, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Stopped),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

impl Inner {
    /// Asks the threads to stop. The maintenance thread goes first, because it gives the writer work.
    async fn stop(&self) {
        drop(self.jobs.send(Job::Stop).await);
        drop(self.commands.send(Command::Stop).await);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The threads are not waited for, which could be for ever; they stop by themselves.
        drop(self.jobs.try_send(Job::Stop));
        drop(self.commands.try_send(Command::Stop));
    }
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|source| OpenError::Thread { name, source })
}

fn report(dir: &Path, recovered: &Recovered, keyspace: &Keyspace) {
    if let Some((path, offset, bytes)) = &recovered.torn {
        let file = path.display();
        tracing::warn!(%file, offset, bytes, "cut a write that was never acknowledged off the end of the log");
    }
    for path in &recovered.leftovers {
        tracing::info!(file = %path.display(), "removed a file that an interrupted rewrite left");
    }
    tracing::info!(
        data_dir = %dir.display(),
        revision = keyspace.revision().0,
        compacted = keyspace.compacted().0,
        keys = keyspace.index().live_keys(),
        leases = keyspace.leases().len(),
        bytes = recovered.bytes,
        "opened the store"
    );
}

/// The views that were in force while a scan went on; a rewrite may have moved records meanwhile.
#[derive(Default)]
struct Views(Vec<Arc<View>>);

impl Views {
    /// Walks the scan on; returns whether it is over.
    fn step(&mut self, shared: &Shared, scan: &mut Scan) -> Result<bool, StoreError> {
        let keyspace = shared.keyspace.read();
        let over = scan.step(&keyspace, SCAN_STEP)?;
        // Under the lock that the locations were read under, so that all of them are in the view.
        let view = shared.log.view();
        if self.0.last().is_none_or(|last| !Arc::ptr_eq(last, &view)) {
            self.0.push(view);
        }
        Ok(over)
    }

    /// Returns one view that has the segments of all.
    fn into_view(mut self) -> Arc<View> {
        match (self.0.pop(), self.0.as_slice()) {
            (Some(only), []) => only,
            (Some(last), others) => {
                Arc::new(others.iter().fold(View::clone(&last), |all, other| all.merged(other)))
            }
            (None, _) => Arc::default(),
        }
    }
}

/// Reads pairs; records that stand near each other in the log are read together.
fn read_pairs(view: &View, hits: &[Hit]) -> Result<Vec<KeyValue>, StoreError> {
    let mut pairs = Vec::with_capacity(hits.len());
    let mut rest = hits;
    while let Some((first, others)) = rest.split_first() {
        if let Some(key) = &first.key {
            pairs.push(first.without_value(key.clone()));
            rest = others;
            continue;
        }
        let run = run_length(rest);
        read_run(view, &rest[..run], &mut pairs)?;
        rest = &rest[run..];
    }
    Ok(pairs)
}

/// Returns how many of the hits stand behind each other in one segment, close enough to be read at once.
fn run_length(hits: &[Hit]) -> usize {
    let first = hits[0].version.location;
    let mut end = first.offset + first.len;
    let mut length = 1;
    for hit in &hits[1..] {
        let next = hit.version.location;
        let near = hit.key.is_none()
            && next.segment == first.segment
            && next.offset >= end
            && next.offset - end <= READ_GAP;
        if !near || next.offset + next.len - first.offset > READ_SPAN {
            break;
        }
        end = next.offset + next.len;
        length += 1;
    }
    length
}

fn read_run(view: &View, run: &[Hit], pairs: &mut Vec<KeyValue>) -> Result<(), StoreError> {
    let (first, last) = (run[0].version.location, run[run.len() - 1].version.location);
    if run.len() == 1 {
        pairs.push(view.pair(first)?);
        return Ok(());
    }
    let segment = view.segment(first)?;
    let mut bytes = vec![0; (last.offset + last.len - first.offset) as usize];
    segment.file().read_at(&mut bytes, u64::from(first.offset)).map_err(|error| {
        StoreError::CorruptRecord(format!("{}: offset {}: {error}", segment.path().display(), first.offset))
    })?;
    let bytes = bytes::Bytes::from(bytes);
    for hit in run {
        let at = hit.version.location;
        let from = (at.offset - first.offset) as usize;
        let record: Record = segment.decode(&mut bytes.slice(from..from + at.len as usize), at)?;
        pairs.push(segment.pair(record, at)?);
    }
    Ok(())
}
