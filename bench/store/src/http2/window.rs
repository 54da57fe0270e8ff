//! Flow-control windows (RFC 9113, section 5.2): how many bytes of DATA may still be sent.

use anyhow::{Context, Result, ensure};

/// What every window is until a peer says otherwise.
pub(crate) const DEFAULT: u32 = 65_535;
/// The largest window the protocol knows; we grant it, so that servers never wait for us.
pub(crate) const LARGEST: u32 = 0x7fff_ffff;
/// The connection's window is refilled when half of it is used.
const REFILL_AT: u32 = LARGEST / 2;

/// The windows the server grants us.
///
/// A stream carries one request, so its window is the initial one: either the request fits or it
/// must wait. Requests that do not fit at all are an error, not a stall.
#[derive(Debug)]
pub(crate) struct SendWindow {
    connection: u32,
    per_stream: u32,
}

impl SendWindow {
    pub(crate) fn new() -> Self {
        Self { connection: DEFAULT, per_stream: DEFAULT }
    }

    /// Takes `length` bytes for a new stream, or nothing if the connection's window is too short.
    pub(crate) fn take(&mut self, length: u32) -> Result<bool> {
        ensure!(
            length <= self.per_stream,
            "a request of {length} bytes exceeds the server's stream window of {}",
            self.per_stream
        );
        let Some(left) = self.connection.checked_sub(length) else { return Ok(false) };
        self.connection = left;
        Ok(true)
    }

    /// The server's `WINDOW_UPDATE` for the connection.
    pub(crate) fn grant(&mut self, increment: u32) -> Result<()> {
        let sum = self.connection.checked_add(increment).filter(|&sum| sum <= LARGEST);
        self.connection = sum.context("the server made the connection's window too large")?;
        Ok(())
    }

    /// The server's `SETTINGS_INITIAL_WINDOW_SIZE`.
    pub(crate) fn set_per_stream(&mut self, size: u32) -> Result<()> {
        ensure!(size <= LARGEST, "the server set an initial window of {size} bytes");
        self.per_stream = size;
        Ok(())
    }
}

/// The connection's window we grant the server, all of [`LARGEST`] at the start.
#[derive(Debug, Default)]
pub(crate) struct ReceiveWindow {
    used: u32,
}

impl ReceiveWindow {
    /// Counts received bytes; `Some` is the increment to grant now.
    pub(crate) fn use_up(&mut self, length: usize) -> Result<Option<u32>> {
        let used = u32::try_from(length).ok().and_then(|length| self.used.checked_add(length));
        self.used = used.filter(|&used| used <= LARGEST).context("the server exceeded our window")?;
        if self.used < REFILL_AT {
            return Ok(None);
        }
        Ok(Some(std::mem::take(&mut self.used)))
    }
}

#[cfg(test)]
mod tests;
