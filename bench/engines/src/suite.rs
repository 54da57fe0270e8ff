//! The whole run: engines take turns, so that a noisy minute hits all of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;

use crate::{
    child::{Figures, measure},
    damage,
    engine::Ahead,
    machine::{self, disk_bytes, file_lengths},
    table::{ENGINES, Table},
};

const KEYS: usize = 1_000_000;
/// Load batches: larger than the 100 of a busy server, to keep the run short.
const LOAD_BATCH: usize = 1000;
const COMMIT_MILLIS: usize = 800;
const READ_MILLIS: usize = 600;
const RUNS: usize = 5;
const COMMIT_RUNS: usize = 5;
/// Keys of the overwrite test, four revisions each.
const OVERWRITE_KEYS: usize = 500_000;
const RECLAIM_RUNS: usize = 3;
const FLIPS: usize = 40;
const MB: f64 = 1e6;

pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    let dir = tempfile::Builder::new().prefix("engines-").tempdir()?;
    println!("{}; load average at the start {}\n", machine::describe(dir.path())?, machine::load_average());
    let mut table = Table::new(&ENGINES);
    commits(dir.path(), &mut table)?;
    loads(dir.path(), &mut table)?;
    reclaims(dir.path(), &mut table)?;
    table.print();
    ways_ahead(dir.path())?;
    damage::run(dir.path(), FLIPS)?;
    println!(
        "\n{:.0} s in all; load average at the end {}",
        start.elapsed().as_secs_f64(),
        machine::load_average()
    );
    dir.close()?;
    Ok(())
}

fn commits(dir: &Path, table: &mut Table) -> Result<()> {
    for batch in [1, 16, 100] {
        for run in 0..COMMIT_RUNS {
            for engine in turns(run) {
                let data = fresh(dir, engine)?;
                let figures = measure("commit", engine, &data, &[batch, COMMIT_MILLIS, 0])?;
                let mut row = Rows { table, engine, figures: &figures };
                row.add("commits", 1.0, &format!("commits/s, batch of {batch}"));
                row.add("records", 1.0, &format!("records/s, batch of {batch}"));
                row.add("written", 1.0, &format!("bytes written per record, batch of {batch}"));
            }
        }
    }
    Ok(())
}

/// How the log gets its space decides what a sync has to do.
fn ways_ahead(dir: &Path) -> Result<()> {
    // `fallocate` is what the log above uses, so the others are compared with it.
    let columns: Vec<_> = Ahead::ALL.iter().rev().map(|(name, _)| *name).collect();
    let mut table = Table::new(&columns);
    for batch in [1, 16, 100] {
        for _ in 0..RUNS {
            for (way, (name, _)) in Ahead::ALL.iter().enumerate() {
                let data = fresh(dir, "log")?;
                let figures = measure("commit", "log", &data, &[batch, COMMIT_MILLIS / 2, way])?;
                let mut row = Rows { table: &mut table, engine: name, figures: &figures };
                row.add("commits", 1.0, &format!("commits/s, batch of {batch}"));
            }
        }
    }
    println!("\n## Space ahead of the log's writes, 4 MiB at a time\n");
    table.print();
    Ok(())
}

fn loads(dir: &Path, table: &mut Table) -> Result<()> {
    for run in 0..RUNS {
        for engine in turns(run) {
            let data = fresh(dir, engine)?;
            load(engine, &data, table)?;
            restart(engine, &data, table)?;
            read(engine, &data, table)?;
            fs::remove_dir_all(&data)?;
        }
    }
    Ok(())
}

fn load(engine: &'static str, data: &Path, table: &mut Table) -> Result<()> {
    let index = measure("index", engine, data, &[KEYS])?;
    let mut row = Rows { table, engine, figures: &index };
    row.add("seconds", 1.0, "building the index alone, s");
    row.add("rss", MB, "resident with the index alone, MB");
    let load = measure("load", engine, data, &[KEYS, LOAD_BATCH])?;
    let mut row = Rows { table, engine, figures: &load };
    row.add("seconds", 1.0, "load of 1,000,000 keys, s");
    row.add("rss", MB, "resident after the load, MB");
    row.add("peak_rss", MB, "peak resident during the load, MB");
    table.add("disk after the load, process killed, MB", engine, disk_bytes(data) as f64 / MB);
    Ok(())
}

/// The first start follows the kill at the end of the load, the second a clean stop.
fn restart(engine: &'static str, data: &Path, table: &mut Table) -> Result<()> {
    let killed = measure("reopen", engine, data, &[])?;
    Rows { table, engine, figures: &killed }.add("seconds", 1.0, "start after a kill, with rebuild, s");
    table.add("disk after a clean stop, MB", engine, disk_bytes(data) as f64 / MB);
    table.add("the same as file lengths, MB", engine, file_lengths(data) as f64 / MB);
    let clean = measure("reopen", engine, data, &[])?;
    anyhow::ensure!(clean.get("keys") == Some(&(KEYS as f64)), "{engine} lost keys");
    let mut row = Rows { table, engine, figures: &clean };
    row.add("seconds", 1.0, "start after a clean stop, with rebuild, s");
    row.add("rss", MB, "resident after that start, MB");
    Ok(())
}

fn read(engine: &'static str, data: &Path, table: &mut Table) -> Result<()> {
    let figures = measure("read", engine, data, &[KEYS, READ_MILLIS])?;
    let mut row = Rows { table, engine, figures: &figures };
    row.add("points", 1.0, "random point reads/s, warm");
    row.add("ranges", 1.0, "ranges of 1,000 keys/s, warm");
    row.add("rss", MB, "resident after the reads, MB");
    Ok(())
}

fn reclaims(dir: &Path, table: &mut Table) -> Result<()> {
    for run in 0..RECLAIM_RUNS {
        for engine in turns(run) {
            let data = fresh(dir, engine)?;
            let figures = measure("reclaim", engine, &data, &[OVERWRITE_KEYS])?;
            let mut row = Rows { table, engine, figures: &figures };
            row.add("before", MB, "disk with 4 revisions of 500,000 keys, MB");
            row.add("seconds", 1.0, "deleting 3 of 4 and giving back, s");
            row.add("peak", MB, "peak disk meanwhile, MB");
            row.add("after", MB, "disk right afterwards, MB");
            row.add("closed", MB, "disk afterwards, once stopped, MB");
            fs::remove_dir_all(&data)?;
        }
    }
    Ok(())
}

/// Puts figures of one worker into the table.
struct Rows<'a> {
    table: &'a mut Table,
    engine: &'static str,
    figures: &'a Figures,
}

impl Rows<'_> {
    fn add(&mut self, figure: &str, unit: f64, row: &str) {
        let value = self.figures.get(figure).copied().unwrap_or(f64::NAN);
        self.table.add(row, self.engine, value / unit);
    }
}

/// Each run another engine goes first, so that none always follows the same neighbour.
fn turns(run: usize) -> [&'static str; 3] {
    let mut turns = ENGINES;
    turns.rotate_left(run % ENGINES.len());
    turns
}

fn fresh(dir: &Path, engine: &str) -> Result<PathBuf> {
    let data = dir.join(engine);
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::create_dir(&data)?;
    Ok(data)
}
