//! Mends the `:authority` of HTTP/2 requests on their way in.
//!
//! Clients of etcd up to 3.4, and some of 3.5, send what is no authority: `http://127.0.0.1:2379`, or a
//! list of endpoints. Go's server takes it; the HTTP/2 library here refuses the request with
//! `PROTOCOL_ERROR`, as the RFC has it. Nothing here reads the authority, so every literal one is
//! overwritten, in place and at the same length, by letters that are valid.
//!
//! That takes reading frames, and of header blocks the outer form (RFC 7541, section 6): which fields are
//! literals, and how long they are. The overwritten value is never longer, decoded, than the original,
//! so no entry of the dynamic table that the client counts on is lost.

/// What an HTTP/2 client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// The index of `:authority` in the static table.
const AUTHORITY: u64 = 1;
/// A letter as it stands in a plain literal.
const PLAIN: u8 = b'x';
/// The letter `X` in Huffman's code, which has 8 bits there.
const HUFFMAN: u8 = 0xfc;

/// The state of one connection's incoming bytes.
#[derive(Debug)]
pub(super) struct AuthorityMender {
    place: Place,
    fields: Fields,
}

#[derive(Debug)]
enum Place {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// No HTTP/2: nothing to mend.
    Other,
    /// In a frame's header, of which so many bytes have come.
    Header([u8; FRAME_HEADER], usize),
    /// In a frame whose content does not matter; so many bytes are left.
    Skip(usize),
    /// In front of a header block: so many bytes to pass, the first of them the length of the padding or not.
    Prologue { padded: bool, pass: usize, left: usize, end: bool },
    /// In a header block of so many bytes, with so many of padding behind it.
    Block { left: usize, padding: usize, end: bool },
}

impl Default for AuthorityMender {
    fn default() -> Self {
        Self { place: Place::Preface(0), fields: Fields::Start }
    }
}

impl AuthorityMender {
    /// Mends the next bytes of the connection.
    pub(super) fn mend(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let used = self.step(bytes);
            bytes = &mut bytes[used..];
        }
    }

    /// Takes some bytes; returns how many.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        match &mut self.place {
            Place::Other => bytes.len(),
            Place::Preface(seen) => {
                let used = bytes.len().min(PREFACE.len() - *seen);
                if bytes[..used] != PREFACE[*seen..*seen + used] {
                    self.place = Place::Other;
                    return bytes.len();
                }
                *seen += used;
                if *seen == PREFACE.len() {
                    self.place = Place::Header([0; FRAME_HEADER], 0);
                }
                used
            }
            Place::Header(header, seen) => {
                let used = bytes.len().min(FRAME_HEADER - *seen);
                header[*seen..*seen + used].copy_from_slice(&bytes[..used]);
                *seen += used;
                if *seen == FRAME_HEADER {
                    let header = *header;
                    self.begin_frame(header);
                }
                used
            }
            Place::Skip(left) => {
                let used = bytes.len().min(*left);
                *left -= used;
                if *left == 0 {
                    self.place = Place::Header([0; FRAME_HEADER], 0);
                }
                used
            }
            Place::Prologue { padded, pass, left, end } => {
                let (end, mut left, mut pass, padded) = (*end, *left, *pass, *padded);
                let padding = if padded { usize::from(bytes[0]) } else { 0 };
                // The padding's length is known from the first byte on, so it is kept in the block's state.
                left = left.saturating_sub(1);
                pass -= 1;
                if padded {
                    self.begin_padded(pass, left, padding, end);
                } else if pass > 0 {
                    self.place = Place::Prologue { padded: false, pass, left, end };
                } else {
                    self.begin_block(left, 0, end);
                }
                1
            }
            Place::Block { left, padding, end } => {
                let used = bytes.len().min(*left);
                self.fields.mend(&mut bytes[..used]);
                *left -= used;
                if *left == 0 {
                    let (padding, end) = (*padding, *end);
                    self.end_block(padding, end);
                }
                used
            }
        }
    }

    fn begin_frame(&mut self, header: [u8; FRAME_HEADER]) {
        let [length @ .., kind, flags, _, _, _, _] = header;
        let left = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let end = flags & END_HEADERS != 0;
        match kind {
            HEADERS => {
                let padded = flags & PADDED != 0;
                let pass = usize::from(padded) + if flags & PRIORITY != 0 { 5 } else { 0 };
                if pass > left {
                    self.skip(left);
                } else if pass > 0 {
                    self.place = Place::Prologue { padded, pass, left, end };
                } else {
                    self.begin_block(left, 0, end);
                }
            }
            CONTINUATION => self.begin_block(left, 0, end),
            _ => self.skip(left),
        }
    }

    /// Goes on behind the byte that tells the padding. What is left counts the padding too.
    fn begin_padded(&mut self, pass: usize, left: usize, padding: usize, end: bool) {
        match left.checked_sub(padding + pass) {
            // The five bytes of the priority end in no header field, so they are passed as a field is.
            Some(block) => {
                self.fields =
                    if pass > 0 { Fields::Pass { left: pass as u64, fill: None } } else { Fields::Start };
                self.begin_block_keeping(block + pass, padding, end);
            }
            None => self.skip(left),
        }
    }

    fn begin_block(&mut self, left: usize, padding: usize, end: bool) {
        self.begin_block_keeping(left, padding, end);
    }

    fn begin_block_keeping(&mut self, left: usize, padding: usize, end: bool) {
        if left == 0 {
            self.end_block(padding, end);
        } else {
            self.place = Place::Block { left, padding, end };
        }
    }

    fn end_block(&mut self, padding: usize, end: bool) {
        if end {
            self.fields = Fields::Start;
        }
        self.skip(padding);
    }

    fn skip(&mut self, left: usize) {
        self.place = if left == 0 { Place::Header([0; FRAME_HEADER], 0) } else { Place::Skip(left) };
    }
}

/// What comes behind a number.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// The next field.
    Field,
    /// The value of the field whose name has this index, or the name itself for index 0.
    Value,
    /// The bytes of a name.
    NameBytes,
    /// The bytes of a value.
    ValueBytes { authority: bool, huffman: bool },
}

/// The place in a header block.
#[derive(Clone, Copy, Debug)]
enum Fields {
    /// A field begins.
    Start,
    /// In a number of several bytes.
    Number { value: u64, shift: u32, then: Then },
    /// The length of a name.
    NameLength,
    /// The length of a value.
    ValueLength { authority: bool },
    /// In bytes of a name or value, which are overwritten if there is something to fill in; then a field or a value.
    Pass { left: u64, fill: Option<u8> },
    /// As above, of a name: the value's length follows.
    PassName { left: u64 },
}

impl Fields {
    fn mend(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *self = self.next(byte);
        }
    }

    fn next(self, byte: &mut u8) -> Self {
        match self {
            Self::Start => begin_field(*byte),
            Self::Number { value, shift, then } => {
                let value = value.saturating_add(u64::from(*byte & 0x7f).checked_shl(shift).unwrap_or(0));
                if *byte & 0x80 == 0 {
                    number(value, then)
                } else {
                    Self::Number { value, shift: shift + 7, then }
                }
            }
            Self::NameLength => prefixed(*byte, 7, Then::NameBytes),
            Self::ValueLength { authority } => {
                prefixed(*byte, 7, Then::ValueBytes { authority, huffman: *byte & 0x80 != 0 })
            }
            Self::Pass { left, fill } => {
                if let Some(fill) = fill {
                    *byte = fill;
                }
                if left <= 1 { Self::Start } else { Self::Pass { left: left - 1, fill } }
            }
            Self::PassName { left } => {
                if left <= 1 {
                    Self::ValueLength { authority: false }
                } else {
                    Self::PassName { left: left - 1 }
                }
            }
        }
    }
}

/// Reads the first byte of a field: which form it has, and the beginning of its index.
fn begin_field(byte: u8) -> Fields {
    const LITERAL: Then = Then::Value;
    if byte & 0x80 != 0 {
        prefixed(byte, 7, Then::Field)
    } else if byte & 0x40 != 0 {
        prefixed(byte, 6, LITERAL)
    } else if byte & 0x20 != 0 {
        prefixed(byte, 5, Then::Field)
    } else {
        prefixed(byte, 4, LITERAL)
    }
}

/// Reads the first byte of a number that has `bits` bits in it.
fn prefixed(byte: u8, bits: u32, then: Then) -> Fields {
    let mask = u8::MAX >> (8 - bits);
    let value = u64::from(byte & mask);
    if byte & mask == mask { Fields::Number { value, shift: 0, then } } else { number(value, then) }
}

fn number(value: u64, then: Then) -> Fields {
    match then {
        Then::Field => Fields::Start,
        Then::Value if value == 0 => Fields::NameLength,
        Then::Value => Fields::ValueLength { authority: value == AUTHORITY },
        Then::NameBytes if value == 0 => Fields::ValueLength { authority: false },
        Then::NameBytes => Fields::PassName { left: value },
        Then::ValueBytes { .. } if value == 0 => Fields::Start,
        Then::ValueBytes { authority, huffman } => {
            let fill = authority.then_some(if huffman { HUFFMAN } else { PLAIN });
            Fields::Pass { left: value, fill }
        }
    }
}

#[cfg(test)]
mod tests;
