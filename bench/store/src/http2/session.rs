//! One connection's protocol state, without I/O: bytes in, answers and bytes out.
//!
//! A session has a fixed number of slots, one per client that shares the connection; a slot has at
//! most one call in flight.
//!
//! ```text
//! idle ─ open ─▶ in flight ─ HEADERS, DATA… ─▶ ─ HEADERS with END_STREAM ─▶ Answer, idle
//!                    └─ END_STREAM without a whole message, RST_STREAM, GOAWAY ─▶ error
//! ```
//!
//! Invariant: an [`Answer`] means that one whole, uncompressed message came and that trailers ended
//! the stream. Any failure ends the session: a benchmark with failing calls measures nothing.

use anyhow::{Context, Result, bail, ensure};

use super::{
    frame::{self, ACK, END_STREAM, HEAD, Head, Kind, PADDED},
    hpack,
    request::{PREFIX, Request},
    window::{self, ReceiveWindow, SendWindow},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTING_ENABLE_PUSH: u16 = 0x2;
const SETTING_MAX_CONCURRENT_STREAMS: u16 = 0x3;
const SETTING_INITIAL_WINDOW_SIZE: u16 = 0x4;
const SETTING_BYTES: usize = 6;
/// The stream of a connection's first call.
const FIRST_STREAM: u32 = 1;

/// A call that succeeded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) slot: usize,
    /// Bytes of the message.
    pub(crate) length: usize,
    /// The message itself, of the connection's first call only.
    pub(crate) message: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Session {
    outgoing: Vec<u8>,
    send: SendWindow,
    receive: ReceiveWindow,
    slots: Vec<Option<Exchange>>,
    next_stream: u32,
    settled: bool,
    first_body: Vec<u8>,
}

/// A call in flight.
#[derive(Debug)]
struct Exchange {
    stream: u32,
    prefix: [u8; PREFIX],
    received: usize,
}

impl Session {
    pub(crate) fn new(slots: usize) -> Self {
        let mut session = Self {
            outgoing: PREFACE.to_vec(),
            send: SendWindow::new(),
            receive: ReceiveWindow::default(),
            slots: (0..slots).map(|_| None).collect(),
            next_stream: FIRST_STREAM,
            settled: false,
            first_body: Vec::new(),
        };
        let mut settings = Vec::new();
        for (name, value) in [(SETTING_ENABLE_PUSH, 0), (SETTING_INITIAL_WINDOW_SIZE, window::LARGEST)] {
            settings.extend_from_slice(&name.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        session.control(Kind::Settings, 0, &settings);
        session.grant(window::LARGEST - window::DEFAULT);
        session
    }

    /// Whether the server's settings are known, which is when calls may begin.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Bytes to write, in order; the caller clears what it wrote.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Begins a call in an idle slot; `false` if the server's window does not allow it yet.
    pub(crate) fn open(&mut self, slot: usize, request: &mut Request) -> Result<bool> {
        assert!(self.slots[slot].is_none(), "a client waits for its answer before it calls again");
        if !self.send.take(u32::try_from(request.data_length())?)? {
            return Ok(false);
        }
        let stream = self.next_stream;
        self.next_stream += 2;
        self.outgoing.extend_from_slice(request.on_stream(stream));
        self.slots[slot] = Some(Exchange { stream, prefix: [0; PREFIX], received: 0 });
        Ok(true)
    }

    /// Takes in the whole frames at the start of `bytes`; returns how many bytes they are.
    pub(crate) fn receive(&mut self, bytes: &[u8], answers: &mut Vec<Answer>) -> Result<usize> {
        let mut at = 0;
        while let Some((head, payload)) = frame::next(&bytes[at..])? {
            at += HEAD + payload.len();
            match head.kind {
                Kind::Data => self.data(head, payload)?,
                Kind::Headers => answers.extend(self.headers(head, payload)?),
                Kind::ResetStream => bail!("the server reset a call, code {:?}", frame::number(payload)),
                Kind::Settings => self.settings(head, payload)?,
                Kind::Ping if !head.has(ACK) => self.control(Kind::Ping, ACK, payload),
                Kind::GoAway => bail!("the server says goodbye: {}", String::from_utf8_lossy(payload)),
                Kind::WindowUpdate => self.window_update(head, payload)?,
                Kind::PushPromise => bail!("the server pushes although we forbade it"),
                // A block's continuation: blocks are not decoded.
                Kind::Continuation | Kind::Ping | Kind::Other => {}
            }
        }
        Ok(at)
    }

    fn data(&mut self, head: Head, payload: &[u8]) -> Result<()> {
        ensure!(!head.has(PADDED), "the server pads DATA frames, which this client does not read");
        if let Some(increment) = self.receive.use_up(payload.len())? {
            self.grant(increment);
        }
        let slot = self.slot(head.stream)?;
        if let Some(exchange) = &mut self.slots[slot] {
            exchange.add(payload);
        }
        if head.stream == FIRST_STREAM {
            self.first_body.extend_from_slice(payload);
        }
        ensure!(!head.has(END_STREAM), "the server ended a call without trailers");
        Ok(())
    }

    fn headers(&mut self, head: Head, payload: &[u8]) -> Result<Option<Answer>> {
        if !head.has(END_STREAM) {
            return Ok(None);
        }
        let slot = self.slot(head.stream)?;
        let exchange = self.slots[slot].take().context("the slot is idle")?;
        let length = exchange.finish().with_context(|| failure(head, payload))?;
        let message = (head.stream == FIRST_STREAM).then(|| self.first_body.split_off(PREFIX));
        Ok(Some(Answer { slot, length, message }))
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<()> {
        if head.has(ACK) {
            return Ok(());
        }
        for &[n0, n1, v0, v1, v2, v3] in payload.as_chunks::<SETTING_BYTES>().0 {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([n0, n1]) {
                SETTING_INITIAL_WINDOW_SIZE => self.send.set_per_stream(value)?,
                SETTING_MAX_CONCURRENT_STREAMS => ensure!(
                    usize::try_from(value)? >= self.slots.len(),
                    "the server allows {value} calls per connection, fewer than {}",
                    self.slots.len()
                ),
                _ => {}
            }
        }
        self.settled = true;
        self.control(Kind::Settings, ACK, &[]);
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<()> {
        let increment = frame::number(payload).context("a WINDOW_UPDATE without a number")?;
        // A stream's own window does not matter: its request was sent as a whole.
        if head.stream == 0 { self.send.grant(increment) } else { Ok(()) }
    }

    fn slot(&self, stream: u32) -> Result<usize> {
        let is_it = |slot: &Option<Exchange>| slot.as_ref().is_some_and(|call| call.stream == stream);
        self.slots
            .iter()
            .position(is_it)
            .with_context(|| format!("the server sent a frame on stream {stream}, which is not open"))
    }

    fn grant(&mut self, increment: u32) {
        self.control(Kind::WindowUpdate, 0, &increment.to_be_bytes());
    }

    fn control(&mut self, kind: Kind, flags: u8, payload: &[u8]) {
        frame::push(&mut self.outgoing, Head { kind, flags, stream: 0 }, payload);
    }
}

impl Exchange {
    fn add(&mut self, payload: &[u8]) {
        let missing = &mut self.prefix[self.received.min(PREFIX)..];
        let known = missing.len().min(payload.len());
        missing[..known].copy_from_slice(&payload[..known]);
        self.received += payload.len();
    }

    /// The length of the one message received.
    fn finish(&self) -> Result<usize> {
        let [compressed, length @ ..] = self.prefix;
        ensure!(self.received > 0, "the answer has no message");
        ensure!(compressed == 0, "the answer is compressed");
        let length = usize::try_from(u32::from_be_bytes(length))?;
        ensure!(
            self.received == PREFIX + length,
            "the answer has {} bytes and announced {length}",
            self.received
        );
        Ok(length)
    }
}

fn failure(head: Head, payload: &[u8]) -> String {
    let skipped = if head.has(frame::PRIORITY) { 5 } else { 0 };
    let block = payload.get(skipped..).unwrap_or_default();
    match hpack::grpc_status(block) {
        Some(status) => format!("a call failed with grpc-status {status}"),
        None => format!("a call failed; its trailers are {block:02x?}"),
    }
}

#[cfg(test)]
mod tests;
