//! The streams of a command: pipes, or both directions of one terminal.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::watched::watch;

/// What a command reads. Shut down or dropped, a pipe ends; a terminal does not.
#[derive(Debug)]
pub struct ExecInput(Writer);

#[derive(Debug)]
enum Writer {
    Pipe(Sender),
    Terminal(Arc<AsyncFd<OwnedFd>>),
    Closed,
}

/// What a command writes.
#[derive(Debug)]
pub struct ExecOutput(Reader);

#[derive(Debug)]
enum Reader {
    Pipe(Receiver),
    Terminal(Arc<AsyncFd<OwnedFd>>),
}

/// Makes a terminal usable by both directions.
pub(super) fn shared(fd: OwnedFd) -> io::Result<Arc<AsyncFd<OwnedFd>>> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(Arc::new(watch(fd, Interest::READABLE | Interest::WRITABLE)?))
}

impl ExecInput {
    pub(super) fn pipe(pipe: Sender) -> Self {
        Self(Writer::Pipe(pipe))
    }

    pub(super) fn terminal(fd: Arc<AsyncFd<OwnedFd>>) -> Self {
        Self(Writer::Terminal(fd))
    }
}

impl ExecOutput {
    pub(super) fn pipe(pipe: Receiver) -> Self {
        Self(Reader::Pipe(pipe))
    }

    pub(super) fn terminal(fd: Arc<AsyncFd<OwnedFd>>) -> Self {
        Self(Reader::Terminal(fd))
    }
}

impl AsyncWrite for ExecInput {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Writer::Pipe(pipe) => Pin::new(pipe).poll_write(context, bytes),
            Writer::Terminal(fd) => loop {
                let mut guard = ready!(fd.poll_write_ready(context))?;
                if let Ok(done) = guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                    return Poll::Ready(done);
                }
            },
            Writer::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = Writer::Closed;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ExecOutput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Reader::Pipe(pipe) => Pin::new(pipe).poll_read(context, buffer),
            Reader::Terminal(fd) => loop {
                let mut guard = ready!(fd.poll_read_ready(context))?;
                let room = buffer.initialize_unfilled();
                match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), room)?)) {
                    Ok(Ok(count)) => {
                        buffer.advance(count);
                        return Poll::Ready(Ok(()));
                    }
                    // How a terminal says that nobody has its other side open any more.
                    Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                        return Poll::Ready(Ok(()));
                    }
                    Ok(Err(error)) => return Poll::Ready(Err(error)),
                    Err(_would_block) => {}
                }
            },
        }
    }
}
