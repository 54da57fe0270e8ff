//! A unary gRPC request, encoded once: HEADERS and DATA, ready to be patched and sent again.

use std::ops::Range;

use anyhow::{Context, Result};

use super::{
    frame::{self, END_HEADERS, END_STREAM, HEAD, Head, Kind, STREAM_OFFSET},
    hpack,
};

/// What precedes a message in gRPC: a flag (compressed or not) and the length.
pub(crate) const PREFIX: usize = 5;

#[derive(Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    data_at: usize,
}

impl Request {
    pub(crate) fn new(path: &str, authority: &str, message: &[u8]) -> Result<Self> {
        let mut bytes = Vec::new();
        let headers = Head { kind: Kind::Headers, flags: END_HEADERS, stream: 0 };
        frame::push(&mut bytes, headers, &hpack::request_block(path, authority));

        let length = u32::try_from(message.len()).context("the message is too long")?;
        let mut body = vec![0];
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(message);
        let data_at = bytes.len();
        let data = Head { kind: Kind::Data, flags: END_STREAM, stream: 0 };
        frame::push(&mut bytes, data, &body);
        Ok(Self { bytes, data_at })
    }

    /// The encoded message, to be changed in place.
    pub(crate) fn message_mut(&mut self) -> &mut [u8] {
        let start = self.data_at + HEAD + PREFIX;
        &mut self.bytes[start..]
    }

    /// Bytes that count against the server's windows.
    pub(super) fn data_length(&self) -> usize {
        self.bytes.len() - self.data_at - HEAD
    }

    /// The frames, addressed to `stream`.
    pub(super) fn on_stream(&mut self, stream: u32) -> &[u8] {
        for start in [0, self.data_at] {
            self.bytes[stream_field(start)].copy_from_slice(&stream.to_be_bytes());
        }
        &self.bytes
    }
}

fn stream_field(frame_at: usize) -> Range<usize> {
    frame_at + STREAM_OFFSET..frame_at + HEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_frames_carry_the_stream_and_the_patched_message() {
        let mut request = Request::new("/a.B/C", "localhost:1", b"message").unwrap();
        request.message_mut()[..4].copy_from_slice(b"MESS");
        assert_eq!(request.data_length(), PREFIX + 7);

        let bytes = request.on_stream(9).to_vec();
        let (headers, block) = frame::next(&bytes).unwrap().unwrap();
        assert_eq!((headers.kind, headers.stream, headers.flags), (Kind::Headers, 9, END_HEADERS));
        let (data, body) = frame::next(&bytes[HEAD + block.len()..]).unwrap().unwrap();
        assert_eq!((data.kind, data.stream, data.flags), (Kind::Data, 9, END_STREAM));
        assert_eq!(body, b"\0\0\0\0\x07MESSage");
        assert_eq!(bytes.len(), 2 * HEAD + block.len() + body.len());
    }
}
