//! fjall: a log-structured merge tree with a journal.

use std::path::Path;

use anyhow::{Context, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::{
    engine::{CACHE_BYTES, Engine, Options, Slot, Visit},
    record::Record,
};

/// Deletes per write batch; larger than a client batch because nobody waits for them.
const DELETE_BATCH: usize = 10_000;

pub(crate) struct Fjall {
    database: Database,
    keyspace: Keyspace,
}

impl Engine for Fjall {
    type Place = ();

    fn open(dir: &Path, _options: Options, visit: &mut Visit<'_, ()>) -> Result<Self> {
        let database = Database::builder(dir).cache_size(CACHE_BYTES as u64).open()?;
        let keyspace = database.keyspace("revisions", KeyspaceCreateOptions::default)?;
        for entry in keyspace.iter() {
            let (key, body) = entry.into_inner()?;
            let revision = u64::from_be_bytes(key.as_ref().try_into().context("key length")?);
            visit(&Record::decode_body(revision, &body)?, ())?;
        }
        Ok(Self { database, keyspace })
    }

    fn append(&mut self, batch: &[Record<'_>], places: &mut Vec<()>) -> Result<()> {
        let mut write = self.database.batch().durability(Some(PersistMode::SyncAll));
        for record in batch {
            let mut body = Vec::with_capacity(64 + record.key.len() + record.value.len());
            record.encode_body(&mut body)?;
            write.insert(&self.keyspace, record.revision.to_be_bytes(), body);
            places.push(());
        }
        write.commit()?;
        Ok(())
    }

    fn read(&self, wanted: &[Slot<()>], visit: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        for slot in wanted {
            let body = self.keyspace.get(slot.revision.to_be_bytes())?.context("revision not found")?;
            visit(&Record::decode_body(slot.revision, &body)?)?;
        }
        Ok(())
    }

    fn reclaim(&mut self, dead: &[u64], _moved: &mut Visit<'_, ()>) -> Result<()> {
        for chunk in dead.chunks(DELETE_BATCH) {
            let mut write = self.database.batch().durability(Some(PersistMode::SyncAll));
            for revision in chunk {
                write.remove(&self.keyspace, revision.to_be_bytes());
            }
            write.commit()?;
        }
        self.settle()?;
        // Hidden from the documentation of fjall 3, and the only call that does this.
        self.keyspace.major_compact()?;
        // The old tables stay on disk until the next flush of anything at all.
        if let Some(revision) = dead.first() {
            self.keyspace.remove(revision.to_be_bytes())?;
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<()> {
        self.keyspace.rotate_memtable_and_wait()?;
        Ok(())
    }

    fn close(self) -> Result<()> {
        self.database.persist(PersistMode::SyncAll)?;
        Ok(())
    }
}
