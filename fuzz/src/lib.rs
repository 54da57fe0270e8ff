//! What the targets share.

use stanchion_store_core::batch::BatchHeader;
use stanchion_store_core::record::HEADER_LEN;

/// Returns the checksum that the formats use.
pub fn crc32c(bytes: &[u8]) -> u32 {
    BatchHeader::of(bytes, 0, 0).payload_crc
}

/// Puts the head of a record before `body`, so that the checksum fits and the content gets looked at.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("inputs are short");
    let mut frame = vec![0; HEADER_LEN];
    frame[4..].copy_from_slice(&length.to_le_bytes());
    frame.extend(body);
    let crc = crc32c(&frame[4..]);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    frame
}

/// Puts the head of a batch before `payload`.
pub fn batch(payload: &[u8], sequence: u64, salt: u64) -> Vec<u8> {
    let mut batch = BatchHeader::of(payload, sequence, salt).encode().to_vec();
    batch.extend(payload);
    batch
}
