//! Tags, numbers and lengths.

use super::ProtobufError;

/// What stands behind a tag.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A group or 32 bits: no field of ours has such a form.
    Other(u8),
}

impl<'a> Wire<'a> {
    pub(super) fn bytes(self, field: &str) -> Result<&'a [u8], ProtobufError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed64(_) | Self::Other(_) => Err(self.wrong(field)),
        }
    }

    pub(super) fn text(self, field: &str) -> Result<&'a str, ProtobufError> {
        str::from_utf8(self.bytes(field)?).map_err(|_| ProtobufError::NotUtf8)
    }

    pub(super) fn varint(self, field: &str) -> Result<u64, ProtobufError> {
        match self {
            Self::Varint(number) => Ok(number),
            Self::Bytes(_) | Self::Fixed64(_) | Self::Other(_) => Err(self.wrong(field)),
        }
    }

    pub(super) fn double(self, field: &str) -> Result<f64, ProtobufError> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            Self::Bytes(_) | Self::Varint(_) | Self::Other(_) => Err(self.wrong(field)),
        }
    }

    fn wrong(self, field: &str) -> ProtobufError {
        let found = match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Other(other) => other,
        };
        ProtobufError::WireType { found, field: field.to_owned() }
    }
}

/// Reads a message field by field.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the next field, `None` at the end.
    pub(super) fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, ProtobufError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed64()?),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            3 => {
                self.skip_group()?;
                Wire::Other(3)
            }
            4 => return Err(ProtobufError::UnexpectedEndGroup),
            _ => {
                self.take(4)?;
                Wire::Other(5)
            }
        };
        Ok(Some((number, value)))
    }

    fn tag(&mut self) -> Result<(u32, u8), ProtobufError> {
        let tag = self.varint()?;
        let wire_type = u8::try_from(tag & 7).expect("three bits");
        match u32::try_from(tag >> 3) {
            Ok(number) if number > 0 && number < 1 << 29 && wire_type < 6 => Ok((number, wire_type)),
            Ok(_) | Err(_) => Err(ProtobufError::IllegalTag(tag)),
        }
    }

    pub(super) fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut number = 0;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        Err(if self.rest.len() < 10 { ProtobufError::Truncated } else { ProtobufError::Overflow })
    }

    fn fixed64(&mut self) -> Result<u64, ProtobufError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(ProtobufError::Truncated)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*head))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ProtobufError> {
        let length = usize::try_from(length).map_err(|_| ProtobufError::Truncated)?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(ProtobufError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// Skips to the end of the group that has begun; counts instead of recursing.
    fn skip_group(&mut self) -> Result<(), ProtobufError> {
        let mut open = 1_usize;
        while open > 0 {
            match self.tag()?.1 {
                0 => drop(self.varint()?),
                1 => drop(self.fixed64()?),
                2 => {
                    let length = self.varint()?;
                    self.take(length)?;
                }
                3 => open += 1,
                4 => open -= 1,
                _ => drop(self.take(4)?),
            }
        }
        Ok(())
    }
}

pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

pub(super) fn put_tag(number: u32, wire_type: u8, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | u64::from(wire_type), out);
}

pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_tag(number, 2, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn put_number(number: u32, value: i64, out: &mut Vec<u8>) {
    put_tag(number, 0, out);
    put_varint(value.cast_unsigned(), out);
}

/// Writes a nested message: its length is put before it once it is known. Most are short and stay in place.
pub(super) fn put_message<T>(number: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    put_tag(number, 2, out);
    let at = out.len();
    out.push(0);
    let result = write(out);
    let length = out.len() - at - 1;
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out[at] = short,
        Ok(_) | Err(_) => {
            let mut prefix = Vec::with_capacity(10);
            put_varint(length as u64, &mut prefix);
            out.splice(at..=at, prefix);
        }
    }
    result
}
