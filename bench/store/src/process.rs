//! What a process costs: memory, processor time and disk.

use std::{
    fs,
    ops::{Div, Sub},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};

/// Fields of `/proc/PID/stat` after the command's name: user and system time.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const BLOCK: u64 = 512;

/// Processor time since a process began, in user and kernel mode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTime(Duration);

/// The difference of two readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuSpent(Duration);

impl CpuTime {
    pub(crate) fn of_this() -> Result<Self> {
        Self::of(std::process::id())
    }

    pub(crate) fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
        let ticks = parse_ticks(&stat).context("/proc/PID/stat has another format")?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Self(Duration::from_nanos(ticks * 1_000_000_000 / per_second)))
    }
}

impl Sub for CpuTime {
    type Output = CpuSpent;

    fn sub(self, earlier: Self) -> CpuSpent {
        CpuSpent(self.0.saturating_sub(earlier.0))
    }
}

impl Div<u32> for CpuSpent {
    type Output = Duration;

    fn div(self, calls: u32) -> Duration {
        self.0 / calls
    }
}

/// The name may hold spaces and parentheses; the fields begin after its last parenthesis.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let field = |index| fields.split_whitespace().nth(index)?.parse::<u64>().ok();
    Some(field(USER_TIME)? + field(SYSTEM_TIME)?)
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    /// Without pages of mapped files, which the kernel can drop: etcd maps its database.
    pub(crate) anonymous: u64,
    pub(crate) peak: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
        Ok(Self {
            now: status_bytes(&status, "VmRSS:")?,
            anonymous: status_bytes(&status, "RssAnon:")?,
            peak: status_bytes(&status, "VmHWM:")?,
        })
    }
}

fn status_bytes(status: &str, field: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = number.with_context(|| format!("the process has no {field}"))?.parse()?;
    Ok(kib * 1024)
}

/// Bytes in allocated blocks of everything below `path`; files that vanish meanwhile do not count.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let own = metadata.blocks() * BLOCK;
    match fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => {
            own + entries.flatten().map(|entry| disk_bytes(&entry.path())).sum::<u64>()
        }
        _ => own,
    }
}

/// Reads every file below `path`, so that it lies in the page cache.
pub(crate) fn warm(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            warm(&entry.path())?;
        } else {
            std::io::copy(&mut fs::File::open(entry.path())?, &mut std::io::sink())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 700 30 0 0 20 0 5 0 1 2 3";
        assert_eq!(parse_ticks(stat), Some(730));
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(status_bytes("VmHWM:\t  8 kB\nVmRSS:\t   3 kB\n", "VmRSS:").unwrap(), 3072);
        assert!(Memory::of(std::process::id()).unwrap().now > 0);
    }

    #[test]
    fn allocated_blocks_are_counted_not_lengths() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::File::create(dir.path().join("sparse")).unwrap();
        file.set_len(1 << 30).unwrap();
        assert!(disk_bytes(dir.path()) < 1 << 20);
        warm(dir.path()).unwrap();
    }
}
