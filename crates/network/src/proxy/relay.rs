//! Carrying bytes between two connections.
//!
//! Each direction ends by itself: the end of what one side sends is passed on as such, and the other side may go on
//! as long as it likes. Nothing is read from one side before the other one took what was read; while both are silent
//! nothing is buffered. A connection that breaks is broken for the other side too.

use std::cell::RefCell;
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::task::coop::consume_budget;

/// What is read at once.
const CHUNK: usize = 64 * 1024;

thread_local! {
    /// Used only between two waits, so one for each thread is enough.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides sent what they had.
    Complete,
    /// One side broke off.
    Broken,
}

/// Carries until both sides have ended.
pub(super) async fn relay(client: &mut TcpStream, server: &mut TcpStream) -> End {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let both = tokio::try_join!(one_way(from_client, to_server), one_way(from_server, to_client));
    match both {
        Ok((End::Complete, End::Complete)) => End::Complete,
        Ok((End::Broken, _) | (_, End::Broken)) => End::Broken,
        Err(error) => {
            tracing::debug!(%error, "a connection broke");
            End::Broken
        }
    }
}

/// Carries what one side sends.
///
/// An error means that the sender broke off: nothing more can come from it or go to it. If the receiver broke off,
/// what it sent before is still on its way in the other direction.
async fn one_way(from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<End> {
    let mut rest = Vec::new();
    loop {
        from.readable().await?;
        consume_budget().await;
        match step(&from, &to, &mut rest) {
            Ok(Step::Moved) => {}
            Ok(Step::End) => {
                let done = to.shutdown().await;
                return Ok(if done.is_ok() { End::Complete } else { End::Broken });
            }
            Ok(Step::Refused) => return Ok(End::Broken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if !rest.is_empty() {
            if to.write_all(&rest).await.is_err() {
                return Ok(End::Broken);
            }
            rest = Vec::new();
        }
    }
}

enum Step {
    Moved,
    /// Nothing more comes.
    End,
    /// The receiver takes nothing more.
    Refused,
}

/// Reads what is there and writes what is taken of it; `rest` gets what is not.
fn step(from: &ReadHalf<'_>, to: &WriteHalf<'_>, rest: &mut Vec<u8>) -> io::Result<Step> {
    BUFFER.with_borrow_mut(|buffer| {
        let count = from.try_read(buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { return Ok(Step::End) };
        match to.try_write(read) {
            Ok(written) => rest.extend_from_slice(read.get(written..).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => rest.extend_from_slice(read),
            Err(_) => return Ok(Step::Refused),
        }
        Ok(Step::Moved)
    })
}
