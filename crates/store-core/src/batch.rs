//! The framing of the log: segment files that begin with a header and hold batches of records.
//!
//! A batch is what one flush makes durable: all of it counts or none. The next batch is written
//! only after the flush of the one before has succeeded, and every batch carries its place in the
//! sequence. So a batch that is damaged at the end of the log was never acknowledged and can be
//! cut, while a damaged batch with a later one behind it is damage to acknowledged data.
//!
//! ```text
//! segment := header (48) batch*
//! header  := "STNCHLOG" | version u32 | reserved u32 | salt u64 | first sequence u64 | 8 zeros | zero u32 | crc32c u32
//! batch   := magic u32 | payload_len u32 | sequence u64 | salt u64 | payload crc32c u32 | header crc32c u32 | payload
//! ```
//!
//! The salt is the segment's own random number: stored values that look like batches do not pass for one.

/// The version of the format that this program writes, and the only one it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Length of a segment's header.
pub const SEGMENT_HEADER_LEN: usize = 48;
/// Length of a batch's header.
pub const BATCH_HEADER_LEN: usize = 32;

const SEGMENT_MAGIC: [u8; 8] = *b"STNCHLOG";
const BATCH_MAGIC: u32 = u32::from_le_bytes(*b"BTCH");

/// The head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The random number that every batch of the segment repeats.
    pub salt: u64,
    /// The sequence number of its first batch.
    pub first_sequence: u64,
}

/// Why bytes are no segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentHeaderError {
    /// There are fewer bytes than a header has.
    #[error("the segment header is cut short: {0} of {SEGMENT_HEADER_LEN} bytes")]
    Short(usize),
    /// The file is something else.
    #[error("this is no log segment of stanchion")]
    Magic,
    /// A format of another program version.
    #[error("the log has format version {0}, this program reads version {FORMAT_VERSION}")]
    Version(u32),
    /// The header is damaged.
    #[error("the segment header's checksum does not fit")]
    Checksum,
}

impl SegmentHeader {
    /// Returns the header's bytes.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut out = [0; SEGMENT_HEADER_LEN];
        out[..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.salt.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        let crc = crc32c::crc32c(&out[..44]);
        out[44..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header.
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentHeaderError> {
        let Some(head) = bytes.first_chunk::<SEGMENT_HEADER_LEN>() else {
            return Err(SegmentHeaderError::Short(bytes.len()));
        };
        if head[..8] != SEGMENT_MAGIC {
            return Err(SegmentHeaderError::Magic);
        }
        if crc32c::crc32c(&head[..44]) != u32_at(head, 44) {
            return Err(SegmentHeaderError::Checksum);
        }
        match u32_at(head, 8) {
            FORMAT_VERSION => Ok(Self { salt: u64_at(head, 16), first_sequence: u64_at(head, 24) }),
            other => Err(SegmentHeaderError::Version(other)),
        }
    }
}

/// The head of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Bytes of records behind the header.
    pub payload_len: u32,
    /// The batch's place in the log; one more than that of the batch before.
    pub sequence: u64,
    /// The segment's salt.
    pub salt: u64,
    /// Checksum of the records.
    pub payload_crc: u32,
}

impl BatchHeader {
    /// Returns the header for `payload`.
    pub fn of(payload: &[u8], sequence: u64, salt: u64) -> Self {
        let payload_len = u32::try_from(payload.len()).expect("a batch is bounded far below 4 GiB");
        Self { payload_len, sequence, salt, payload_crc: crc32c::crc32c(payload) }
    }

    /// Returns the header's bytes.
    pub fn encode(&self) -> [u8; BATCH_HEADER_LEN] {
        let mut out = [0; BATCH_HEADER_LEN];
        out[..4].copy_from_slice(&BATCH_MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&self.payload_len.to_le_bytes());
        out[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        out[16..24].copy_from_slice(&self.salt.to_le_bytes());
        out[24..28].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c(&out[..28]);
        out[28..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the header at the front of `bytes`, if a whole and undamaged one of this segment stands there.
    pub fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let head = bytes.first_chunk::<BATCH_HEADER_LEN>()?;
        if u32_at(head, 0) != BATCH_MAGIC || u64_at(head, 16) != salt {
            return None;
        }
        if crc32c::crc32c(&head[..28]) != u32_at(head, 28) {
            return None;
        }
        let payload_len = u32_at(head, 4);
        Some(Self { payload_len, sequence: u64_at(head, 8), salt, payload_crc: u32_at(head, 24) })
    }

    /// Returns the length of the batch, its header included.
    pub fn batch_len(&self) -> u64 {
        BATCH_HEADER_LEN as u64 + u64::from(self.payload_len)
    }
}

/// Finds the first whole batch header of the segment in `bytes` that comes later than `sequence`.
///
/// Returns its offset in `bytes`.
pub fn find_later(bytes: &[u8], salt: u64, sequence: u64) -> Option<usize> {
    let magic = BATCH_MAGIC.to_le_bytes();
    (0..bytes.len().saturating_sub(BATCH_HEADER_LEN - 1)).find(|&at| {
        bytes[at..].starts_with(&magic)
            && BatchHeader::decode(&bytes[at..], salt).is_some_and(|header| header.sequence > sequence)
    })
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the offset is inside the header"))
}

fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the offset is inside the header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_and_notice_damage() {
        let segment = SegmentHeader { salt: 77, first_sequence: 9 };
        let bytes = segment.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(segment));
        let batch = BatchHeader::of(b"payload", 12, 77);
        let encoded = batch.encode();
        assert_eq!(BatchHeader::decode(&encoded, 77), Some(batch));
        assert_eq!(BatchHeader::decode(&encoded, 78), None, "another segment's batch");
        for at in 0..BATCH_HEADER_LEN {
            let mut damaged = encoded;
            damaged[at] ^= 0x10;
            assert_eq!(BatchHeader::decode(&damaged, 77), None, "byte {at}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = SegmentHeader { salt: 1, first_sequence: 1 }.encode();
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..44]);
        bytes[44..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(SegmentHeaderError::Version(2)));
    }

    #[test]
    fn only_later_batches_of_the_segment_are_found() {
        let mut bytes = b"garbage BTCH garbage".to_vec();
        bytes.extend(BatchHeader::of(b"", 5, 1).encode());
        bytes.extend(BatchHeader::of(b"", 7, 2).encode());
        assert_eq!(find_later(&bytes, 1, 5), None);
        assert_eq!(find_later(&bytes, 1, 4), Some(20));
    }
}
