//! Defragmentation: live records are copied into a new generation, which then takes over.
//!
//! The new generation is written under a temporary name, synced and renamed; a crash before the
//! rename leaves the old one in force, a crash after it leaves a directory to remove.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Log, Place, replay, sync_dir};
use crate::{engine::Visit, record::Record};

const BATCH_BYTES: usize = 512 << 10;

pub(super) fn generation_dir(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("generation-{generation}"))
}

/// The highest complete generation; creates the first one and removes leftovers.
pub(super) fn current_generation(dir: &Path) -> Result<u64> {
    let mut generations = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.strip_prefix("generation-").map(str::parse::<u64>) {
            Some(Ok(number)) => generations.push(number),
            Some(Err(_)) => std::fs::remove_dir_all(&path)?,
            None => {}
        }
    }
    generations.sort_unstable();
    let Some(current) = generations.pop() else {
        std::fs::create_dir(generation_dir(dir, 1))?;
        sync_dir(dir)?;
        return Ok(1);
    };
    for old in generations {
        std::fs::remove_dir_all(generation_dir(dir, old))?;
    }
    Ok(current)
}

/// Copies what is not in `dead` and switches over.
pub(super) fn rewrite(log: &mut Log, dead: &[u64], moved: &mut Visit<'_, Place>) -> Result<()> {
    let mut copy = Copy::start(log)?;
    let mut dead = dead.iter().peekable();
    for position in 0..log.segments.len() {
        replay::replay(&mut log.segments, position, &mut |record, _| {
            while dead.next_if(|revision| **revision < record.revision).is_some() {}
            if dead.next_if(|revision| **revision == record.revision).is_some() {
                return Ok(());
            }
            copy.push(record, moved)
        })?;
    }
    copy.flush(moved)?;
    copy.take_over(log)
}

/// A record held back until its batch is full.
struct Pending {
    revision: u64,
    body: std::ops::Range<usize>,
}

struct Copy {
    target: Log,
    bytes: Vec<u8>,
    pending: Vec<Pending>,
}

impl Copy {
    fn start(log: &Log) -> Result<Self> {
        let mut target = Log::empty(&log.dir, log.generation + 1, log.options);
        target.dir = log.dir.join("generation-new");
        std::fs::create_dir_all(target.generation_dir())?;
        target.start_segment()?;
        Ok(Self { target, bytes: Vec::new(), pending: Vec::new() })
    }

    fn push(&mut self, record: &Record<'_>, moved: &mut Visit<'_, Place>) -> Result<()> {
        let start = self.bytes.len();
        record.encode_body(&mut self.bytes)?;
        self.pending.push(Pending { revision: record.revision, body: start..self.bytes.len() });
        if self.bytes.len() >= BATCH_BYTES { self.flush(moved) } else { Ok(()) }
    }

    /// Synced when the segment is sealed; nobody reads the copy before that.
    fn flush(&mut self, moved: &mut Visit<'_, Place>) -> Result<()> {
        let records = self
            .pending
            .iter()
            .map(|one| Record::decode_body(one.revision, &self.bytes[one.body.clone()]))
            .collect::<Result<Vec<_>>>()?;
        let mut places = Vec::with_capacity(records.len());
        if !records.is_empty() {
            self.target.write_batch(&records, &mut places)?;
        }
        for (record, place) in records.iter().zip(places) {
            moved(record, place)?;
        }
        self.pending.clear();
        self.bytes.clear();
        Ok(())
    }

    fn take_over(mut self, log: &mut Log) -> Result<()> {
        self.target.active()?.seal()?;
        let staged = self.target.generation_dir();
        let (old, staging) = (log.generation_dir(), log.dir.join("generation-new"));
        let generation = self.target.generation;
        sync_dir(&staged)?;
        std::fs::rename(&staged, generation_dir(&log.dir, generation)).context("switch over")?;
        sync_dir(&log.dir)?;
        log.generation = generation;
        log.segments = replay::open_segments(&log.generation_dir())?;
        std::fs::remove_dir_all(old)?;
        std::fs::remove_dir_all(staging)?;
        sync_dir(&log.dir)
    }
}
