//! A process that is started here and does not outlive the benchmark.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use tokio::time;

use crate::process::Process;

/// A process that is not ready after this has failed.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// A process that has not ended this long after SIGTERM is killed, and the benchmark fails.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// How often a state that cannot be waited for is looked at.
pub const POLL: Duration = Duration::from_millis(1);
/// How much of a dead process's log is shown.
const LOG_TAIL: usize = 2_000;

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
    started: Instant,
}

impl Running {
    /// Starts a program whose output goes to a file.
    pub fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, log, started })
    }

    /// Returns what to measure.
    pub fn process(&self) -> Process {
        Process(Some(self.child.id()))
    }

    /// Returns its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how long ago it was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits a moment for it to become ready; fails, with the end of its log, if it has ended or takes too long.
    pub async fn wait(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        if ended.is_none() && self.age() < READY_LIMIT {
            time::sleep(POLL).await;
            return Ok(());
        }
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..]).into_owned();
        bail!("it is not ready ({ended:?}); its log: {tail}")
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("it did not end within {STOP_LIMIT:?} of SIGTERM");
            }
            time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
