//! A client's connection, plain or TLS, whose bytes are counted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::authority::AuthorityMender;
use super::confine::User;
use crate::metrics::Metrics;

/// An established connection.
#[derive(Debug)]
pub(super) struct Conn {
    stream: Stream,
    user: User,
    mender: AuthorityMender,
    received: Counter,
    sent: Counter,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Conn {
    pub(super) fn plain(stream: TcpStream, metrics: &Arc<Metrics>) -> Self {
        Self::over(Stream::Plain(stream), User::default(), metrics)
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, metrics: &Arc<Metrics>) -> Self {
        let user = User::of(stream.get_ref().1.peer_certificates());
        Self::over(Stream::Tls(Box::new(stream)), user, metrics)
    }

    fn over(stream: Stream, user: User, metrics: &Arc<Metrics>) -> Self {
        Self {
            stream,
            user,
            mender: AuthorityMender::default(),
            received: metrics.received.clone(),
            sent: metrics.sent.clone(),
        }
    }

    fn count_sent(&self, sent: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = sent {
            self.sent.inc_by(*bytes as u64);
        }
    }
}

impl Connected for Conn {
    type ConnectInfo = User;

    fn connect_info(&self) -> User {
        self.user.clone()
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let new = &mut buf.filled_mut()[before..];
        self.received.inc_by(new.len() as u64);
        self.mender.mend(new);
        outcome
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        self.count_sent(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        self.count_sent(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
