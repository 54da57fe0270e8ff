//! The two streams of a container, read until the last writer is gone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::lines::{Lines, MAX_ENTRY};
use super::log::Log;
use super::{has_something, ready};
use crate::config::LogConfig;
use crate::error::SystemError;

/// One stream.
#[derive(Debug)]
struct Stream {
    name: &'static str,
    /// Nothing once the last writer is gone.
    fd: Option<OwnedFd>,
    lines: Lines,
}

/// Both streams and the log they go to.
#[derive(Debug)]
pub(super) struct Output {
    streams: [Stream; 2],
    log: Log,
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn new(config: &LogConfig, stdout: OwnedFd, stderr: OwnedFd) -> Self {
        let stream = |name, fd| Stream { name, fd: Some(fd), lines: Lines::default() };
        Self {
            streams: [stream("stdout", stdout), stream("stderr", stderr)],
            log: Log::open(config),
            buffer: vec![0; MAX_ENTRY],
        }
    }

    /// Waits for output or for something on `other`, and writes what output there is.
    pub(super) fn wait(&mut self, other: impl AsFd) -> Result<(), SystemError> {
        self.copy(Some(other.as_fd()), None).map(drop)
    }

    /// Writes what is left, until `deadline` at the latest.
    pub(super) fn drain(&mut self, deadline: Instant) {
        while self.streams.iter().any(|stream| stream.fd.is_some()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.copy(None, Some(left)) {
                Ok(true) if !left.is_zero() => {}
                _ => break,
            }
        }
        for stream in &mut self.streams {
            stream.lines.finish(|tag, line| self.log.write(stream.name, tag, line));
        }
    }

    /// Waits and copies once; returns whether there was output.
    fn copy(
        &mut self,
        other: Option<rustix::fd::BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> Result<bool, SystemError> {
        let [stdout, stderr] = &self.streams;
        let open = [stdout.fd.as_ref(), stderr.fd.as_ref()];
        let mut fds: Vec<PollFd<'_>> =
            open.into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        fds.extend(other.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        ready(&mut fds, timeout)?;
        let mut had = fds.iter().map(has_something);
        let readable = open.map(|fd| fd.is_some() && had.next().unwrap_or_default());
        drop(fds);
        for (stream, readable) in self.streams.iter_mut().zip(readable) {
            if readable {
                stream.read(&mut self.buffer, &mut self.log);
            }
        }
        Ok(readable.contains(&true))
    }
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8], log: &mut Log) {
        let Some(fd) = &self.fd else { return };
        match rustix::io::read(fd, &mut *buffer).map_err(io::Error::from) {
            Ok(0) => self.fd = None,
            Ok(count) => self.lines.push(&buffer[..count], |tag, line| log.write(self.name, tag, line)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A pipe that cannot be read has nothing more to give.
            Err(_) => self.fd = None,
        }
    }
}
