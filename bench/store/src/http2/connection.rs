//! A session on a socket.

use std::{io, net::SocketAddr};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    request::Request,
    session::{Answer, Session},
};

/// Several frames of the largest size, so that a long answer takes few reads.
const READ_BUFFER: usize = 128 * 1024;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    session: Session,
    incoming: Box<[u8]>,
    filled: usize,
}

impl Connection {
    /// Connects and waits for the server's settings.
    pub(crate) async fn open(address: SocketAddr, slots: usize) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            session: Session::new(slots),
            incoming: vec![0; READ_BUFFER].into_boxed_slice(),
            filled: 0,
        };
        let mut answers = Vec::new();
        while !connection.session.is_settled() {
            connection.exchange(&mut answers).await?;
        }
        connection.flush().await?;
        Ok(connection)
    }

    /// Queues a call; see [`Session::open`].
    pub(crate) fn call(&mut self, slot: usize, request: &mut Request) -> Result<bool> {
        self.session.open(slot, request)
    }

    /// Sends what is queued, then waits until the server sends something.
    pub(crate) async fn exchange(&mut self, answers: &mut Vec<Answer>) -> Result<()> {
        self.flush().await?;
        let read = self.stream.read(&mut self.incoming[self.filled..]).await;
        let count = read.context("cannot read from the server")?;
        ensure!(count > 0, "the server closed the connection");
        self.filled += count;
        let used = self.session.receive(&self.incoming[..self.filled], answers)?;
        self.incoming.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(())
    }

    /// Little is outgoing at any time (a request per slot), so waiting for the socket cannot deadlock
    /// with a server that waits for us to read.
    async fn flush(&mut self) -> Result<()> {
        let outgoing = self.session.outgoing();
        if !outgoing.is_empty() {
            let written: io::Result<()> = self.stream.write_all(outgoing).await;
            written.context("cannot write to the server")?;
            outgoing.clear();
        }
        Ok(())
    }
}
