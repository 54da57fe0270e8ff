//! Points in time as clients print them: how long ago, in two or three figures.

use serde_json::Value;

use super::read::Read;

/// What is printed where no time is known.
pub(super) const UNKNOWN: &str = "<unknown>";

/// The longest duration there is to a server that counts nanoseconds in 64 bits.
const LONGEST_SECONDS: i64 = i64::MAX / 1_000_000_000;
/// The first second of the year 1, which stands for no time at all.
const ZERO_SECONDS: i64 = -62_135_596_800;

/// Returns a duration in seconds as a short text.
///
/// Clocks may differ a little, so up to a second in the future counts as now.
pub(super) fn human_duration(seconds: i64) -> String {
    let seconds = seconds.clamp(-LONGEST_SECONDS, LONGEST_SECONDS);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        252_288_000.. => format!("{}y", days / 365),
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

/// Returns how long ago a point in time was; `<unknown>` if there is none.
pub(super) fn since(time: &Value, now: i64) -> String {
    seconds(time).map_or_else(|| UNKNOWN.to_owned(), |then| human_duration(now.saturating_sub(then)))
}

/// Returns how long ago an object was created.
pub(super) fn of(object: &Value, now: i64) -> String {
    since(object.at("metadata.creationTimestamp"), now)
}

/// Returns the seconds of a point in time since 1970; none if it is not one or stands for none.
pub(super) fn seconds(time: &Value) -> Option<i64> {
    time.as_str().and_then(parse).filter(|&seconds| seconds != ZERO_SECONDS)
}

/// Returns the seconds since 1970 of a text such as `2026-01-02T03:04:05.678Z`, without its fraction.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (clock, rest) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        let digits = clock.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let marks: Option<Vec<u8>> =
        [4, 7, 10, 13, 16].into_iter().map(|at| clock.as_bytes().get(at).copied()).collect();
    if marks.as_deref() != Some(b"--T::") {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = offset(without_fraction(rest)?)?;
    Some(days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix(['.', ',']) else { return Some(rest) };
    let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (zone.len() < fraction.len()).then_some(zone)
}

fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let two = |digits: &str| {
        let good = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| digits.parse::<i64>().ok())?
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970 to a date of the years 0 to 9999.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Whole years before this one, with the leap day of each fourth but not each hundredth but each 400th.
    let past = year - 1;
    let leaps = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    let in_year: i64 = (1..month).map(|m| days_of(year, m)).sum();
    past * 365 + leaps + in_year + (day - 1) - 719_162
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_have_two_or_three_figures() {
        let (m, h, d) = (60, 3600, 86_400);
        let cases = [
            (i64::MIN, "<invalid>"),
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (9 * m + 59, "9m59s"),
            (10 * m + 30, "10m"),
            (3 * h - 1, "179m"),
            (3 * h, "3h"),
            (7 * h + 59 * m + 59, "7h59m"),
            (8 * h + 5 * m, "8h"),
            (2 * d - 1, "47h"),
            (2 * d + h - 1, "2d"),
            (7 * d + 23 * h, "7d23h"),
            (8 * d + 23 * h, "8d"),
            (730 * d - 1, "729d"),
            (730 * d, "2y"),
            (731 * d, "2y1d"),
            (8 * 365 * d - 1, "7y364d"),
            (8 * 365 * d, "8y"),
            (i64::MAX, "292y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human_duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn points_in_time_are_read_in_any_zone() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T12:00:01Z", Some(1_709_208_001)),
            ("2024-02-29T12:00:01.999999Z", Some(1_709_208_001)),
            ("2024-02-29T13:30:01+01:30", Some(1_709_208_001)),
            ("2024-02-28T22:00:01-14:00", Some(1_709_208_001)),
            ("0001-01-01T00:00:00Z", Some(ZERO_SECONDS)),
            ("2023-02-29T12:00:01Z", None),
            ("2024-13-01T00:00:00Z", None),
            ("2024-01-01T24:00:00Z", None),
            ("2024-01-01T00:00:00", None),
            ("2024-01-01T00:00:00.Z", None),
            ("2024-01-01 00:00:00Z", None),
            ("2024-01-01T00:00:00+1:00", None),
            ("+024-01-01T00:00:00Z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn no_time_is_unknown() {
        for none in [json!(null), json!(7), json!(""), json!("0001-01-01T00:00:00Z")] {
            assert_eq!(since(&none, 100), "<unknown>");
        }
        assert_eq!(since(&json!("1970-01-01T00:00:10Z"), 100), "90s");
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "\\PC{0,32}") {
            parse(&text);
        }

        #[test]
        fn a_day_has_as_many_seconds_wherever_it_is(year in 0i64..9999, month in 1i64..=12) {
            let last = days_of(year, month);
            let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert_eq!(days_before(year, month, last) + 1, days_before(next_year, next_month, 1));
        }
    }
}
