//! Output cut into log entries.

/// The longest entry; a longer line becomes several. As container runtimes have it.
pub(super) const MAX_ENTRY: usize = 16 * 1024;

/// Output of one stream that has no end of line yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

/// Part of a line, or one that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// `F`: the line ends here.
    Full,
    /// `P`: it goes on in the next entry of this stream.
    Partial,
}

impl Lines {
    /// Takes what was read and calls `entry` for each complete line, and for what is longer than an entry.
    pub(super) fn push(&mut self, bytes: &[u8], mut entry: impl FnMut(Tag, &[u8])) {
        self.rest.extend_from_slice(bytes);
        let mut start = 0;
        loop {
            let rest = &self.rest[start..];
            match rest.iter().take(MAX_ENTRY + 1).position(|byte| *byte == b'\n') {
                Some(end) => {
                    entry(Tag::Full, &rest[..end]);
                    start += end + 1;
                }
                None if rest.len() > MAX_ENTRY => {
                    entry(Tag::Partial, &rest[..MAX_ENTRY]);
                    start += MAX_ENTRY;
                }
                None => break,
            }
        }
        self.rest.drain(..start);
    }

    /// Calls `entry` for what has no end of line: none will come.
    pub(super) fn finish(&mut self, entry: impl FnOnce(Tag, &[u8])) {
        if !self.rest.is_empty() {
            entry(Tag::Full, &self.rest);
            self.rest = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(chunks: &[Vec<u8>]) -> Vec<(Tag, Vec<u8>)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.push(chunk, |tag, line| found.push((tag, line.to_vec())));
        }
        lines.finish(|tag, line| found.push((tag, line.to_vec())));
        found
    }

    #[test]
    fn a_long_line_is_cut_and_one_that_just_fits_is_not() {
        let fits = [vec![b'x'; MAX_ENTRY], b"\n".to_vec()].concat();
        assert_eq!(entries(&[fits]), [(Tag::Full, vec![b'x'; MAX_ENTRY])]);
        let long = [vec![b'x'; MAX_ENTRY + 1], b"\n".to_vec()].concat();
        assert_eq!(entries(&[long]), [(Tag::Partial, vec![b'x'; MAX_ENTRY]), (Tag::Full, b"x".to_vec())]);
    }

    #[test]
    fn an_empty_line_is_a_line() {
        assert_eq!(
            entries(&[b"\n\na".to_vec()]),
            [(Tag::Full, Vec::new()), (Tag::Full, Vec::new()), (Tag::Full, b"a".to_vec())]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_however_it_is_read(
            lengths in prop::collection::vec(0_usize..40_000, 0..6),
            cuts in prop::collection::vec(1_usize..20_000, 1..20),
        ) {
            let text: Vec<u8> = lengths.iter().flat_map(|length| {
                let mut line = vec![b'a'; *length];
                line.push(b'\n');
                line
            }).collect();
            let mut chunks = Vec::new();
            let (mut rest, mut cuts) = (text.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (chunk, tail) = rest.split_at((*cuts.next().unwrap_or(&1)).min(rest.len()));
                chunks.push(chunk.to_vec());
                rest = tail;
            }
            let mut again = Vec::new();
            for (tag, entry) in entries(&chunks) {
                prop_assert!(entry.len() <= MAX_ENTRY);
                again.extend_from_slice(&entry);
                if tag == Tag::Full {
                    again.push(b'\n');
                }
            }
            prop_assert_eq!(again, text);
        }
    }
}
