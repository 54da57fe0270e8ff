//! Faults of processes: killed, or frozen.
//!
//! A process is held by a handle, not by its number, so that a signal never meets another process that has got the
//! number since. What was frozen is thawed when its guard is dropped.

mod find;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use thiserror::Error;
use tokio::time;

/// How often a process is looked at that is to end.
const LOOK: Duration = Duration::from_millis(2);

/// What could not be done to a process.
#[derive(Debug, Error)]
pub enum FaultError {
    /// The process cannot be held.
    #[error("cannot open process {pid}")]
    Open {
        /// Which.
        pid: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A signal could not be sent.
    #[error("cannot send {signal} to {victim}")]
    Signal {
        /// Which signal.
        signal: &'static str,
        /// To whom.
        victim: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The end of a process cannot be waited for.
    #[error("cannot wait for the end of {victim}")]
    Wait {
        /// Of whom.
        victim: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process did not end in time.
    #[error("{victim} has not ended within {within:?}")]
    Remains {
        /// Which.
        victim: String,
        /// The deadline.
        within: Duration,
    },
    /// The processes of this machine, or of a control group, cannot be listed.
    #[error("cannot list processes in {}", path.display())]
    List {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A process to do harm to.
#[derive(Debug)]
pub struct Victim {
    pid: u32,
    name: String,
    handle: OwnedFd,
}

impl Victim {
    /// Takes hold of a process.
    pub fn open(pid: u32) -> Result<Self, FaultError> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH);
        let handle = number.and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK));
        let handle = handle.map_err(|error| FaultError::Open { pid, source: error.into() })?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Ok(Self { pid, name: name.trim().to_owned(), handle })
    }

    /// Returns its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the name of its program, as the kernel shortens it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a signal; a process that has ended already is none to complain about.
    fn send(&self, signal: Signal, name: &'static str) -> Result<(), FaultError> {
        match pidfd_send_signal(&self.handle, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => {
                Err(FaultError::Signal { signal: name, victim: self.to_string(), source: error.into() })
            }
        }
    }

    /// Looks whether it has ended; that nobody has waited for it yet does not matter.
    fn has_ended(&self) -> io::Result<bool> {
        let mut look = [PollFd::new(&self.handle, PollFlags::IN)];
        Ok(event::poll(&mut look, Some(&Timespec::default()))? > 0)
    }

    async fn ended(&self) -> io::Result<()> {
        while !self.has_ended()? {
            time::sleep(LOOK).await;
        }
        Ok(())
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

/// Processes that suffer together.
#[derive(Debug, Default)]
pub struct Victims(Vec<Victim>);

impl Victims {
    /// Takes hold of processes; those that have ended meanwhile are left out.
    pub fn open(pids: impl IntoIterator<Item = u32>) -> Result<Self, FaultError> {
        let mut victims = Vec::new();
        for pid in pids {
            match Victim::open(pid) {
                Ok(victim) => victims.push(victim),
                Err(FaultError::Open { source, .. })
                    if source.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(victims))
    }

    /// Takes hold of processes and of all their descendants.
    pub fn with_descendants(pids: &[u32]) -> Result<Self, FaultError> {
        Self::open(find::with_descendants(pids)?)
    }

    /// Takes hold of all processes of a control group and of the groups in it.
    pub fn of_cgroup(directory: &std::path::Path) -> Result<Self, FaultError> {
        Self::open(find::of_cgroup(directory)?)
    }

    /// Returns who they are.
    pub fn iter(&self) -> impl Iterator<Item = &Victim> {
        self.0.iter()
    }

    /// Returns whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Kills all of them. With several, all are stopped before the first is killed, so that none sees another's end.
    pub fn kill(&self) -> Result<(), FaultError> {
        if self.0.len() > 1 {
            self.all(Signal::STOP, "SIGSTOP")?;
        }
        self.all(Signal::KILL, "SIGKILL")
    }

    /// Freezes all of them, until the guard is dropped.
    pub fn freeze(self) -> Result<Frozen, FaultError> {
        let frozen = Frozen(self);
        frozen.0.all(Signal::STOP, "SIGSTOP")?;
        Ok(frozen)
    }

    /// Waits until all of them have ended.
    pub async fn ended(&self, within: Duration) -> Result<(), FaultError> {
        let deadline = time::Instant::now() + within;
        for victim in &self.0 {
            match time::timeout_at(deadline, victim.ended()).await {
                Ok(Ok(())) => {}
                Ok(Err(source)) => return Err(FaultError::Wait { victim: victim.to_string(), source }),
                Err(_) => return Err(FaultError::Remains { victim: victim.to_string(), within }),
            }
        }
        Ok(())
    }

    fn all(&self, signal: Signal, name: &'static str) -> Result<(), FaultError> {
        self.0.iter().try_for_each(|victim| victim.send(signal, name))
    }
}

impl fmt::Display for Victims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Victim::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

/// Processes that are frozen. Dropping it thaws them.
#[derive(Debug)]
pub struct Frozen(Victims);

impl Frozen {
    /// Lets them go on.
    pub fn thaw(self) -> Result<(), FaultError> {
        self.0.all(Signal::CONT, "SIGCONT")
    }

    /// Returns who they are.
    pub fn victims(&self) -> &Victims {
        &self.0
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Err(error) = self.0.all(Signal::CONT, "SIGCONT") {
            tracing::warn!(%error, "a process stays frozen");
        }
    }
}
