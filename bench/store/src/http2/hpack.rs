//! Header blocks (RFC 7541): written without compression, read only to explain a failure.
//!
//! Answers are not decoded, so the server's dynamic table is not followed. [`grpc_status`] walks one
//! block and recognises the status where it is spelled out, which it is in the first failing answer
//! of a connection: servers enter only repeated headers into the table.

/// Static table: `:method: POST` and `:scheme: http`.
const METHOD_POST: u8 = 0x80 | 3;
const SCHEME_HTTP: u8 = 0x80 | 6;
/// Static table: the names for which we send a literal value, never indexed by the server.
const AUTHORITY: u8 = 1;
const PATH: u8 = 4;
/// Index 31 does not fit into the prefix of four bits: 15, then the rest.
const CONTENT_TYPE: [u8; 2] = [15, 31 - 15];
/// Entries of the static table; larger indices mean the dynamic one.
const STATIC_ENTRIES: usize = 61;

/// `grpc-status` in the Huffman code.
const GRPC_STATUS_HUFFMAN: &[u8] = &[0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];

/// The header block of a unary gRPC call.
pub(crate) fn request_block(path: &str, authority: &str) -> Vec<u8> {
    let mut block = vec![METHOD_POST, SCHEME_HTTP, PATH];
    push_text(&mut block, path);
    block.push(AUTHORITY);
    push_text(&mut block, authority);
    block.extend_from_slice(&CONTENT_TYPE);
    push_text(&mut block, "application/grpc");
    block.push(0);
    push_text(&mut block, "te");
    push_text(&mut block, "trailers");
    block
}

fn push_text(block: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).ok().filter(|&length| length < 127);
    block.push(length.expect("paths, host names and content types are short"));
    block.extend_from_slice(text.as_bytes());
}

/// The gRPC status that a block of trailers spells out.
pub(crate) fn grpc_status(block: &[u8]) -> Option<u32> {
    let mut rest = Reader { bytes: block };
    while let Some(first) = rest.peek() {
        if first & 0x80 != 0 {
            rest.integer(7)?;
        } else if first & 0xe0 == 0x20 {
            rest.integer(5)?;
        } else {
            let prefix = if first & 0x40 == 0 { 4 } else { 6 };
            if let Header::Status(status) = rest.literal(prefix)? {
                return Some(status);
            }
        }
    }
    None
}

struct Reader<'a> {
    bytes: &'a [u8],
}

enum Header {
    Status(u32),
    Other,
}

struct Text<'a> {
    huffman: bool,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    /// An integer whose first byte holds `prefix` bits of it.
    fn integer(&mut self, prefix: u32) -> Option<usize> {
        let mask = (1_usize << prefix) - 1;
        let mut value = usize::from(self.byte()?) & mask;
        if value < mask {
            return Some(value);
        }
        for shift in [0, 7, 14, 21] {
            let byte = usize::from(self.byte()?);
            value += (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let huffman = self.peek()? & 0x80 != 0;
        let length = self.integer(7)?;
        let (bytes, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(Text { huffman, bytes })
    }

    /// A header with a literal value.
    fn literal(&mut self, prefix: u32) -> Option<Header> {
        let index = self.integer(prefix)?;
        let is_status = match index {
            0 => self.text()?.is_grpc_status(),
            // The name stands in the table we do not follow; the value decides.
            _ => index > STATIC_ENTRIES,
        };
        let value = self.text()?;
        Some(value.number().filter(|_| is_status).map_or(Header::Other, Header::Status))
    }
}

impl Text<'_> {
    fn is_grpc_status(&self) -> bool {
        self.bytes == if self.huffman { GRPC_STATUS_HUFFMAN } else { b"grpc-status" }
    }

    fn number(&self) -> Option<u32> {
        let digits = if self.huffman { huffman_digits(self.bytes)? } else { self.bytes.to_vec() };
        str::from_utf8(&digits).ok()?.parse().ok()
    }
}

/// Decodes a Huffman string of decimal digits; `None` if it holds anything else.
///
/// The codes of 0, 1 and 2 are those numbers in five bits, of 3 to 9 they are 25 to 31 in six.
fn huffman_digits(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut digits = Vec::new();
    let (mut code, mut bits) = (0_u8, 0);
    for shift in (0..bytes.len() * 8).rev() {
        let byte = bytes[bytes.len() - 1 - shift / 8];
        code = code << 1 | byte >> (shift % 8) & 1;
        bits += 1;
        match (bits, code) {
            (5, 0..=2) => digits.push(b'0' + code),
            (6, 25..=31) => digits.push(b'3' + code - 25),
            // Padding may be seven bits long.
            (6, 63) if shift < 2 => continue,
            (6, _) => return None,
            _ => continue,
        }
        (code, bits) = (0, 0);
    }
    // What remains must be padding: ones.
    let padding = (1_u8 << bits) - 1;
    (code == padding).then_some(digits)
}

#[cfg(test)]
mod tests;
