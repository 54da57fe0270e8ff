//! Facts about the machine that a reader needs to judge the figures.

use std::fs;

use anyhow::Result;

/// Returns processor, memory and kernel in one line.
pub fn describe() -> Result<String> {
    let cpu = field_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{cpu}, {cores} cores, {memory} memory, Linux {}", kernel.trim()))
}

/// Returns the runnable threads of the last minute; above zero at the start they are noise.
pub fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}

fn field_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
