//! Facts about the machine and about this process.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

/// A field of `/proc/self/status` in KiB, as bytes.
pub(crate) fn status_bytes(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    Ok(digits.parse::<u64>()? * 1024)
}

/// What this process made the kernel write to disk so far.
pub(crate) fn written_bytes() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    Ok(line.context("no such field")?.trim().parse()?)
}

/// Bytes allocated on disk by everything under `path`; files that vanish meanwhile do not count.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    sum(path, &|meta| meta.blocks() * 512)
}

/// The same as the sum of all file lengths, holes included.
pub(crate) fn file_lengths(path: &Path) -> u64 {
    sum(path, &Metadata::len)
}

fn sum(path: &Path, size: &dyn Fn(&Metadata) -> u64) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !meta.is_dir() {
        return size(&meta);
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| sum(&entry.path(), size)).sum()
}

/// The first line of every report.
pub(crate) fn describe(dir: &Path) -> Result<String> {
    let cpu = field_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".into());
    let memory = field_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    let rustc = Command::new("rustc").arg("-V").output().map(|run| run.stdout).unwrap_or_default();
    Ok(format!(
        "{cpu}, {cores} cores, {memory} memory, Linux {}, {}, {}",
        kernel.trim(),
        file_system(dir)?,
        String::from_utf8_lossy(&rustc).trim()
    ))
}

pub(crate) fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("?").to_owned()
}

fn field_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn file_system(dir: &Path) -> Result<String> {
    let magic = rustix::fs::statfs(dir)?.f_type;
    Ok(match magic {
        0xef53 => "ext4".into(),
        0x0102_1994 => "tmpfs (fsync costs nothing here: the write figures mean nothing)".into(),
        0x5846_5342 => "xfs".into(),
        other => format!("file system type {other:#x}"),
    })
}
