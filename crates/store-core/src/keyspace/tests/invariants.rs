//! What has to hold, whatever happened. The functions are named for what they check.

use proptest::prelude::*;

use super::journal::{MemoryLog, change as change_of};
use super::machine::{Checked, Machine, read_all};
use super::model::Model;
use crate::error::StoreError;
use crate::keyspace::{Change, Keyspace, Pairs};
use crate::record::Record;
use crate::types::{EventKind, Millis, Revision};

/// Checks everything that can be checked between requests.
pub(super) fn invariant_all(machine: &Machine) -> Checked {
    let Machine { keyspace, log, model, .. } = machine;
    invariant_totals_are_the_models(keyspace, model)?;
    invariant_leases_are_the_models(keyspace, model)?;
    invariant_index_counts_its_records(keyspace, log)?;
    invariant_history_is_the_models(keyspace, log, model)
}

/// The revision grows by one with a request that changes a key, and never else; all of it is at that revision.
pub(super) fn invariant_revision_counts_changes(
    keyspace: &Keyspace,
    before: Revision,
    change: &Change,
) -> Checked {
    let expected = if change.events.is_empty() { before } else { before.next() };
    prop_assert_eq!(keyspace.revision(), expected);
    prop_assert!(change.events.iter().all(|event| event.kv.modified == expected));
    Ok(())
}

/// What watches are told is what happened, and what they are told was there before was there.
pub(super) fn invariant_events_are_the_models(
    machine: &Machine,
    before: Revision,
    change: &Change,
) -> Checked {
    let Machine { keyspace, log, model, .. } = machine;
    if change.events.is_empty() {
        return Ok(());
    }
    prop_assert_eq!(&change.events, &model.events_at(before.0 + 1));
    let was = model.state_at(before.0);
    for event in &change.events {
        let kv = &event.kv;
        let found = keyspace.before(&kv.key, kv.modified).map(|location| log.read(location)).transpose()?;
        let readable = before.0 >= model.compacted;
        prop_assert_eq!(found.as_ref(), was.get(&kv.key).filter(|_| readable));
        if event.is_create() {
            prop_assert_eq!(found, None);
        }
    }
    Ok(())
}

/// The numbers that stand for the whole fit.
pub(super) fn invariant_totals_are_the_models(keyspace: &Keyspace, model: &Model) -> Checked {
    prop_assert_eq!(keyspace.revision().0, model.revision);
    prop_assert_eq!(keyspace.compacted().0, model.compacted);
    prop_assert_eq!(keyspace.index().live_keys(), model.state_at(model.revision).len() as u64);
    let mut alarms = model.alarms.clone();
    alarms.sort_by_key(|alarm| *alarm as u8);
    prop_assert_eq!(keyspace.alarms().raised().collect::<Vec<_>>(), alarms);
    Ok(())
}

/// Leases end when they should, in that order, and hold the keys that are bound to them.
pub(super) fn invariant_leases_are_the_models(keyspace: &Keyspace, model: &Model) -> Checked {
    let leases = keyspace.leases();
    let found =
        leases.iter().map(|(id, lease)| (lease.expiry, id, lease.ttl, lease.recorded(), lease.keys.clone()));
    let expected = model.leases.iter();
    let expected =
        expected.map(|(id, lease)| (lease.expiry, *id, lease.ttl, lease.recorded, model.keys_of(*id)));
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    prop_assert_eq!(leases.next_expiry(), expected.first().map(|first| first.0));
    prop_assert_eq!(found.collect::<Vec<_>>(), expected);
    Ok(())
}

/// Every revision that can be read reads as it was; those outside are refused.
pub(super) fn invariant_history_is_the_models(
    keyspace: &Keyspace,
    log: &MemoryLog,
    model: &Model,
) -> Checked {
    for revision in model.compacted.max(1)..=model.revision {
        let expected: Vec<_> = model.state_at(revision).into_values().collect();
        let found = read_all(keyspace, log, revision);
        prop_assert_eq!(found.map(|found| found.kvs), Ok(expected), "at revision {}", revision);
    }
    let future = read_all(keyspace, log, model.revision + 1);
    prop_assert_eq!(future, Err(StoreError::FutureRevision));
    if model.compacted > 1 {
        let compacted = Err(StoreError::Compacted(Revision(model.compacted)));
        prop_assert_eq!(read_all(keyspace, log, model.compacted - 1), compacted);
    }
    Ok(())
}

/// The bytes that the index says are in use are those of the records it points at.
pub(super) fn invariant_index_counts_its_records(keyspace: &Keyspace, log: &MemoryLog) -> Checked {
    let used: u64 = pointed_at(keyspace, log).iter().map(|(_, len)| u64::from(*len)).sum();
    prop_assert_eq!(keyspace.index().bytes(), used);
    Ok(())
}

/// After a whole purge the index points at what can still be read, and at nothing else.
pub(super) fn invariant_purged_index_keeps_what_it_must(machine: &Machine) -> Checked {
    let Machine { keyspace, log, model, .. } = machine;
    let kept: Vec<_> = pointed_at(keyspace, log).into_iter().map(|(kept, _)| kept).collect();
    prop_assert_eq!(kept, model.kept());
    Ok(())
}

/// A restart may give leases some time, but takes none from them.
pub(super) fn invariant_no_lease_lost_time(before: &Keyspace, after: &Keyspace, now: Millis) -> Checked {
    for (id, lease) in before.leases().iter() {
        let left = after.leases().get(id).map(|lease| lease.remaining(now));
        prop_assert!(left >= Some(lease.remaining(now)), "{:?} had {} ms", id, lease.remaining(now));
    }
    Ok(())
}

/// Returns the changes that the index points at, by revision and key, with the lengths of their records.
fn pointed_at(keyspace: &Keyspace, log: &MemoryLog) -> Vec<((i64, bytes::Bytes, EventKind), u32)> {
    let mut found = Vec::new();
    for (record, location) in log.records() {
        let Some((modified, key)) = change_of(&record) else { continue };
        let kind = match record {
            Record::Put { .. } => EventKind::Put,
            _ => EventKind::Delete,
        };
        if keyspace.index().points_at(key, modified, location) {
            found.push(((modified.0, key.clone(), kind), location.len));
        }
    }
    found.sort_by(|((one, one_key, _), _), ((other, other_key, _), _)| {
        (one, one_key).cmp(&(other, other_key))
    });
    found
}
