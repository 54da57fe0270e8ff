//! Frames: `magic u32 | payload length u32 | crc32c u32 | payload`, one per group commit.
//!
//! The payload is a run of records: `body length u32 | crc32c u32 | revision u64 | body`. The
//! record's own checksum lets a point read be verified without reading the whole batch.

use anyhow::{Context, Result, ensure};

use super::Place;
use crate::record::{Record, u32_at, u64_at};

pub(super) const HEADER: usize = 12;
pub(super) const MAGIC: [u8; 4] = *b"SFRM";
/// Longest payload accepted, so that a damaged length cannot ask for gigabytes.
pub(super) const MAX_PAYLOAD: usize = 16 << 20;
const RECORD_HEADER: usize = 16;

/// Replaces `out` by one frame; pushes each record's place relative to the frame's start.
pub(super) fn encode(batch: &[Record<'_>], out: &mut Vec<u8>, places: &mut Vec<Place>) -> Result<()> {
    out.clear();
    out.resize(HEADER, 0);
    for record in batch {
        let offset = u32::try_from(out.len())?;
        encode_record(record, out)?;
        let length = u32::try_from(out.len())? - offset;
        places.push(Place { segment: 0, offset, length });
    }
    let payload = out.len() - HEADER;
    ensure!(payload <= MAX_PAYLOAD, "batch of {payload} bytes is too large");
    let crc = crc32c::crc32c(&out[HEADER..]);
    out[..4].copy_from_slice(&MAGIC);
    out[4..8].copy_from_slice(&u32::try_from(payload)?.to_le_bytes());
    out[8..12].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

fn encode_record(record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&record.revision.to_le_bytes());
    record.encode_body(out)?;
    let body = u32::try_from(out.len() - start - RECORD_HEADER)?;
    let crc = crc32c::crc32c(&out[start + 8..]);
    out[start..start + 4].copy_from_slice(&body.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// The payload length a frame header announces.
pub(super) fn payload_length(header: &[u8; HEADER]) -> Result<usize> {
    ensure!(header[..4] == MAGIC, "no frame starts here");
    let length = u32_at(header, 4)? as usize;
    ensure!(length <= MAX_PAYLOAD, "frame announces {length} bytes");
    Ok(length)
}

/// Compares the payload with the checksum in the header.
pub(super) fn check_payload(header: &[u8; HEADER], payload: &[u8]) -> Result<()> {
    let (want, got) = (u32_at(header, 8)?, crc32c::crc32c(payload));
    ensure!(want == got, "frame checksum is {got:08x}, expected {want:08x}");
    Ok(())
}

/// Splits the first record off a checked payload; also returns its length.
pub(super) fn first_record(payload: &[u8]) -> Result<(Record<'_>, usize)> {
    let length = RECORD_HEADER + u32_at(payload, 0)? as usize;
    let bytes = payload.get(..length).context("record runs past its frame")?;
    Ok((Record::decode_body(u64_at(bytes, 8)?, &bytes[RECORD_HEADER..])?, length))
}

/// Decodes and verifies one record read on its own.
pub(super) fn decode_record(bytes: &[u8]) -> Result<Record<'_>> {
    let (want, got) = (u32_at(bytes, 4)?, crc32c::crc32c(&bytes[8..]));
    ensure!(want == got, "record checksum is {got:08x}, expected {want:08x}");
    Ok(first_record(bytes)?.0)
}
