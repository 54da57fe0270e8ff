//! Stopping the receiver, also from a primary that accepts connections and says nothing.
//!
//! A receiver that acknowledges takes leave when it is stopped: it connects to the primary once more, to have its own
//! connection killed there. A primary that is frozen, or whose machine hangs, never answers that, and the server gives up
//! after whole seconds. A signal to the thread ends the wait at once; the server sends it that one itself, but only every
//! two seconds. Where the kernel cannot send a signal to a thread by its descriptor (before Linux 6.9), the timeout stays.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::sleep;

use super::sql::number;
use super::{CHECK, Instance, STOP_REPLICATION, SqlError};

/// A receiver stops within a few milliseconds; it is interrupted so often until it has.
const INTERRUPT: Duration = Duration::from_millis(30);
/// It is interrupted at most so many times: one that does not stop then has another reason.
const INTERRUPTS: usize = 30;
/// The descriptor is to be of a thread, not of the process.
const OF_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(OFlags::EXCL.bits());

impl Instance {
    /// Carries out statements that stop the receiver.
    pub(super) async fn stop_receiver(
        &self,
        what: &'static str,
        statements: &[&str],
    ) -> Result<(), SqlError> {
        let stop = self.inner.work.rows(what, statements, STOP_REPLICATION);
        tokio::pin!(stop);
        for _ in 0..INTERRUPTS {
            tokio::select! {
                biased;
                outcome = &mut stop => return outcome.map(drop),
                () = sleep(INTERRUPT) => {
                    if let Err(error) = self.interrupt_receivers().await {
                        tracing::debug!(error = &error as &dyn std::error::Error, "cannot find the receiver");
                    }
                }
            }
        }
        stop.await.map(drop)
    }

    async fn interrupt_receivers(&self) -> Result<(), SqlError> {
        let sql = "SELECT TID AS thread FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_IO'";
        for row in &self.inner.checks.rows("find the receiver", &[sql], CHECK).await? {
            let thread = number(row, "thread")?;
            if let Err(error) = self.interrupt(thread) {
                tracing::debug!(thread, %error, "cannot interrupt the receiver");
            }
        }
        Ok(())
    }

    /// Interrupts a system call of one of the server's threads.
    fn interrupt(&self, thread: u64) -> io::Result<()> {
        let thread = i32::try_from(thread).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        // Whoever it is from here on, it is the one that is looked at next.
        let descriptor = pidfd_open(thread, OF_THREAD)?;
        let server = fs::read_to_string(self.inner.layout.pid_file())?;
        let status = fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero()))?;
        if !is_interruptible(&status, server.trim()) {
            return Err(io::Error::other("it is no thread of the server that catches the signal"));
        }
        Ok(pidfd_send_signal(&descriptor, Signal::USR1)?)
    }
}

/// Returns whether a thread is of a process, and catches the signal that would end it otherwise.
fn is_interruptible(status: &str, process: &str) -> bool {
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let caught = field("SigCgt").and_then(|bits| u64::from_str_radix(bits, 16).ok()).unwrap_or(0);
    let signal = 1_u64 << (Signal::USR1.as_raw() - 1);
    field("Tgid") == Some(process) && caught & signal != 0
}

#[cfg(test)]
mod tests {
    use super::is_interruptible;

    #[test]
    fn only_a_thread_of_the_server_that_catches_the_signal_is_interrupted() {
        let status =
            |process, caught| format!("Name:\tmariadbd\nTgid:\t{process}\nPid:\t77\nSigCgt:\t{caught}\n");
        assert!(is_interruptible(&status("42", "00000001000066e9"), "42"));
        assert!(!is_interruptible(&status("43", "00000001000066e9"), "42"), "another process");
        assert!(!is_interruptible(&status("42", "00000001000064e9"), "42"), "the signal would end it");
        assert!(!is_interruptible("", "42"));
    }
}
