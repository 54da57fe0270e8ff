//! Schedules of `CronJobs`, as the library of the real server reads them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use stanchion_machinery::time::parse_duration;

/// What a field of a schedule may be.
struct Bounds {
    least: u64,
    most: u64,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Bounds; 5] = [
    Bounds { least: 0, most: 59, names: &[] },
    Bounds { least: 0, most: 23, names: &[] },
    Bounds { least: 1, most: 31, names: &[] },
    Bounds { least: 1, most: 12, names: &MONTHS },
    Bounds { least: 0, most: 6, names: &DAYS },
];

/// Says what is wrong with a schedule.
pub(super) fn check(schedule: &str) -> Result<(), String> {
    let mut rest = schedule;
    if let Some(zoned) = schedule.strip_prefix("CRON_TZ=").or_else(|| schedule.strip_prefix("TZ=")) {
        let (zone, after) = zoned.split_once(' ').unwrap_or((zoned, ""));
        if !is_location(zone) {
            return Err(format!("provided bad location {zone}: unknown time zone {zone}"));
        }
        rest = after.trim();
    }
    if rest.starts_with('@') {
        return check_word(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let shown = fields.join(" ");
        return Err(format!("expected exactly 5 fields, found {}: [{shown}]", fields.len()));
    }
    fields.iter().zip(&FIELDS).try_for_each(|(field, bounds)| {
        field.split(',').filter(|part| !part.is_empty()).try_for_each(|part| check_range(part, bounds))
    })
}

fn check_word(word: &str) -> Result<(), String> {
    if matches!(word, "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly") {
        return Ok(());
    }
    let Some(every) = word.strip_prefix("@every ") else {
        return Err(format!("unrecognized descriptor: {word}"));
    };
    match parse_duration(every) {
        Ok(_) => Ok(()),
        Err(problem) => Err(format!("failed to parse duration {word}: {problem}")),
    }
}

fn check_range(text: &str, bounds: &Bounds) -> Result<(), String> {
    let mut parts = text.split('/');
    let range = parts.next().unwrap_or("");
    let step = parts.next();
    let ends: Vec<&str> = range.split('-').collect();
    let (start, mut end) = if matches!(ends[0], "*" | "?") {
        (bounds.least, bounds.most)
    } else {
        let start = number_or_name(ends[0], bounds.names)?;
        match ends[..] {
            [_] => (start, start),
            [_, end] => (start, number_or_name(end, bounds.names)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let mut every = 1;
    if let Some(step) = step {
        if parts.next().is_some() {
            return Err(format!("too many slashes: {text}"));
        }
        every = number(step)?;
        if ends.len() == 1 {
            end = bounds.most;
        }
    }
    let (least, most) = (bounds.least, bounds.most);
    if start < least {
        Err(format!("beginning of range ({start}) below minimum ({least}): {text}"))
    } else if end > most {
        Err(format!("end of range ({end}) above maximum ({most}): {text}"))
    } else if start > end {
        Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"))
    } else if every == 0 {
        Err(format!("step of range should be a positive number: {text}"))
    } else {
        Ok(())
    }
}

fn number_or_name(text: &str, names: &[&str]) -> Result<u64, String> {
    let index = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match index {
        // Months count from one, days of the week from zero.
        Some(index) => Ok(index as u64 + u64::from(names.len() == MONTHS.len())),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let fail = |why: &str| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: {why}");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fail("invalid syntax"));
    }
    let number: i64 = text.parse().map_err(|_| fail("value out of range"))?;
    u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}

static ZONES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| include_str!("zones.txt").lines().collect());

fn is_location(zone: &str) -> bool {
    matches!(zone, "" | "Local") || ZONES.contains(zone)
}

/// Says what is wrong with the name of a time zone.
pub(super) fn check_zone(zone: &str) -> Vec<String> {
    if zone.is_empty() {
        return vec!["timeZone must be nil or non-empty string".to_owned()];
    }
    let is_part = |part: &str| {
        let fits = (1..=14).contains(&part.len()) && !matches!(part, "." | "..") && !part.starts_with('-');
        fits && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
    };
    let unknown = || format!("unknown time zone {zone}");
    if !zone.split('/').all(is_part) {
        return vec![unknown()];
    }
    let mut reasons = Vec::new();
    if zone.eq_ignore_ascii_case("Local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        reasons.push(detail.to_owned());
    }
    if !is_location(zone) {
        reasons.push(unknown());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_as_cron_reads_them() {
        for good in [
            "* * * * *",
            "*/5 0-23/2 1,15 jan-DEC mon-fri",
            "0 0 ? * 0",
            "59 23 31 12 6",
            "5/15 * * * *",
            ",1, * * * *",
            "  0\t0 * * *  ",
            "@hourly",
            "@every 1h30m",
            "TZ=UTC 0 0 * * *",
            "CRON_TZ=Europe/Berlin @daily",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "expected exactly 5 fields, found 0: []"),
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("1/2/3 * * * *", "too many slashes: 1/2/3"),
            ("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
            ("-1 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"),
            ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
            ("* * * * 7", "end of range (7) above maximum (6): 7"),
            ("@never", "unrecognized descriptor: @never"),
            ("TZ=Nowhere * * * * *", "provided bad location Nowhere: unknown time zone Nowhere"),
            ("TZ=0", "provided bad location 0: unknown time zone 0"),
        ] {
            assert_eq!(check(bad), Err(why.to_owned()), "{bad}");
        }
        assert!(check("@every soon").is_err());
        assert!(check("99999999999999999999 * * * *").is_err_and(|why| why.ends_with("value out of range")));
    }

    #[test]
    fn time_zones_are_known_by_name() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert_eq!(check_zone(good), Vec::<String>::new(), "{good}");
        }
        for bad in ["", "Mars/Phobos", "../etc", "Europe//Berlin", "-a", "Local", "local"] {
            assert!(!check_zone(bad).is_empty(), "{bad:?}");
        }
        assert_eq!(check_zone("Europe/Berl1n"), ["unknown time zone Europe/Berl1n"]);
    }
}
