//! Formats of strings. One that is not known holds for every string.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns whether a string has a format.
pub(super) fn holds(format: &str, text: &str) -> bool {
    match format.replace('-', "").as_str() {
        "date" => date(text),
        "datetime" => date_time(text),
        "duration" => duration(text),
        "byte" => base64(text),
        "email" => email(text),
        "hostname" => hostname(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => cidr(text),
        "mac" => mac(text),
        "uri" => uri(text),
        "uuid" => uuid(text, None),
        "uuid3" => uuid(text, Some(b'3')),
        "uuid4" => uuid(text, Some(b'4')),
        "uuid5" => uuid(text, Some(b'5')),
        "hexcolor" => hex_color(text),
        "rgbcolor" => rgb_color(text),
        "isbn" => isbn10(text) || isbn13(text),
        "isbn10" => isbn10(text),
        "isbn13" => isbn13(text),
        "creditcard" => credit_card(text),
        "ssn" => ssn(text),
        "bsonobjectid" => text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit()),
        "k8sshortname" => label(text, 63),
        "k8slongname" => text.len() <= 253 && text.split('.').all(|part| label(part, 253)),
        _ => true,
    }
}

fn label(text: &str, max: usize) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= max
        && edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn date(text: &str) -> bool {
    let Some((year, rest)) = text.split_once('-') else { return false };
    let Some((month, day)) = rest.split_once('-') else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

fn date_time(text: &str) -> bool {
    let Some((day, time)) = text.split_once(['T', 't']) else { return false };
    if !date(day) || !time.is_ascii() {
        return false;
    }
    let Some((clock, rest)) = time.split_at_checked(8) else { return false };
    let parts: Vec<Option<u32>> = clock.split(':').map(|part| digits(part, 2)).collect();
    let [Some(hour), Some(minute), Some(second)] = parts[..] else { return false };
    if hour > 23 || minute > 59 || second > 59 {
        return false;
    }
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    if zone.eq_ignore_ascii_case("z") {
        return true;
    }
    let Some(offset) = zone.strip_prefix(['+', '-']) else { return false };
    offset
        .split_once(':')
        .is_some_and(|(h, m)| digits(h, 2).is_some_and(|h| h < 24) && digits(m, 2).is_some_and(|m| m < 60))
}

fn duration(text: &str) -> bool {
    let unit = |word: &str| {
        matches!(
            word,
            "ns" | "nano"
                | "nanos"
                | "nanosecond"
                | "nanoseconds"
                | "us"
                | "µs"
                | "μs"
                | "micro"
                | "micros"
                | "microsecond"
                | "microseconds"
                | "ms"
                | "milli"
                | "millis"
                | "millisecond"
                | "milliseconds"
                | "s"
                | "sec"
                | "secs"
                | "second"
                | "seconds"
                | "m"
                | "min"
                | "mins"
                | "minute"
                | "minutes"
                | "h"
                | "hr"
                | "hrs"
                | "hour"
                | "hours"
                | "d"
                | "day"
                | "days"
                | "w"
                | "wk"
                | "wks"
                | "week"
                | "weeks"
        )
    };
    let mut rest = text.trim_start_matches(['+', '-']);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &rest[..rest.len() - after.len()];
        let after = after.trim_start_matches(' ');
        let next = after.trim_start_matches(char::is_alphabetic);
        if number.is_empty() || number.parse::<f64>().is_err() || !unit(&after[..after.len() - next.len()]) {
            return false;
        }
        any = true;
        rest = next.trim_start_matches(' ');
    }
    any
}

fn base64(text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    text.len().is_multiple_of(4)
        && padding <= 2
        && text[..text.len() - padding].iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

fn email(text: &str) -> bool {
    let address =
        text.strip_suffix('>').and_then(|head| head.rsplit_once('<')).map_or(text, |(_, address)| address);
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let dots = |part: &str| !part.is_empty() && part.split('.').all(|a| !a.is_empty() && a.chars().all(atom));
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.starts_with('[') && domain.ends_with(']');
    (dots(local) || quoted) && (dots(domain) || literal)
}

fn hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let part = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        part.chars().count() <= 63
            && edge(part.chars().next())
            && edge(part.chars().next_back())
            && part.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let parts: Vec<&str> = name.split('.').collect();
    let top = parts.last().is_some_and(|top| {
        parts.len() == 1 || top.chars().count() > 1 && top.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    text.len() <= 255 && top && parts.iter().all(|p| part(p))
}

fn cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let max = if address.is_ipv4() { 32 } else { 128 };
    length.len() <= 3
        && !length.is_empty()
        && length.bytes().all(|b| b.is_ascii_digit())
        && length.parse::<u8>().is_ok_and(|length| length <= max)
}

fn mac(text: &str) -> bool {
    let hex = |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_hexdigit());
    let split = |separator: char, size: usize, counts: [usize; 3]| {
        let parts: Vec<&str> = text.split(separator).collect();
        counts.contains(&parts.len()) && parts.iter().all(|part| hex(part, size))
    };
    split(':', 2, [6, 8, 20]) || split('-', 2, [6, 8, 20]) || split('.', 4, [3, 4, 10])
}

fn uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let first = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let escapes = rest
        .split('%')
        .skip(1)
        .all(|part| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    first && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) && escapes
}

fn uuid(text: &str, version: Option<u8>) -> bool {
    let plain: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let shaped = groups == [8, 4, 4, 4, 12] || groups == [32];
    let fourth = matches!(plain.get(16), Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B'));
    plain.len() == 32
        && shaped
        && plain.iter().all(u8::is_ascii_hexdigit)
        && version.is_none_or(|v| plain[12] == v && (v == b'3' || fourth))
}

fn hex_color(text: &str) -> bool {
    let text = text.strip_prefix('#').unwrap_or(text);
    matches!(text.len(), 3 | 6) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn rgb_color(text: &str) -> bool {
    let inner = text.strip_prefix("rgb(").and_then(|t| t.strip_suffix(')'));
    let part = |part: &str| part.trim().parse::<u8>().is_ok();
    inner.is_some_and(|inner| inner.split(',').count() == 3 && inner.split(',').all(part))
}

fn significant(text: &str) -> Vec<u8> {
    text.bytes().filter(|b| !matches!(b, b' ' | b'-')).collect()
}

fn isbn10(text: &str) -> bool {
    let text = significant(text);
    let value = |(i, b): (usize, &u8)| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        b'X' if i == 9 => Some(10),
        _ => None,
    };
    let weighted = |(i, b): (usize, &u8)| value((i, b)).map(|v| v * (u32::try_from(i).unwrap_or(0) + 1));
    text.len() == 10
        && text
            .iter()
            .enumerate()
            .map(weighted)
            .sum::<Option<u32>>()
            .is_some_and(|sum| sum.is_multiple_of(11))
}

fn isbn13(text: &str) -> bool {
    let text = significant(text);
    let weighted = |(i, b): (usize, &u8)| {
        b.is_ascii_digit().then(|| u32::from(b - b'0') * if i.is_multiple_of(2) { 1 } else { 3 })
    };
    text.len() == 13
        && text
            .iter()
            .enumerate()
            .map(weighted)
            .sum::<Option<u32>>()
            .is_some_and(|sum| sum.is_multiple_of(10))
}

fn credit_card(text: &str) -> bool {
    let text = significant(text);
    let weighted = |(i, b): (usize, &u8)| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        let doubled = if i.is_multiple_of(2) { digit } else { digit * 2 };
        Some(doubled / 10 + doubled % 10)
    };
    let sum = text.iter().rev().enumerate().map(weighted).sum::<Option<u32>>();
    (13..=19).contains(&text.len()) && sum.is_some_and(|sum| sum.is_multiple_of(10))
}

fn ssn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', ' ']).collect();
    matches!(parts[..], [a, b, c] if digits(a, 3).is_some() && digits(b, 2).is_some() && digits(c, 4).is_some())
}
