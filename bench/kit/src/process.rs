//! What a process costs: memory and processor time.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// Fields of `/proc/PID/stat` after the command's name: user and system time.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// A process, or none where the server runs elsewhere: then everything about it is unknown.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub Option<u32>);

impl Process {
    /// Returns the processor time since the process began, in user and kernel mode.
    pub fn cpu(self) -> Result<Option<Duration>> {
        let Some(pid) = self.0 else { return Ok(None) };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
        let ticks = parse_ticks(&stat).context("/proc/PID/stat has another format")?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Some(Duration::from_nanos(ticks * 1_000_000_000 / per_second)))
    }

    /// Returns the resident memory in MB (10^6 bytes).
    pub fn memory(self) -> Result<Option<f64>> {
        self.status("VmRSS:")
    }

    /// Returns the most resident memory it ever had, in MB.
    pub fn peak(self) -> Result<Option<f64>> {
        self.status("VmHWM:")
    }

    fn status(self, field: &str) -> Result<Option<f64>> {
        let Some(pid) = self.0 else { return Ok(None) };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
        let kib = parse_kib(&status, field).with_context(|| format!("the process has no {field}"))?;
        Ok(Some(kib * 1024.0 / 1e6))
    }
}

/// The name may hold spaces and parentheses; the fields begin after its last parenthesis.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let field = |index| fields.split_whitespace().nth(index)?.parse::<u64>().ok();
    Some(field(USER_TIME)? + field(SYSTEM_TIME)?)
}

fn parse_kib(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
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
    fn memory_is_read() {
        assert_eq!(parse_kib("VmHWM:\t  8 kB\nVmRSS:\t   3 kB\n", "VmRSS:"), Some(3.0));
        let own = Process(Some(std::process::id())).memory().expect("readable");
        assert!(own.is_some_and(|memory| memory > 0.0));
        assert_eq!(Process(None).memory().expect("nothing to read"), None);
    }
}
