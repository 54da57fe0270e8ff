//! Frames: a head of nine bytes, then the payload (RFC 9113, section 4.1).

use anyhow::{Result, bail};

/// Bytes of a frame's head.
pub(crate) const HEAD: usize = 9;
/// The largest payload a peer may send to us: the protocol's default, which we do not raise.
pub(crate) const MAX_PAYLOAD: usize = 16_384;
/// Where in a frame its stream's number stands.
pub(crate) const STREAM_OFFSET: usize = 5;

pub(crate) const END_STREAM: u8 = 0x1;
/// On SETTINGS and PING.
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
/// On HEADERS: five bytes precede the block.
pub(crate) const PRIORITY: u8 = 0x20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    ResetStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Anything else; the protocol says to ignore it.
    Other,
}

impl Kind {
    fn parse(byte: u8) -> Self {
        match byte {
            0x0 => Self::Data,
            0x1 => Self::Headers,
            0x3 => Self::ResetStream,
            0x4 => Self::Settings,
            0x5 => Self::PushPromise,
            0x6 => Self::Ping,
            0x7 => Self::GoAway,
            0x8 => Self::WindowUpdate,
            0x9 => Self::Continuation,
            _ => Self::Other,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Data => 0x0,
            Self::Headers => 0x1,
            Self::ResetStream => 0x3,
            Self::Settings => 0x4,
            Self::PushPromise => 0x5,
            Self::Ping => 0x6,
            Self::GoAway => 0x7,
            Self::WindowUpdate => 0x8,
            Self::Continuation => 0x9,
            Self::Other => 0xff,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The first frame of `bytes`, if all of it is there; it occupies `HEAD + payload.len()` bytes.
pub(crate) fn next(bytes: &[u8]) -> Result<Option<(Head, &[u8])>> {
    let Some((&[l0, l1, l2, kind, flags, s0, s1, s2, s3], rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let length = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
    if length > MAX_PAYLOAD {
        bail!("the server sent a frame of {length} bytes, more than the {MAX_PAYLOAD} allowed");
    }
    let head =
        Head { kind: Kind::parse(kind), flags, stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff };
    Ok(rest.get(..length).map(|payload| (head, payload)))
}

/// Appends a frame.
pub(crate) fn push(out: &mut Vec<u8>, head: Head, payload: &[u8]) {
    assert!(payload.len() <= MAX_PAYLOAD, "requests are far smaller than a frame may be");
    let [.., l0, l1, l2] = payload.len().to_be_bytes();
    out.extend_from_slice(&[l0, l1, l2, head.kind.byte(), head.flags]);
    out.extend_from_slice(&head.stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The number in a four-byte payload such as that of `WINDOW_UPDATE`, its reserved bit cleared.
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    let bytes = payload.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}

#[cfg(test)]
mod tests;
