//! An engine with the index over it.

use std::path::Path;

use anyhow::Result;

use crate::{
    engine::{Engine, Options, Slot},
    index::Index,
    record::Record,
    workload,
};

pub(crate) struct Store<E: Engine> {
    pub(crate) engine: E,
    pub(crate) index: Index<E::Place>,
    revision: u64,
    places: Vec<E::Place>,
}

impl<E: Engine> Store<E> {
    /// Opens the engine and rebuilds the index from everything it holds.
    pub(crate) fn open(dir: &Path, options: Options) -> Result<Self> {
        let (mut index, mut last) = (Index::new(), 0);
        let engine = E::open(dir, options, &mut |record, place| {
            last = last.max(record.revision);
            index.insert(record.key, Slot { revision: record.revision, place });
            Ok(())
        })?;
        Ok(Self { engine, index, revision: last, places: Vec::new() })
    }

    /// One group commit: a new revision for each of the numbered keys.
    pub(crate) fn commit(&mut self, keys: &[usize]) -> Result<()> {
        let first = self.revision + 1;
        let stored: Vec<_> = (first..)
            .zip(keys)
            .map(|(revision, number)| (revision, workload::key(*number), workload::value(revision)))
            .collect();
        let batch: Vec<_> = stored
            .iter()
            .map(|(revision, key, value)| Record {
                revision: *revision,
                create_revision: *revision,
                version: 1,
                lease: 0,
                key: key.as_bytes(),
                value,
            })
            .collect();
        self.places.clear();
        self.engine.append(&batch, &mut self.places)?;
        for (record, place) in batch.iter().zip(&self.places) {
            self.index.insert(record.key, Slot { revision: record.revision, place: *place });
        }
        self.revision += batch.len() as u64;
        Ok(())
    }

    pub(crate) fn commit_all(&mut self, order: &[usize], batch: usize) -> Result<()> {
        order.chunks(batch).try_for_each(|keys| self.commit(keys))
    }

    /// Drops all superseded revisions and gives their space back.
    pub(crate) fn reclaim(&mut self) -> Result<()> {
        let dead = self.index.take_superseded();
        let index = &mut self.index;
        self.engine.reclaim(&dead, &mut |record, place| {
            index.relocate(record.key, Slot { revision: record.revision, place })
        })
    }
}
