//! Moments and durations, in nanoseconds.

pub(crate) const SECOND: i64 = 1_000_000_000;

/// Returns the day since 1970 of a date of the Gregorian calendar.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns year, month and day.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn number(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Reads `2006-01-02`.
pub(crate) fn date(text: &str) -> Option<i128> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let days = day_number(year, month, day);
    (civil(days) == (year, month, day)).then(|| i128::from(days) * 86_400 * i128::from(SECOND))
}

/// Reads RFC 3339.
pub(crate) fn timestamp(text: &str) -> Option<i128> {
    let (day, time) = text.split_once(['T', 't'])?;
    let day = date(day)?;
    let (clock, rest) = time.split_at_checked(8)?;
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) =
        (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = &rest[..rest.len() - zone.len()];
            let padded: String = digits.chars().chain("000000000".chars()).take(9).collect();
            (if digits.is_empty() { None } else { padded.parse::<i64>().ok() }?, zone)
        }
        None => (0, rest),
    };
    let offset = offset(zone)?;
    let seconds = hour * 3600 + minute * 60 + second - offset;
    Some(day + i128::from(seconds) * i128::from(SECOND) + i128::from(fraction))
}

/// Reads the offset of a zone in seconds: `Z`, `UTC` or `±hh:mm`.
pub(crate) fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z" | "UTC" | "Etc/UTC" | "GMT" | "") {
        return Some(0);
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Reads a duration as Go writes it.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    let mut any = false;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let (whole, fraction) = rest[..rest.len() - after.len()]
            .split_once('.')
            .unwrap_or((&rest[..rest.len() - after.len()], ""));
        let units = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];
        let sizes =
            [1_i128, 1_000, 1_000, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000];
        let next = after.trim_start_matches(|c: char| c.is_alphabetic());
        let unit = &after[..after.len() - next.len()];
        let size = sizes[units.iter().position(|u| *u == unit)?];
        if whole.is_empty() && fraction.is_empty() || whole.len() > 18 {
            return None;
        }
        let fraction: &str = fraction.get(..fraction.len().min(12))?;
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let parse = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
        total = total.checked_add(parse(whole)?.checked_mul(size)? + parse(fraction)? * size / scale)?;
        any = true;
        rest = next;
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).ok().filter(|_| any)
}

/// Writes a moment as RFC 3339 in UTC.
pub(crate) fn show(nanos: i128) -> String {
    let second = i128::from(SECOND);
    let seconds = i64::try_from(nanos.div_euclid(second)).unwrap_or(0);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    let fraction = format!("{:09}", nanos.rem_euclid(second));
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{dot}{fraction}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Writes a duration in seconds.
pub(crate) fn show_duration(nanos: i64) -> String {
    let fraction = format!("{:09}", nanos.unsigned_abs() % SECOND.unsigned_abs());
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{}{dot}{fraction}s", nanos.unsigned_abs() / SECOND.unsigned_abs())
}
