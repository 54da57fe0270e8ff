//! Memory, disk and start-up time of a server that holds many keys.
//!
//! ```text
//! start ─ load ─ settle ─ measure ─ stop ─ start ─ settle ─ measure ─ stop  (a fresh home each time)
//!                                            └──────── start-up, several runs on the last home
//! ```

use std::{path::Path, time::Duration};

use anyhow::Result;
use tokio::time;

use crate::{
    admin,
    args::{Args, Subject},
    output::progress,
    process::{self, Memory},
    report::{
        Figure, LOAD_TIME, LOADED_ANONYMOUS, LOADED_DISK, LOADED_MEMORY, LOADED_PEAK, RESTARTED_ANONYMOUS,
        RESTARTED_DISK, RESTARTED_MEMORY, RESTARTED_PEAK, Report, START_TIME,
    },
    server::{Home, Program},
    stats,
};

/// Loading a million keys takes long and the figures differ little.
const MOST_RUNS: usize = 3;
/// What a server does right after loading or starting, it may finish before it is measured.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args, programs: &[Program], dir: &Path, report: &mut Report) -> Result<()> {
    let Some(&most) = args.keys.iter().max() else { return Ok(()) };
    let mut largest = Vec::new();
    if args.wants(Subject::Memory) {
        for run in 1..=args.runs.get().min(MOST_RUNS) {
            for &keys in &args.keys {
                progress(&format!("memory and disk, {keys} keys, run {run}"));
                let homes = memory(programs, dir, keys, report).await?;
                if keys == most {
                    largest = homes;
                }
            }
        }
    }
    if args.wants(Subject::Startup) {
        if largest.is_empty() {
            largest = loaded_homes(programs, dir, most).await?;
        }
        for run in 1..=args.runs.get() {
            progress(&format!("start-up, {most} keys, run {run}"));
            startup(&largest, most, report).await?;
        }
    }
    Ok(())
}

async fn memory(programs: &[Program], dir: &Path, keys: u64, report: &mut Report) -> Result<Vec<Home>> {
    let case = format!("{} keys", thousands(keys));
    let mut homes = Vec::new();
    for program in programs {
        let home = Home::new(program, dir)?;
        let mut add =
            |figure: Figure, value| report.add("Memory and disk", &case, home.kind(), figure, value);

        let mut server = home.start()?;
        admin::wait_for_first_get(&mut server).await?;
        add(LOAD_TIME, admin::load(server.address, keys).await?.as_secs_f64());
        time::sleep(SETTLE).await;
        let resident = Memory::of(server.pid())?;
        add(LOADED_MEMORY, stats::mebibytes(resident.now));
        add(LOADED_ANONYMOUS, stats::mebibytes(resident.anonymous));
        add(LOADED_PEAK, stats::mebibytes(resident.peak));
        add(LOADED_DISK, stats::mebibytes(process::disk_bytes(&home.data())));
        server.stop().await?;

        let mut server = home.start()?;
        admin::wait_for_first_get(&mut server).await?;
        time::sleep(SETTLE).await;
        let resident = Memory::of(server.pid())?;
        add(RESTARTED_MEMORY, stats::mebibytes(resident.now));
        add(RESTARTED_ANONYMOUS, stats::mebibytes(resident.anonymous));
        add(RESTARTED_PEAK, stats::mebibytes(resident.peak));
        add(RESTARTED_DISK, stats::mebibytes(process::disk_bytes(&home.data())));
        admin::ensure_holds(server.address, keys).await?;
        server.stop().await?;
        homes.push(home);
    }
    Ok(homes)
}

async fn loaded_homes(programs: &[Program], dir: &Path, keys: u64) -> Result<Vec<Home>> {
    let mut homes = Vec::new();
    for program in programs {
        let home = Home::new(program, dir)?;
        let mut server = home.start()?;
        admin::wait_for_first_get(&mut server).await?;
        admin::load(server.address, keys).await?;
        server.stop().await?;
        homes.push(home);
    }
    Ok(homes)
}

/// One start of each server, its files in the page cache.
async fn startup(homes: &[Home], keys: u64, report: &mut Report) -> Result<()> {
    let case = format!("{} keys", thousands(keys));
    for home in homes {
        process::warm(&home.data())?;
        let mut server = home.start()?;
        let elapsed = admin::wait_for_first_get(&mut server).await?;
        report.add("Start-up", &case, home.kind(), START_TIME, stats::milliseconds(elapsed));
        admin::ensure_holds(server.address, keys).await?;
        server.stop().await?;
    }
    Ok(())
}

fn thousands(number: u64) -> String {
    crate::report::thousands(&number.to_string())
}
