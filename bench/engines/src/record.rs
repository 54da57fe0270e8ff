//! One stored revision, and the body every engine stores for it.

use anyhow::{Context, Result};

const FIXED: usize = 8 + 8 + 8 + 2;

/// One revision of one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) revision: u64,
    pub(crate) create_revision: u64,
    pub(crate) version: u64,
    pub(crate) lease: u64,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> Record<'a> {
    /// Appends everything but the revision, which each engine stores in its own way.
    pub(crate) fn encode_body(&self, out: &mut Vec<u8>) -> Result<()> {
        let key_len = u16::try_from(self.key.len()).context("key longer than 64 KiB")?;
        out.extend_from_slice(&self.create_revision.to_le_bytes());
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.lease.to_le_bytes());
        out.extend_from_slice(&key_len.to_le_bytes());
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
        Ok(())
    }

    /// The inverse of [`Record::encode_body`].
    pub(crate) fn decode_body(revision: u64, body: &'a [u8]) -> Result<Self> {
        let (fixed, rest) = body.split_at_checked(FIXED).context("record too short")?;
        let key_len = usize::from(u16::from_le_bytes([fixed[24], fixed[25]]));
        let (key, value) = rest.split_at_checked(key_len).context("key runs past the record")?;
        Ok(Self {
            revision,
            create_revision: u64_at(fixed, 0)?,
            version: u64_at(fixed, 8)?,
            lease: u64_at(fixed, 16)?,
            key,
            value,
        })
    }
}

/// Reads a little-endian `u64`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Result<u64> {
    let field = bytes.get(at..at + 8).context("field runs past the buffer")?;
    Ok(u64::from_le_bytes(field.try_into()?))
}

/// Reads a little-endian `u32`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let field = bytes.get(at..at + 4).context("field runs past the buffer")?;
    Ok(u32::from_le_bytes(field.try_into()?))
}
