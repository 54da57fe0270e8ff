//! The records of the log, format version 1.
//!
//! ```text
//! record := crc32c u32 | body_len u32 | body          crc32c is over body_len and body
//! body   := kind u8 | fields, little-endian, in the order of the variants below
//! ```
//!
//! Keys are preceded by their length (u32); a value is the rest of the body.

use bytes::{Buf, BufMut, Bytes};

use crate::alarm::Alarm;
use crate::types::{KeyValue, LeaseId, Revision};

/// Bytes in front of a body.
pub const HEADER_LEN: usize = 8;
/// Bytes of a put record beyond its key and value.
pub const PUT_OVERHEAD: usize = HEADER_LEN + 1 + 8 + 4 + 8 + 8 + 8 + 4;
/// Bytes of a deletion record beyond its key.
pub const DELETE_OVERHEAD: usize = HEADER_LEN + 1 + 8 + 4 + 4;
/// No record is longer; a length above is damage. Far above the largest request that can be configured.
pub const MAX_BODY: usize = 256 * 1024 * 1024;

/// One fact of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A key was written.
    Put {
        /// The pair as it stands after the write.
        kv: KeyValue,
        /// The place of the change among those of its revision.
        sub: u32,
    },
    /// A key was deleted.
    Delete {
        /// The revision of the deletion.
        revision: Revision,
        /// The place of the change among those of its revision.
        sub: u32,
        /// The key.
        key: Bytes,
    },
    /// History below this revision was given up.
    Compact {
        /// The compacted revision.
        revision: Revision,
    },
    /// A lease was granted, or, in a rewritten log, lives.
    LeaseGrant {
        /// Its id.
        id: LeaseId,
        /// Its time to live in seconds.
        ttl: i64,
        /// What was left of it in milliseconds.
        remaining: u64,
    },
    /// A lease ended.
    LeaseRevoke {
        /// Its id.
        id: LeaseId,
    },
    /// What was left of a lease's time at some moment.
    LeaseRemaining {
        /// Its id.
        id: LeaseId,
        /// Milliseconds left.
        remaining: u64,
    },
    /// An alarm was raised or disarmed.
    Alarm {
        /// Which.
        alarm: Alarm,
        /// Whether it was raised.
        raised: bool,
    },
    /// The state that records which a rewrite dropped had led to.
    Base {
        /// The newest revision.
        revision: Revision,
        /// The compacted revision.
        compacted: Revision,
    },
    /// The store was closed in order.
    ///
    /// Nothing depends on it, so it is the one batch that may be mistaken for a torn write: standing
    /// behind the last acknowledged write, it lets damage to that write be told from a torn one.
    Closed,
}

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end before the record does.
    #[error("the record is cut short: {have} of {need} bytes")]
    Short {
        /// Bytes that are there.
        have: usize,
        /// Bytes that the record needs.
        need: usize,
    },
    /// The checksum differs.
    #[error("the record's checksum is {found:08x}, its content has {computed:08x}")]
    Checksum {
        /// As stored.
        found: u32,
        /// As computed.
        computed: u32,
    },
    /// The checksum fits but the content makes no sense.
    #[error("the record's {0} is invalid")]
    Invalid(&'static str),
}

mod kind {
    pub(super) const PUT: u8 = 1;
    pub(super) const DELETE: u8 = 2;
    pub(super) const COMPACT: u8 = 3;
    pub(super) const LEASE_GRANT: u8 = 4;
    pub(super) const LEASE_REVOKE: u8 = 5;
    pub(super) const LEASE_REMAINING: u8 = 6;
    pub(super) const ALARM: u8 = 7;
    pub(super) const BASE: u8 = 8;
    pub(super) const CLOSED: u8 = 9;
}

impl Record {
    /// Appends the record to `out`; returns its length.
    pub fn encode(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.put_u64_le(0);
        self.encode_body(out);
        let body_len = out.len() - start - HEADER_LEN;
        let length = u32::try_from(body_len).expect("requests are bounded far below 4 GiB");
        out[start + 4..start + HEADER_LEN].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        out.len() - start
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Put { kv, sub } => {
                out.put_u8(kind::PUT);
                out.put_i64_le(kv.modified.0);
                out.put_u32_le(*sub);
                out.put_i64_le(kv.created.0);
                out.put_i64_le(kv.version);
                out.put_i64_le(kv.lease.0);
                put_key(out, &kv.key);
                out.put_slice(&kv.value);
            }
            Self::Delete { revision, sub, key } => {
                out.put_u8(kind::DELETE);
                out.put_i64_le(revision.0);
                out.put_u32_le(*sub);
                put_key(out, key);
            }
            Self::Compact { revision } => {
                out.put_u8(kind::COMPACT);
                out.put_i64_le(revision.0);
            }
            Self::LeaseGrant { id, ttl, remaining } => {
                out.put_u8(kind::LEASE_GRANT);
                out.put_i64_le(id.0);
                out.put_i64_le(*ttl);
                out.put_u64_le(*remaining);
            }
            Self::LeaseRevoke { id } => {
                out.put_u8(kind::LEASE_REVOKE);
                out.put_i64_le(id.0);
            }
            Self::LeaseRemaining { id, remaining } => {
                out.put_u8(kind::LEASE_REMAINING);
                out.put_i64_le(id.0);
                out.put_u64_le(*remaining);
            }
            Self::Alarm { alarm, raised } => {
                out.put_u8(kind::ALARM);
                out.put_u8(*alarm as u8);
                out.put_u8(u8::from(*raised));
            }
            Self::Base { revision, compacted } => {
                out.put_u8(kind::BASE);
                out.put_i64_le(revision.0);
                out.put_i64_le(compacted.0);
            }
            Self::Closed => out.put_u8(kind::CLOSED),
        }
    }

    /// Reads the record at the front of `bytes` and moves past it. Keys and values are slices of `bytes`.
    pub fn decode(bytes: &mut Bytes) -> Result<Self, RecordError> {
        let length = frame_len(bytes)?;
        if bytes.len() < length {
            return Err(RecordError::Short { have: bytes.len(), need: length });
        }
        let mut frame = bytes.split_to(length);
        let found = frame.get_u32_le();
        let computed = crc32c::crc32c(&frame);
        if found != computed {
            return Err(RecordError::Checksum { found, computed });
        }
        frame.advance(4);
        Self::decode_body(frame)
    }

    fn decode_body(mut body: Bytes) -> Result<Self, RecordError> {
        let kind = body.try_get_u8().map_err(|_| RecordError::Invalid("kind"))?;
        Self::decode_fields(kind, &mut body)
            .ok_or(RecordError::Invalid("content"))
            .and_then(|record| if body.is_empty() { Ok(record) } else { Err(RecordError::Invalid("length")) })
    }

    fn decode_fields(kind: u8, body: &mut Bytes) -> Option<Self> {
        Some(match kind {
            kind::PUT => {
                let modified = get_revision(body)?;
                let sub = body.try_get_u32_le().ok()?;
                let created = get_revision(body)?;
                let version = body.try_get_i64_le().ok().filter(|version| *version > 0)?;
                let lease = LeaseId(body.try_get_i64_le().ok()?);
                let key = get_key(body)?;
                let value = std::mem::take(body);
                Self::Put { kv: KeyValue { key, value, created, modified, version, lease }, sub }
            }
            kind::DELETE => {
                let revision = get_revision(body)?;
                let sub = body.try_get_u32_le().ok()?;
                Self::Delete { revision, sub, key: get_key(body)? }
            }
            kind::COMPACT => Self::Compact { revision: get_compacted(body)? },
            kind::LEASE_GRANT => Self::LeaseGrant {
                id: get_lease(body)?,
                ttl: body.try_get_i64_le().ok()?,
                remaining: body.try_get_u64_le().ok()?,
            },
            kind::LEASE_REVOKE => Self::LeaseRevoke { id: get_lease(body)? },
            kind::LEASE_REMAINING => {
                Self::LeaseRemaining { id: get_lease(body)?, remaining: body.try_get_u64_le().ok()? }
            }
            kind::ALARM => Self::Alarm {
                alarm: Alarm::from_number(body.try_get_u8().ok()?)?,
                raised: match body.try_get_u8().ok()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                },
            },
            kind::BASE => Self::Base { revision: get_revision(body)?, compacted: get_compacted(body)? },
            kind::CLOSED => Self::Closed,
            _ => return None,
        })
    }
}

/// Returns the length of the record at the front of `bytes`, its header included.
pub fn frame_len(bytes: &[u8]) -> Result<usize, RecordError> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Err(RecordError::Short { have: bytes.len(), need: HEADER_LEN });
    };
    let [_, _, _, _, length @ ..] = *header;
    let body = u32::from_le_bytes(length) as usize;
    if body == 0 || body > MAX_BODY {
        return Err(RecordError::Invalid("length"));
    }
    Ok(HEADER_LEN + body)
}

fn put_key(out: &mut Vec<u8>, key: &[u8]) {
    out.put_u32_le(u32::try_from(key.len()).expect("requests are bounded far below 4 GiB"));
    out.put_slice(key);
}

fn get_key(body: &mut Bytes) -> Option<Bytes> {
    let length = body.try_get_u32_le().ok()? as usize;
    (length > 0 && length <= body.len()).then(|| body.split_to(length))
}

fn get_revision(body: &mut Bytes) -> Option<Revision> {
    body.try_get_i64_le().ok().filter(|revision| *revision > 0).map(Revision)
}

/// Reads a compacted revision, which may be that of a store that was never compacted.
fn get_compacted(body: &mut Bytes) -> Option<Revision> {
    body.try_get_i64_le().ok().map(Revision).filter(|revision| *revision >= Revision::NEVER)
}

fn get_lease(body: &mut Bytes) -> Option<LeaseId> {
    body.try_get_i64_le().ok().map(LeaseId).filter(|id| id.is_some())
}

#[cfg(test)]
mod tests;
