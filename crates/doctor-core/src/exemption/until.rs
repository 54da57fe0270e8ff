//! When an exemption ends.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The length of `2027-01-31`.
const DATE: usize = 10;

/// When an exemption ends: at a moment, or with the end of a day (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Until {
    text: String,
    /// From when on it is over, in seconds since the Unix epoch.
    over: i64,
}

impl Until {
    /// Reads a date (`2027-01-31`, of which all is within) or a moment (RFC 3339).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let over = if text.len() == DATE {
            let next = text.parse::<Date>().ok()?.tomorrow().ok()?;
            next.to_zoned(TimeZone::UTC).ok()?.timestamp()
        } else {
            text.parse::<Timestamp>().ok()?
        };
        Some(Self { text: text.to_owned(), over: over.as_second() })
    }

    pub(crate) fn is_over(&self, now: i64) -> bool {
        now >= self.over
    }

    /// Returns it as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_within_to_its_end() {
        let until = Until::parse("2027-01-31").expect("a date");
        let midnight = 1_801_440_000;
        assert!(!until.is_over(midnight - 1) && until.is_over(midnight));
        let moment = Until::parse("2027-02-01T01:00:00+01:00").expect("a moment");
        assert!(!moment.is_over(midnight - 1) && moment.is_over(midnight));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "tomorrow", "2027-02-30", "31.01.2027", "2027-01", "2027-01-31T00:00:00", "9999-12-31"]
        {
            assert_eq!(Until::parse(text), None, "{text:?}");
        }
    }
}
