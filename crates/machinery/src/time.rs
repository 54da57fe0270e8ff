//! Moments (RFC 3339) and durations as Go writes and reads them.
//!
//! Moments are counted from 1970 in UTC, without leap seconds. Years 0 to 9999 can be written.

use std::fmt::Write as _;

const DAY: i64 = 86_400;
const MICROS: i64 = 1_000_000;
/// The seconds of the years 0 to 9999.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// Writes a moment with seconds, `2026-11-21T16:00:00Z`. Moments out of range are cut to it.
pub fn format_seconds(unix_seconds: i64) -> String {
    let mut out = date_and_time(unix_seconds);
    out.push('Z');
    out
}

/// Writes a moment with microseconds, `2026-11-21T16:00:00.000000Z`.
pub fn format_micros(unix_micros: i64) -> String {
    let mut out = date_and_time(unix_micros.div_euclid(MICROS));
    write!(out, ".{:06}Z", unix_micros.rem_euclid(MICROS)).expect("a String takes all");
    out
}

fn date_and_time(unix_seconds: i64) -> String {
    let seconds = unix_seconds.clamp(*RANGE.start(), *RANGE.end());
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let rest = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Returns year, month and day of a day counted from 1970.
///
/// Counted in years that begin in March, leap days come last and months have a simple rhythm.
pub fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_month)
}

/// Returns the day, counted from 1970, of a date.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads a moment with any offset, in microseconds; what is finer is cut off.
pub fn parse(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let (year, month, day) =
        (number(&mut rest, 4, b'-')?, number(&mut rest, 2, b'-')?, number(&mut rest, 2, b'T')?);
    let (hour, minute, second) =
        (number(&mut rest, 2, b':')?, number(&mut rest, 2, b':')?, digits(&mut rest, 2)?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let micros = fraction(&mut rest)?;
    let offset = offset(rest)?;
    let seconds = day_number(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    valid.then_some(seconds * MICROS + micros)
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    head.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn number(rest: &mut &[u8], count: usize, end: u8) -> Option<i64> {
    let number = digits(rest, count)?;
    *rest = rest.strip_prefix(&[end])?;
    Some(number)
}

fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let Some(after) = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) else { return Some(0) };
    let count = after.iter().take_while(|b| b.is_ascii_digit()).count();
    let (head, tail) = after.split_at_checked(count).filter(|_| count > 0)?;
    *rest = tail;
    let padded = head.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Some(padded.fold(0, |n, b| n * 10 + i64::from(b - b'0')))
}

/// Reads `Z` or `+01:30`, in seconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, mut rest) = match text {
        b"Z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = (number(&mut rest, 2, b':')?, digits(&mut rest, 2)?);
    (rest.is_empty() && hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration such as `1h30m` or `-1.5s`, in nanoseconds; the error is in the words of Go.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (amount, tail) = rest.split_at(end);
        let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
        if (whole.is_empty() && part.is_empty()) || part.contains('.') {
            return Err(invalid());
        }
        let end = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at(end);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let unit = UNITS.iter().find(|(known, _)| *known == name);
        let (_, unit) = unit.ok_or_else(|| format!("time: unknown unit {name:?} in duration {text:?}"))?;
        let nanos = whole_and_part(whole, part, *unit);
        total = nanos.and_then(|n| total.checked_add(n)).filter(|t| *t <= 1 << 63).ok_or_else(invalid)?;
        rest = tail;
    }
    if negative {
        return Ok(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn whole_and_part(whole: &str, part: &str, unit: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Nothing finer than a nanosecond of an hour can be seen in eighteen digits.
    let part = &part[..part.len().min(18)];
    let numerator = if part.is_empty() { 0 } else { part.parse::<u128>().ok()? };
    let fraction = numerator * u128::from(unit) / 10_u128.pow(u32::try_from(part.len()).ok()?);
    whole.checked_mul(unit)?.checked_add(u64::try_from(fraction).ok()?)
}

/// Writes a duration of nanoseconds as Go does, `1h30m0s`.
pub fn format_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    if size == 0 {
        return "0s".to_owned();
    }
    if let Some((unit, name)) = [(1, "ns"), (1_000, "µs"), (1_000_000, "ms")]
        .into_iter()
        .rfind(|(unit, _)| size >= *unit && size < 1_000_000_000)
    {
        return format!("{sign}{}{name}", with_fraction(size, unit));
    }
    let seconds = size / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = with_fraction(size % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        (_, _) => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn with_fraction(nanos: u64, unit: u64) -> String {
    let width = usize::try_from(unit.ilog10()).unwrap_or(0);
    let text = format!("{}.{:0width$}", nanos / unit, nanos % unit);
    let text = if nanos.is_multiple_of(unit) {
        text.split('.').next().unwrap_or("")
    } else {
        text.trim_end_matches('0')
    };
    text.to_owned()
}

/// Writes an age as tables show it, such as `5d3h`: two figures at most, coarser the longer it is.
pub fn human_duration(seconds: i64) -> String {
    let pair = |large: i64, unit: char, small: i64, part: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{part}"),
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => pair(days, 'd', hours % 24, 'h'),
        _ if days < 730 => format!("{days}d"),
        _ if days < 8 * 365 => pair(days / 365, 'y', days % 365, 'd'),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_written() {
        assert_eq!(format_seconds(0), "1970-01-01T00:00:00Z");
        assert_eq!(format_seconds(1_795_276_800), "2026-11-21T16:00:00Z");
        assert_eq!(format_seconds(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(format_seconds(-1), "1969-12-31T23:59:59Z");
        assert_eq!(format_micros(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(format_seconds(i64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(format_seconds(i64::MIN), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn moments_are_read() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(parse("1970-01-01T01:00:00.5+01:00"), Some(500_000));
        assert_eq!(parse("1969-12-31T19:00:00.0000019-05:00"), Some(1));
        assert_eq!(parse("2024-02-29T00:00:00Z").map(|t| t / MICROS), Some(1_709_164_800));
        let wrong = [
            "",
            "2023-02-29T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-00T00:00:00Z",
            "24-01-01T00:00:00Z",
            "2024-01-01T00:00:00Zé",
            "é024-01-01T00:00:00Z",
        ];
        for text in wrong {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        let table = [
            ("1h30m", "1h30m0s"),
            ("90s", "1m30s"),
            ("1.5s", "1.5s"),
            ("0", "0s"),
            ("-1m", "-1m0s"),
            ("1us", "1µs"),
            (".5h", "30m0s"),
            ("1500µs", "1.5ms"),
            ("2ns", "2ns"),
            ("60m", "1h0m0s"),
            ("1m0.001s", "1m0.001s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ];
        for (text, shown) in table {
            assert_eq!(parse_duration(text).map(format_duration), Ok(shown.to_owned()), "{text}");
        }
        let fails = |text: &str| parse_duration(text).expect_err(text);
        assert_eq!(fails(""), "time: invalid duration \"\"");
        assert_eq!(fails("10"), "time: missing unit in duration \"10\"");
        assert_eq!(fails("1d"), "time: unknown unit \"d\" in duration \"1d\"");
        for text in ["-", "s", "1.2.3s", ".s", "9223372036854775808ns", "99999999999h", "1 h2"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_are_short() {
        const HOUR: i64 = 3600;
        let table = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 60, "3h1m"),
            (8 * HOUR, "8h"),
            (47 * HOUR, "47h"),
            (48 * HOUR, "2d"),
            (123 * HOUR, "5d3h"),
            (8 * DAY, "8d"),
            (729 * DAY, "729d"),
            (730 * DAY, "2y"),
            (731 * DAY, "2y1d"),
            (2920 * DAY, "8y"),
            (i64::MAX, "292471208677y"),
        ];
        for (seconds, shown) in table {
            assert_eq!(human_duration(seconds), shown, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn moments_survive(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            prop_assert_eq!(parse(&format_micros(micros)), Some(micros));
            let seconds = micros.div_euclid(MICROS);
            prop_assert_eq!(parse(&format_seconds(seconds)), Some(seconds * MICROS));
        }

        #[test]
        fn durations_survive(nanos: i64) {
            prop_assert_eq!(parse_duration(&format_duration(nanos)), Ok(nanos));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}|[-0-9TZ:.+]{0,30}|[0-9.hmsuµn-]{0,40}") {
            prop_assert!(parse(&text).is_none_or(|micros| parse(&format_micros(micros)).is_some()));
            prop_assert!(parse_duration(&text).is_ok() || !parse_duration(&text).expect_err("checked").is_empty());
        }
    }
}
