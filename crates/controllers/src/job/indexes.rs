//! Sets of completion indexes, written as `1,3-5`.

use std::collections::BTreeSet;
use std::fmt::Write;

/// The indexes of Pods, in order.
pub(super) type Indexes = BTreeSet<i32>;

/// Reads indexes below a bound. What cannot be read is left out.
pub(super) fn parse(text: &str, bound: i32) -> Indexes {
    let intervals = text.split(',').filter_map(|interval| {
        let (first, last) = interval.split_once('-').unwrap_or((interval, interval));
        Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?.min(bound - 1))
    });
    intervals.flatten().collect()
}

/// Writes indexes; of three or more in a row only the first and the last.
pub(super) fn format(indexes: &Indexes) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for index in indexes {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => runs.push((*index, *index)),
        }
    }
    let mut text = String::new();
    for (first, last) in runs {
        let comma = if text.is_empty() { "" } else { "," };
        let written = match last - first {
            0 => write!(text, "{comma}{first}"),
            1 => write!(text, "{comma}{first},{last}"),
            _ => write!(text, "{comma}{first}-{last}"),
        };
        written.expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_are_written_short() {
        assert_eq!(format(&Indexes::from([1, 3, 4, 6, 7, 8])), "1,3,4,6-8");
        assert_eq!(format(&Indexes::new()), "");
        assert_eq!(parse("1,3-5,9", 5), Indexes::from([1, 3, 4]));
        assert_eq!(parse("", 5), Indexes::new());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(indexes in proptest::collection::btree_set(0_i32..50, 0..30)) {
            prop_assert_eq!(parse(&format(&indexes), 50), indexes);
        }
    }
}
