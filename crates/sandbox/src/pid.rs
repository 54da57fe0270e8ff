//! Processes by number, in a way that a reused number is never taken for the process that had it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, setsid};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, SystemError};

/// A process of this machine: its number and when it was started, in clock ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// The number, as the machine's own pid namespace has it.
    pub(crate) pid: i32,
    ticks: u64,
}

/// The fields of `/proc/PID/stat` that are of use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// `Z` is a process that has ended and was not waited for.
    pub(crate) state: char,
    /// The number of the parent.
    pub(crate) parent: i32,
    /// When it was started, in clock ticks since boot.
    pub(crate) ticks: u64,
}

impl ProcessId {
    /// Looks up the process that has `pid` now; nothing if there is none.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, ticks: stat(pid)?.ticks })
    }

    /// Returns the process that calls.
    pub(crate) fn own() -> io::Result<Self> {
        Self::of(rustix::process::getpid().as_raw_nonzero().get())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "/proc does not show this process"))
    }

    /// Returns a name that no other process of this boot has.
    pub(crate) fn name(self) -> String {
        format!("{}-{}", self.pid, self.ticks)
    }

    /// Opens the process; nothing if it is gone.
    pub(crate) fn open(self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(None) };
        let fd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        // The descriptor holds whoever has the number now; only then the age is a proof.
        Ok((Self::of(self.pid) == Some(self)).then_some(fd))
    }

    /// Sends `signal`; nothing happens if the process is gone.
    pub(crate) fn signal(self, signal: Signal) -> io::Result<()> {
        let Some(fd) = self.open()? else { return Ok(()) };
        match pidfd_send_signal(&fd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Leaves the session of whoever started this process: what is typed there does not reach it any more.
pub(crate) fn own_session() -> Result<(), SystemError> {
    match setsid() {
        // One that leads a group has left already.
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(errno) => Err(errno).doing(|| "make a session".to_owned()),
    }
}

/// Reads `/proc/PID/stat`; nothing if there is no such process.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the program's name in brackets, which may hold brackets and spaces itself.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        ticks: fields.get(19)?.parse().ok()?,
    })
}

/// Returns the processes below `root`, at any depth, ended ones left out.
pub(crate) fn descendants(root: i32) -> io::Result<Vec<ProcessId>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(stat) = stat(pid) {
            all.push((pid, stat));
        }
    }
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            parents.push(*pid);
            if stat.state != 'Z' {
                found.push(ProcessId { pid: *pid, ticks: stat.ticks });
            }
        }
    }
    Ok(found)
}

/// Returns whether process `pid` ignores `signal` by its masks: the kernel drops what the first process of a pid
/// namespace has no handler for, unless it comes as SIGKILL or SIGSTOP from outside.
pub(crate) fn first_process_ignores(pid: i32, signal: i32) -> io::Result<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mask = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
            .unwrap_or_default()
    };
    let bit = u32::try_from(signal - 1).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or_default();
    let first = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .is_some_and(|pids| pids.split_whitespace().last() == Some("1"));
    Ok(mask("SigIgn:") & bit != 0 || first && mask("SigCgt:") & bit == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_skipped() {
        let text = "42 (a) b) (c) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(parse_stat(text), Some(Stat { state: 'S', parent: 7, ticks: 987_654 }));
        assert_eq!(parse_stat("42 (a"), None);
        assert_eq!(parse_stat("42 (a) S 7"), None);
    }

    #[test]
    fn another_age_is_another_process() {
        let own = ProcessId::own().expect("this process is there");
        assert!(own.open().expect("can be opened").is_some());
        let before = ProcessId { ticks: own.ticks + 1, ..own };
        assert!(before.open().expect("can be opened").is_none());
    }
}
