//! redb: a copy-on-write B-tree in one file.

use std::path::Path;

use anyhow::{Context, Result};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use crate::{
    engine::{CACHE_BYTES, Engine, Options, Slot, Visit},
    record::Record,
};

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("revisions");
/// Deletes per transaction; larger than a client batch because nobody waits for them.
const DELETE_BATCH: usize = 10_000;

pub(crate) struct Redb {
    database: Database,
    body: Vec<u8>,
}

impl Engine for Redb {
    type Place = ();

    fn open(dir: &Path, options: Options, visit: &mut Visit<'_, ()>) -> Result<Self> {
        let database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(options.verify)
            .create(dir.join("data.redb"))?;
        let engine = Self { database, body: Vec::new() };
        engine.create_table()?;
        engine.scan(visit)?;
        Ok(engine)
    }

    fn append(&mut self, batch: &[Record<'_>], places: &mut Vec<()>) -> Result<()> {
        let mut txn = self.database.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        {
            let mut table = txn.open_table(TABLE)?;
            for record in batch {
                self.body.clear();
                record.encode_body(&mut self.body)?;
                table.insert(record.revision, self.body.as_slice())?;
                places.push(());
            }
        }
        txn.commit()?;
        Ok(())
    }

    fn read(&self, wanted: &[Slot<()>], visit: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        for slot in wanted {
            let body = table.get(slot.revision)?.context("revision not found")?;
            visit(&Record::decode_body(slot.revision, body.value())?)?;
        }
        Ok(())
    }

    fn reclaim(&mut self, dead: &[u64], _moved: &mut Visit<'_, ()>) -> Result<()> {
        for chunk in dead.chunks(DELETE_BATCH) {
            let txn = self.database.begin_write()?;
            {
                let mut table = txn.open_table(TABLE)?;
                for revision in chunk {
                    table.remove(revision)?;
                }
            }
            txn.commit()?;
        }
        self.database.compact()?;
        Ok(())
    }

    fn close(self) -> Result<()> {
        self.database.close()?;
        Ok(())
    }
}

impl Redb {
    /// Readers fail on a table that was never written, so a new file gets an empty one.
    fn create_table(&self) -> Result<()> {
        let read = self.database.begin_read()?;
        if read.list_tables()?.next().is_some() {
            return Ok(());
        }
        let txn = self.database.begin_write()?;
        txn.open_table(TABLE)?;
        txn.commit()?;
        Ok(())
    }

    fn scan(&self, visit: &mut Visit<'_, ()>) -> Result<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        for entry in table.iter()? {
            let (revision, body) = entry?;
            visit(&Record::decode_body(revision.value(), body.value())?, ())?;
        }
        Ok(())
    }
}
