//! The damage test's two halves that run in a process of their own.

use std::path::Path;

use anyhow::Result;

use crate::{
    engine::{Engine, Options},
    store::Store,
    workload,
};

/// Small segments, so that a small data set has several.
const SEGMENT_BYTES: u64 = 1 << 20;
const BATCH: usize = 100;

/// Writes a small data set; `settle` moves it out of the journal.
pub(crate) fn prepare<E: Engine>(dir: &Path, keys: usize, settle: bool) -> Result<()> {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::DEFAULT };
    let mut store = Store::<E>::open(dir, options)?;
    store.commit_all(&workload::shuffled(keys, 1, 1), BATCH)?;
    if settle {
        store.engine.settle()?;
    }
    store.engine.close()
}

/// Opens possibly damaged data, reads all of it and says what is missing or wrong.
pub(crate) fn probe<E: Engine>(dir: &Path, expected: usize, verify: bool) -> Result<()> {
    let (mut found, mut wrong) = (0_usize, 0_usize);
    let options = Options { segment_bytes: SEGMENT_BYTES, verify, ..Options::DEFAULT };
    let engine = E::open(dir, options, &mut |record, _| {
        found += 1;
        wrong += usize::from(record.value != workload::value(record.revision));
        Ok(())
    })?;
    println!("lost={}", expected.saturating_sub(found));
    println!("wrong={wrong}");
    for note in engine.notes() {
        println!("note={note}");
    }
    engine.close()
}
