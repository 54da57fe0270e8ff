//! What the targets share.

pub mod objects;

use stanchion_store_core::batch::BatchHeader;
use stanchion_store_core::record::HEADER_LEN;

/// Kinds whose schemas have everything that schemas can have, with their groups and versions.
pub const KINDS: [(&str, &str, &str); 4] = [
    ("io.k8s.api.core.v1.Pod", "v1", "Pod"),
    ("io.k8s.api.apps.v1.Deployment", "apps/v1", "Deployment"),
    ("io.k8s.api.core.v1.Service", "v1", "Service"),
    ("io.k8s.api.networking.v1.NetworkPolicy", "networking.k8s.io/v1", "NetworkPolicy"),
];

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
