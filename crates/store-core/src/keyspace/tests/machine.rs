//! Runs a history on the keyspace and on the model, and holds them against each other at every step.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::invariants;
use super::journal::MemoryLog;
use super::model::{Model, holds};
use super::steps::Step;
use crate::keyspace::{Change, Keyspace, Pairs, Scan};
use crate::lease::{Renewal, seconds};
use crate::record::Record;
use crate::request::{Limits, Put, RangeQuery, RangeResult, Txn};
use crate::types::{KeyRange, LeaseId, Millis, Revision};
use crate::{Alarm, StoreError};

/// Whether everything was as it should be.
pub(super) type Checked = Result<(), TestCaseError>;

/// A keyspace with its log, and the model of both.
#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) keyspace: Keyspace,
    pub(super) log: MemoryLog,
    pub(super) model: Model,
    pub(super) now: Millis,
    /// Where the purge goes on.
    purge_from: Box<[u8]>,
    /// How many segments are to be rewritten, and what was besides keys when they were sealed.
    sealed: Option<(usize, Vec<Record>)>,
}

/// Runs a whole history from an empty store; what it came to has to be read the same, and after a restart too.
pub(super) fn run(steps: &[Step]) -> Checked {
    let mut machine = Machine::default();
    for step in steps {
        machine.step(step)?;
    }
    invariants::invariant_all(&machine)?;
    machine.restart()?;
    machine.seal();
    machine.rewrite();
    machine.restart()
}

impl Machine {
    pub(super) fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::Put(put) => self.put(put),
            Step::Delete(delete) => {
                let bound = self.keyspace.delete_bound(delete);
                self.write(
                    bound,
                    |machine, change| machine.keyspace.delete_range(delete, &mut machine.log, change),
                    |model| model.delete_range(delete),
                )
            }
            Step::Txn(txn) => self.txn(txn),
            Step::Range { query, behind, budget } => self.range(query, *behind, *budget),
            Step::Scan { query, budget, meanwhile } => self.scan(query, *budget, meanwhile),
            Step::Compact(revision) => self.write(
                64,
                |machine, _| machine.keyspace.compact(*revision, &mut machine.log),
                |model| model.compact(*revision),
            ),
            Step::Purge { budget } => self.purge(*budget),
            Step::Grant { id, ttl } => {
                let now = self.now;
                self.write(
                    64,
                    |machine, _| machine.keyspace.lease_grant(*id, *ttl, now, &mut machine.log),
                    |model| model.grant(*id, *ttl, now),
                )
            }
            Step::Revoke(id) => self.revoke(*id),
            Step::Renew(id) => self.renew(*id),
            Step::Pass(millis) => {
                self.now += millis;
                Ok(())
            }
            Step::Expire => self.expire(),
            Step::Checkpoint => self.checkpoint(),
            Step::Alarm { alarm, raised } => self.set_alarm(*alarm, *raised),
            Step::Seal => {
                self.seal();
                Ok(())
            }
            Step::Rewrite => {
                self.rewrite();
                invariants::invariant_index_counts_its_records(&self.keyspace, &self.log)
            }
            Step::Restart => self.restart(),
        }
    }

    fn put(&mut self, put: &Put) -> Checked {
        let bound = self.keyspace.put_bound(put);
        self.write(
            bound,
            |machine, change| machine.keyspace.put(put, &mut machine.log, change),
            |model| model.put(put),
        )
    }

    fn txn(&mut self, txn: &Txn) -> Checked {
        if txn.check(&Limits::default()).is_err() {
            return Ok(());
        }
        let newest = self.keyspace.revision();
        let decided = self.keyspace.decide(txn, newest, &self.log);
        prop_assert_eq!(decided, Ok(holds(txn, &self.model.state_at(newest.0))));
        let bound = self.keyspace.txn_bound(txn);
        self.write(
            bound,
            |machine, change| machine.keyspace.txn(txn, &mut machine.log, change),
            |model| model.txn(txn),
        )
    }

    fn revoke(&mut self, id: LeaseId) -> Checked {
        let bound = self.keyspace.revoke_bound(id);
        self.write(
            bound,
            |machine, change| machine.keyspace.lease_revoke(id, &mut machine.log, change),
            |model| model.revoke(id),
        )
    }

    /// Renews a lease, and tells the log where that has to be.
    fn renew(&mut self, id: LeaseId) -> Checked {
        let renewal = self.keyspace.lease_renew(id, self.now);
        if let Some(Renewal { ttl, must_record: true }) = renewal {
            self.keyspace.lease_checkpoint(&[(id, seconds(ttl))], &mut self.log);
        }
        prop_assert_eq!(renewal.map(|renewal| renewal.ttl), self.model.renew(id, self.now));
        invariants::invariant_leases_are_the_models(&self.keyspace, &self.model)
    }

    /// Carries out a request on both sides: they answer the same, and it leaves what it should.
    fn write<T: Debug + PartialEq>(
        &mut self,
        bound: u64,
        real: impl FnOnce(&mut Self, &mut Change) -> Result<T, StoreError>,
        model: impl FnOnce(&mut Model) -> Result<T, StoreError>,
    ) -> Checked {
        let (revision, length) = (self.keyspace.revision(), self.log.len());
        let mut change = Change::default();
        let outcome = real(self, &mut change);
        prop_assert_eq!(&outcome, &model(&mut self.model));
        let appended = (self.log.len() - length) as u64;
        if outcome.is_err() {
            prop_assert_eq!(appended, 0, "a refused request leaves nothing behind");
        }
        prop_assert!(appended <= bound, "{} bytes of records, {} were announced", appended, bound);
        invariants::invariant_revision_counts_changes(&self.keyspace, revision, &change)?;
        invariants::invariant_events_are_the_models(self, revision, &change)?;
        invariants::invariant_totals_are_the_models(&self.keyspace, &self.model)?;
        invariants::invariant_leases_are_the_models(&self.keyspace, &self.model)
    }

    fn range(&self, query: &RangeQuery, behind: i64, budget: usize) -> Checked {
        let newest = (self.keyspace.revision().0 - behind).max(1);
        let found = read(&self.keyspace, &self.log, query, Revision(newest), budget);
        prop_assert_eq!(found, self.model.range(query, newest));
        Ok(())
    }

    /// Reads a range while others write: what they write is not seen.
    fn scan(&mut self, query: &RangeQuery, budget: usize, meanwhile: &[Put]) -> Checked {
        let newest = self.keyspace.revision();
        let expected = self.model.range(query, newest.0);
        let mut scan = match Scan::begin(query.clone(), newest, &self.keyspace) {
            Ok(scan) => scan,
            Err(error) => {
                prop_assert_eq!(Err(error), expected);
                return Ok(());
            }
        };
        let mut puts = meanwhile.iter();
        while !scan.step(&self.keyspace, budget)? {
            if let Some(put) = puts.next() {
                self.put(put)?;
            }
        }
        prop_assert_eq!(complete(scan, &self.log), expected);
        Ok(())
    }

    /// Purges a step; not while a rewrite is under way, which the store sees to as well.
    fn purge(&mut self, budget: usize) -> Checked {
        if self.sealed.is_some() {
            return Ok(());
        }
        let whole = self.purge_from.is_empty();
        let before = self.keyspace.index().bytes();
        let purged = self.keyspace.purge(&self.purge_from, budget);
        prop_assert_eq!(self.keyspace.index().bytes() + purged.freed, before);
        if whole && purged.next.is_none() {
            invariants::invariant_purged_index_keeps_what_it_must(self)?;
        }
        self.purge_from = purged.next.unwrap_or_default();
        invariants::invariant_history_is_the_models(&self.keyspace, &self.log, &self.model)
    }

    fn expire(&mut self) -> Checked {
        let expired = self.keyspace.leases().expired(self.now, usize::MAX);
        prop_assert_eq!(&expired, &self.model.expired(self.now));
        expired.into_iter().try_for_each(|id| self.revoke(id))
    }

    fn checkpoint(&mut self) -> Checked {
        let mut due = self.keyspace.leases().due_checkpoints(self.now, usize::MAX);
        due.sort_unstable();
        prop_assert_eq!(&due, &self.model.checkpoint(self.now));
        self.keyspace.lease_checkpoint(&due, &mut self.log);
        Ok(())
    }

    fn set_alarm(&mut self, alarm: Alarm, raised: bool) -> Checked {
        let changed = self.keyspace.set_alarm(alarm, raised, &mut self.log);
        prop_assert_eq!(changed, self.model.set_alarm(alarm, raised));
        invariants::invariant_totals_are_the_models(&self.keyspace, &self.model)
    }

    fn seal(&mut self) {
        self.sealed = Some((self.log.seal(), self.keyspace.head()));
    }

    fn rewrite(&mut self) {
        if let Some((sealed, head)) = self.sealed.take() {
            self.log.rewrite(sealed, &head, &mut self.keyspace);
        }
    }

    /// Starts anew from the log. Time that passes meanwhile does not count, so none does here.
    fn restart(&mut self) -> Checked {
        let replayed = self.log.replay(self.now).map_err(|error| TestCaseError::fail(error.to_string()))?;
        invariants::invariant_no_lease_lost_time(&self.keyspace, &replayed, self.now)?;
        self.model.restart(self.now);
        self.keyspace = replayed;
        self.purge_from = Box::default();
        self.sealed = None;
        invariants::invariant_purged_index_keeps_what_it_must(self)?;
        invariants::invariant_all(self)
    }
}

/// Reads a range as the store does, `budget` keys at a time.
pub(super) fn read(
    keyspace: &Keyspace,
    pairs: &impl Pairs,
    query: &RangeQuery,
    newest: Revision,
    budget: usize,
) -> Result<RangeResult, StoreError> {
    let mut scan = Scan::begin(query.clone(), newest, keyspace)?;
    while !scan.step(keyspace, budget)? {}
    complete(scan, pairs)
}

fn complete(scan: Scan, pairs: &impl Pairs) -> Result<RangeResult, StoreError> {
    let selection = scan.finish();
    let kvs = selection.hits.iter().map(|hit| match &hit.key {
        Some(key) => Ok(hit.without_value(key.clone())),
        None => pairs.read(hit.version.location),
    });
    let kvs = kvs.collect::<Result<_, _>>()?;
    Ok(selection.into_result(kvs))
}

/// Reads every pair at a revision.
pub(super) fn read_all(
    keyspace: &Keyspace,
    pairs: &impl Pairs,
    revision: i64,
) -> Result<RangeResult, StoreError> {
    let query = RangeQuery { revision: Revision(revision), ..RangeQuery::new(KeyRange::all()) };
    read(keyspace, pairs, &query, keyspace.revision(), usize::MAX)
}
