use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::record::Outcome;
use crate::target::{Failure, RunId, Session, Stored, Target};
use crate::verdict::{clear, verify};

const LIMIT: Duration = Duration::from_mins(10);

/// How a database in memory behaves.
const GOOD: u8 = 0;
const SILENT: u8 = 1;
const REFUSES: u8 = 2;
/// It acknowledges and forgets.
const LIES: u8 = 3;

/// A database in memory.
#[derive(Clone, Default)]
struct Memory {
    mood: Arc<AtomicU8>,
    rows: Arc<Mutex<BTreeMap<i64, u64>>>,
}

impl Memory {
    fn turn(&self, mood: u8) {
        self.mood.store(mood, Ordering::Relaxed);
    }

    async fn answer(&self) -> Result<(), Failure> {
        match self.mood.load(Ordering::Relaxed) {
            SILENT => std::future::pending().await,
            REFUSES => Err(Failure::Refused(Box::new(io::Error::other("read-only")))),
            _ => Ok(()),
        }
    }
}

impl Target for Memory {
    type Session = Self;

    async fn connect(&self) -> Result<Self, Failure> {
        self.answer().await?;
        Ok(self.clone())
    }
}

impl Session for Memory {
    async fn prepare(&mut self) -> Result<(), Failure> {
        self.answer().await
    }

    async fn write(&mut self, _: RunId, number: u64) -> Result<(), Failure> {
        self.answer().await?;
        if self.mood.load(Ordering::Relaxed) == GOOD {
            let mut rows = self.rows.lock().expect("nobody panics");
            let id = rows.last_key_value().map_or(1, |(id, _)| id + 1);
            rows.insert(id, number);
        }
        Ok(())
    }

    async fn read(&mut self, _: RunId, after: i64, most: u32) -> Result<Vec<Stored>, Failure> {
        let rows = self.rows.lock().expect("nobody panics");
        let rows = rows.range(after + 1..).take(most as usize);
        Ok(rows.map(|(id, number)| Stored { id: *id, number: *number }).collect())
    }

    async fn remove(&mut self, _: RunId, up_to: i64) -> Result<(), Failure> {
        self.rows.lock().expect("nobody panics").retain(|id, _| *id > up_to);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_a_gap_and_loses_nothing() {
    let memory = Memory::default();
    let mut writer = Writer::start(memory.clone(), Pace::default(), LIMIT).await.expect("it starts");
    writer.steady(100, LIMIT).await.expect("it is steady");
    let fault = writer.mark("silence");
    memory.turn(SILENT);
    time::sleep(Duration::from_secs(5)).await;
    memory.turn(GOOD);
    writer.recovered(fault, Duration::from_secs(1), LIMIT).await.expect("it is writable again");
    let record = writer.stop().await.expect("it has a record");
    let gap = record.longest_gap(record.marks[0].at);
    let most = Duration::from_secs(5) + Pace::default().connect_timeout + Duration::from_millis(20);
    assert!(gap.length() >= Duration::from_secs(5) && gap.length() <= most, "{gap:?}");
    let kinds: Vec<&str> = gap.failures.iter().map(|seen| seen.what.as_str()).collect();
    assert_eq!(kinds, ["no answer within 1s", "no connection within 250ms"]);
    let unknown = record.rows.iter().filter(|row| matches!(row.outcome, Outcome::Unknown(_))).count();
    assert_eq!(unknown, 1, "only the row that was under way");
    let verdict = verify(&memory, &record, LIMIT).await.expect("it can be read");
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(verdict.acknowledged, record.rows.len() - 1);
    clear(&memory, record.run, LIMIT).await.expect("it can be cleared");
    assert!(memory.rows.lock().expect("nobody panics").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_database_that_forgets_is_found_out() {
    let memory = Memory::default();
    let mut writer = Writer::start(memory.clone(), Pace::default(), LIMIT).await.expect("it starts");
    writer.steady(10, LIMIT).await.expect("it is steady");
    memory.turn(LIES);
    let since = writer.mark("it lies");
    writer.recovered(since, Duration::from_millis(100), LIMIT).await.expect("it acknowledges");
    let record = writer.stop().await.expect("it has a record");
    let verdict = verify(&memory, &record, LIMIT).await.expect("it can be read");
    assert!(verdict.lost.count >= 10, "{verdict:?}");
}

#[tokio::test(start_paused = true)]
async fn every_wait_has_a_deadline() {
    let memory = Memory::default();
    memory.turn(REFUSES);
    let second = Duration::from_secs(1);
    let error = Writer::start(memory.clone(), Pace::default(), second).await.expect_err("it cannot start");
    assert!(matches!(error, WriterError::Prepare { source: Failure::Refused(_), .. }), "{error:?}");
    memory.turn(GOOD);
    let mut writer = Writer::start(memory.clone(), Pace::default(), LIMIT).await.expect("it starts");
    memory.turn(REFUSES);
    let since = writer.mark("read-only");
    let error = writer.steady(u64::MAX, second).await.expect_err("it is not steady");
    assert!(matches!(error, WriterError::NotWritable { .. }), "{error:?}");
    let error = writer.recovered(since, second, second).await.expect_err("it is not writable");
    assert!(matches!(error, WriterError::NotWritable { .. }), "{error:?}");
    let record = writer.stop().await.expect("it has a record");
    assert_eq!(record.longest_gap(record.marks[0].at).ended_by, None);
    assert_eq!(record.failures[0].what, "refused by the database: read-only");
}
