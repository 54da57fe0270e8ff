//! A copy on the wire: records of bytes, and a last one that says that it is whole.
//!
//! ```text
//!   length (4 bytes, big endian, not 0)  bytes ...        as often as needed
//!   0 (4 bytes)  number of all bytes (8 bytes)            once, only if the source completed
//!   ffffffff  length (4 bytes)  text ...                  instead, if it did not: why
//! ```
//!
//! Whoever reads gets the end of the stream only after the last record; anything else that ends is an error.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use hyper::body::Body;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes of a length.
const LENGTH: usize = 4;
/// Bytes of the last record.
const LAST: usize = LENGTH + 8;
/// The longest record that is believed.
const LONGEST: usize = 16 << 20;

/// The length that says that the source did not complete.
const FAILED: u32 = u32::MAX;
/// So much is told of why not.
const REASON: usize = 1024;

/// Puts bytes into a record.
pub(crate) fn record(bytes: &[u8]) -> Bytes {
    let mut record = BytesMut::with_capacity(LENGTH + bytes.len());
    record.put_u32(u32::try_from(bytes.len()).expect("the source reads in small pieces"));
    record.put_slice(bytes);
    record.freeze()
}

/// Returns the last record of a copy with so many bytes.
pub(crate) fn last(total: u64) -> Bytes {
    let mut record = BytesMut::with_capacity(LAST);
    record.put_u32(0);
    record.put_u64(total);
    record.freeze()
}

/// Returns the last record of a copy that the source did not complete.
pub(crate) fn failed(why: &str) -> Bytes {
    let why = &why.as_bytes()[why.len().saturating_sub(REASON)..];
    let mut record = BytesMut::with_capacity(2 * LENGTH + why.len());
    record.put_u32(FAILED);
    record.put_u32(u32::try_from(why.len()).expect("it was made short"));
    record.put_slice(why);
    record.freeze()
}

/// Reads what is in the records of a body.
#[derive(Debug)]
pub(crate) struct Frames<B> {
    body: B,
    buffer: BytesMut,
    /// What is left of the record that is being read.
    left: usize,
    total: u64,
    ended: bool,
}

impl<B> Frames<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, buffer: BytesMut::new(), left: 0, total: 0, ended: false }
    }

    /// Hands out what is there; nothing if more is needed.
    fn take(&mut self, into: &mut ReadBuf<'_>) -> Result<Option<()>, io::Error> {
        if self.left == 0 && self.buffer.len() >= LENGTH {
            let length = self.buffer[..LENGTH].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            if length == 0 {
                return self.end();
            }
            if length == FAILED as usize {
                return self.failed();
            }
            if length > LONGEST {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the copy has a record that is too long",
                ));
            }
            self.buffer.advance(LENGTH);
            self.left = length;
        }
        let count = self.left.min(self.buffer.len()).min(into.remaining());
        if count == 0 {
            return Ok(None);
        }
        into.put_slice(&self.buffer[..count]);
        self.buffer.advance(count);
        self.left -= count;
        self.total += count as u64;
        Ok(Some(()))
    }

    /// Returns why the source did not complete, as soon as all of that is there.
    fn failed(&self) -> Result<Option<()>, io::Error> {
        let Some(told) = self.buffer.get(LENGTH..2 * LENGTH) else { return Ok(None) };
        let length = told.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)).min(REASON);
        let Some(text) = self.buffer.get(2 * LENGTH..2 * LENGTH + length) else { return Ok(None) };
        Err(io::Error::other(format!("the source says: {}", String::from_utf8_lossy(text))))
    }

    fn end(&mut self) -> Result<Option<()>, io::Error> {
        if self.buffer.len() < LAST {
            return Ok(None);
        }
        self.buffer.advance(LENGTH);
        if self.buffer.get_u64() != self.total {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the copy has lost bytes on its way"));
        }
        self.ended = true;
        Ok(Some(()))
    }
}

impl<B> AsyncRead for Frames<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ended || into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if this.take(into)?.is_some() {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => {
                    let cut =
                        io::Error::new(io::ErrorKind::UnexpectedEof, "the copy ended before it was whole");
                    return Poll::Ready(Err(cut));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn read(parts: &[Bytes]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Frames::new(Full::new(Bytes::from(parts.concat()))).read_to_end(&mut read).await?;
        Ok(read)
    }

    #[tokio::test]
    async fn a_whole_copy_is_read() {
        assert_eq!(read(&[record(b"ab"), record(b"cde"), last(5)]).await.expect("it is whole"), b"abcde");
        assert_eq!(read(&[last(0)]).await.expect("it is whole"), b"");
    }

    #[tokio::test]
    async fn what_is_not_whole_is_an_error() {
        for parts in
            [vec![], vec![record(b"ab")], vec![record(b"ab"), last(3)], vec![record(b"ab").slice(..5)]]
        {
            read(&parts).await.expect_err("it is cut");
        }
    }

    #[tokio::test]
    async fn a_source_that_fails_says_why() {
        let error = read(&[record(b"ab"), failed("commits hold it up")]).await.expect_err("it failed");
        assert_eq!(error.to_string(), "the source says: commits hold it up");
        let long = "x".repeat(2 * REASON);
        assert!(read(&[failed(&long)]).await.expect_err("it failed").to_string().len() < 2 * REASON);
    }
}
