//! Facts about the machine that a reader needs to judge the figures.

use std::{
    fs::{self, File},
    io::{Seek, Write},
    path::Path,
    time::Instant,
};

use anyhow::Result;
use serde::Serialize;

use crate::stats;

const SYNC_PROBES: usize = 50;
/// About what a single put adds to a log.
const PROBE_BYTES: usize = 512;

/// One line: processor, memory, kernel, file system.
pub(crate) fn describe(dir: &Path) -> Result<String> {
    let cpu = field_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    let kernel = kernel.trim();
    Ok(format!("{cpu}, {cores} cores, {memory} memory, Linux {kernel}, {}", file_system(dir)?))
}

/// How long a small write and `fdatasync` take, in milliseconds.
///
/// The least is the floor of a put. A median far above it means that others use the machine: a
/// thread that waited for the disk then waits for a processor too, a scheduler tick at a time.
#[derive(Debug, Serialize)]
pub(crate) struct SyncTime {
    pub(crate) least: f64,
    pub(crate) median: f64,
}

pub(crate) fn sync_time(dir: &Path) -> Result<SyncTime> {
    let mut file: File = tempfile::tempfile_in(dir)?;
    file.set_len(u64::try_from(SYNC_PROBES * PROBE_BYTES)?)?;
    file.rewind()?;
    let mut times = Vec::new();
    for _ in 0..SYNC_PROBES {
        let started = Instant::now();
        file.write_all(&[1; PROBE_BYTES])?;
        file.sync_data()?;
        times.push(stats::milliseconds(started.elapsed()));
    }
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(SyncTime { least, median: stats::median(&times).unwrap_or_default() })
}

/// Runnable threads on the machine, over the last minute; above zero at the start it is noise.
pub(crate) fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}

fn field_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn file_system(dir: &Path) -> Result<String> {
    Ok(match rustix::fs::statfs(dir)?.f_type {
        0xef53 => "ext4".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x0102_1994 => "tmpfs (fsync costs nothing here: the write figures mean nothing)".to_owned(),
        other => format!("file system {other:#x}"),
    })
}
