//! The hash that etcd's `HashKV` computes, so that two stores, whichever they are, can be compared.
//!
//! It is the CRC-32C of the bucket name `key` and then, in the order of revisions, of each change
//! as etcd keeps it on disk: an encoded revision and an encoded `mvccpb.KeyValue`.

use crate::types::{KeyValue, Revision};

/// Hashes changes fed in the order of their revisions.
#[derive(Clone, Debug)]
pub struct KvHasher {
    crc: u32,
    buffer: Vec<u8>,
}

impl Default for KvHasher {
    fn default() -> Self {
        Self { crc: crc32c::crc32c(b"key"), buffer: Vec::new() }
    }
}

impl KvHasher {
    /// Adds a write.
    pub fn put(&mut self, kv: &KeyValue, sub: u32) {
        self.buffer.clear();
        encode_revision(&mut self.buffer, kv.modified, sub);
        encode_key_value(&mut self.buffer, kv);
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer);
    }

    /// Adds a deletion.
    pub fn delete(&mut self, key: &[u8], revision: Revision, sub: u32) {
        self.buffer.clear();
        encode_revision(&mut self.buffer, revision, sub);
        self.buffer.push(b't');
        encode_bytes(&mut self.buffer, 1, key);
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer);
    }

    /// Returns the hash.
    pub fn finish(&self) -> u32 {
        self.crc
    }
}

fn encode_revision(out: &mut Vec<u8>, revision: Revision, sub: u32) {
    out.extend(revision.0.to_be_bytes());
    out.push(b'_');
    out.extend(u64::from(sub).to_be_bytes());
}

/// Encodes the fields of `mvccpb.KeyValue` in protobuf's canonical form: by number, zeros left out.
fn encode_key_value(out: &mut Vec<u8>, kv: &KeyValue) {
    encode_bytes(out, 1, &kv.key);
    encode_integer(out, 2, kv.created.0);
    encode_integer(out, 3, kv.modified.0);
    encode_integer(out, 4, kv.version);
    encode_bytes(out, 5, &kv.value);
    encode_integer(out, 6, kv.lease.0);
}

fn encode_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(field << 3 | 2);
        encode_varint(out, bytes.len() as u64);
        out.extend(bytes);
    }
}

fn encode_integer(out: &mut Vec<u8>, field: u8, number: i64) {
    if number != 0 {
        out.push(field << 3);
        encode_varint(out, number.cast_unsigned());
    }
}

fn encode_varint(out: &mut Vec<u8>, mut number: u64) {
    let low = |number: u64| number.to_le_bytes()[0];
    while number >= 0x80 {
        out.push(low(number) | 0x80);
        number >>= 7;
    }
    out.push(low(number));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::LeaseId;

    #[test]
    fn the_encoding_is_protobufs() {
        let kv = KeyValue {
            key: "k".into(),
            value: "v".into(),
            created: Revision(2),
            modified: Revision(300),
            version: 1,
            lease: LeaseId(-1),
        };
        let mut out = Vec::new();
        encode_key_value(&mut out, &kv);
        let mut expected = vec![0x0a, 1, b'k', 0x10, 2, 0x18, 0xac, 2, 0x20, 1, 0x2a, 1, b'v', 0x30];
        expected.extend([0xff; 9]);
        expected.push(1);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_hash_of_nothing_is_that_of_the_bucket_name() {
        assert_eq!(KvHasher::default().finish(), crc32c::crc32c(b"key"));
    }
}
