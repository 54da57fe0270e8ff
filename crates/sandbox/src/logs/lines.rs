//! Log entries as their reader wants them.

use std::time::SystemTime;

use super::LogOptions;

/// Turns bytes of log files into output.
#[derive(Debug)]
pub(super) struct Format {
    since: Option<SystemTime>,
    timestamps: bool,
    /// Bytes that may still be put out.
    room: Option<u64>,
    /// An entry that is not complete yet.
    rest: Vec<u8>,
    /// Whether what was put out last ended its line.
    at_start: bool,
}

/// One entry of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry<'a> {
    time: &'a str,
    partial: bool,
    text: &'a [u8],
}

impl Format {
    pub(super) fn new(options: &LogOptions) -> Self {
        Self {
            since: options.since,
            timestamps: options.timestamps,
            room: options.limit_bytes,
            rest: Vec::new(),
            at_start: true,
        }
    }

    /// Returns whether nothing more may be put out.
    pub(super) fn is_full(&self) -> bool {
        self.room == Some(0)
    }

    /// Takes bytes of a file and appends what they say to `output`.
    pub(super) fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) {
        let before = output.len();
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(end) = rest[start..].iter().position(|byte| *byte == b'\n') {
            let line = &rest[start..start + end];
            start += end + 1;
            // What is no entry was not written here.
            if let Some(entry) = parse(line) {
                self.put(entry, output);
            }
        }
        rest.drain(..start);
        self.rest = rest;
        if let Some(room) = &mut self.room {
            let allowed = usize::try_from(*room).unwrap_or(usize::MAX);
            output.truncate(before.saturating_add(allowed));
            *room -= (output.len() - before) as u64;
        }
    }

    /// Forgets an entry that will never be complete.
    pub(super) fn forget_partial(&mut self) {
        self.rest.clear();
    }

    fn put(&mut self, entry: Entry<'_>, output: &mut Vec<u8>) {
        let Entry { time, partial, text } = entry;
        if let Some(since) = self.since
            && humantime::parse_rfc3339(time).is_ok_and(|time| time < since)
        {
            return;
        }
        if self.timestamps && self.at_start {
            output.extend_from_slice(time.as_bytes());
            output.push(b' ');
        }
        output.extend_from_slice(text);
        if !partial {
            output.push(b'\n');
        }
        self.at_start = !partial;
    }
}

fn parse(line: &[u8]) -> Option<Entry<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?;
    let _stream = parts.next()?;
    let partial = match parts.next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    Some(Entry { time, partial, text: parts.next()? })
}
