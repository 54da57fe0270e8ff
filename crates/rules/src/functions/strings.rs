//! Functions of strings.

use std::rc::Rc;

use stanchion_machinery::structural::Pattern;

use super::convert::shown;
use crate::eval::{Machine, Outcome};
use crate::value::{Fault, Val};

pub(super) fn call<'a>(
    machine: &mut Machine<'a>,
    target: &Val<'a>,
    name: &str,
    args: &[Val<'a>],
    pattern: Option<&Pattern>,
) -> Option<Outcome<'a>> {
    let text = target.as_str()?;
    if let Err(fault) = machine.charge_text(text.len()) {
        return Some(Err(fault));
    }
    let first = args.first().and_then(Val::as_str);
    Some(match (name, first, args) {
        ("startsWith", Some(part), [_]) => Ok(Val::Bool(text.starts_with(part))),
        ("endsWith", Some(part), [_]) => Ok(Val::Bool(text.ends_with(part))),
        ("contains", Some(part), [_]) => match machine.charge_text(part.len()) {
            Ok(()) => Ok(Val::Bool(text.contains(part))),
            Err(fault) => Err(fault),
        },
        ("matches" | "find" | "findAll", Some(source), _) => {
            search(machine, text, name, source, args, pattern)
        }
        ("lowerAscii", None, []) => Ok(Val::text(text.to_ascii_lowercase())),
        ("upperAscii", None, []) => Ok(Val::text(text.to_ascii_uppercase())),
        ("trim", None, []) => Ok(Val::text(text.trim())),
        ("charAt", None, [index]) => char_at(text, index),
        ("substring", None, [from]) => substring(text, from, None),
        ("substring", None, [from, to]) => substring(text, from, Some(to)),
        ("indexOf", Some(part), [_]) => Ok(index(text, part, 0, false)),
        ("lastIndexOf", Some(part), [_]) => Ok(index(text, part, 0, true)),
        ("indexOf", Some(part), [_, Val::Int(from)]) => match usize::try_from(*from) {
            Ok(from) => Ok(index(text, part, from, false)),
            Err(_) => Fault::error(format!("index out of range: {from}")),
        },
        ("lastIndexOf", Some(part), [_, Val::Int(to)]) => match usize::try_from(*to) {
            Ok(to) => {
                let count = part.chars().count();
                let head: String = text.chars().take(to.saturating_add(count)).collect();
                Ok(index(&head, part, 0, true))
            }
            Err(_) => Fault::error(format!("index out of range: {to}")),
        },
        ("split", Some(separator), [_]) => split(machine, text, separator, None),
        ("split", Some(separator), [_, Val::Int(limit)]) => split(machine, text, separator, Some(*limit)),
        ("replace", Some(from), [_, to]) => replace(machine, text, from, to, -1),
        ("replace", Some(from), [_, to, Val::Int(count)]) => replace(machine, text, from, to, *count),
        ("format", None, [list]) => format(machine, text, list),
        _ => return None,
    })
}

fn int<'a>(value: usize) -> Val<'a> {
    Val::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Returns the place of a part in characters, −1 if it is not there.
fn index<'a>(text: &str, part: &str, from: usize, last: bool) -> Val<'a> {
    let start = text.char_indices().nth(from).map_or(text.len(), |(at, _)| at);
    let tail = &text[start..];
    let found = if last { tail.rfind(part) } else { tail.find(part) };
    found.map_or(Val::Int(-1), |at| int(text[..start + at].chars().count()))
}

fn char_at<'a>(text: &str, index: &Val<'a>) -> Outcome<'a> {
    let Val::Int(index) = index else { return Fault::overload() };
    let count = text.chars().count();
    match usize::try_from(*index) {
        Ok(at) if at == count => Ok(Val::text("")),
        Ok(at) if at < count => Ok(Val::text(text.chars().skip(at).take(1).collect::<String>())),
        _ => Fault::error(format!("index out of range: {index}")),
    }
}

fn substring<'a>(text: &str, from: &Val<'a>, to: Option<&Val<'a>>) -> Outcome<'a> {
    let count = text.chars().count();
    let bound = |value: &Val<'a>| match value {
        Val::Int(value) => match usize::try_from(*value) {
            Ok(at) if at <= count => Ok(at),
            _ => Fault::error(format!("index out of range: {value}")),
        },
        _ => Fault::overload(),
    };
    let from = bound(from)?;
    let to = to.map_or(Ok(count), bound)?;
    if from > to {
        return Fault::error(format!("invalid substring range. start: {from}, end: {to}"));
    }
    Ok(Val::text(text.chars().skip(from).take(to - from).collect::<String>()))
}

fn split<'a>(machine: &mut Machine<'a>, text: &str, separator: &str, limit: Option<i64>) -> Outcome<'a> {
    machine.charge(text.len().div_ceil(10 * separator.len().max(1)))?;
    let parts: Vec<Val<'a>> = match limit {
        Some(0) => Vec::new(),
        Some(limit) if limit > 0 => {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            if separator.is_empty() {
                let head = text.chars().take(limit - 1).map(|c| Val::text(c.to_string()));
                let rest: String = text.chars().skip(limit - 1).collect();
                head.chain((!rest.is_empty()).then(|| Val::text(rest))).collect()
            } else {
                text.splitn(limit, separator).map(Val::text).collect()
            }
        }
        Some(_) | None if separator.is_empty() => text.chars().map(|c| Val::text(c.to_string())).collect(),
        Some(_) | None => text.split(separator).map(Val::text).collect(),
    };
    machine.charge(parts.len() / 10)?;
    Ok(Val::list(parts))
}

fn replace<'a>(machine: &mut Machine<'a>, text: &str, from: &str, to: &Val<'a>, count: i64) -> Outcome<'a> {
    let Some(to) = to.as_str() else { return Fault::overload() };
    let times = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
    let times = usize::try_from(count).map_or(times, |count| count.min(times));
    machine.charge_text(times.saturating_mul(to.len()).saturating_add(text.len()))?;
    Ok(Val::text(text.replacen(from, to, times)))
}

fn search<'a>(
    machine: &mut Machine<'a>,
    text: &str,
    name: &str,
    source: &str,
    args: &[Val<'a>],
    pattern: Option<&Pattern>,
) -> Outcome<'a> {
    let compiled;
    let pattern = if let Some(pattern) = pattern {
        pattern
    } else {
        // Compiling at evaluation is far dearer than matching.
        machine.charge(20_000 + source.len() * 50)?;
        compiled = Pattern::new(source).map_err(Fault::Error)?;
        &compiled
    };
    machine.charge(text.len().div_ceil(10).saturating_mul(pattern.weight().div_ceil(4)))?;
    Ok(match name {
        "matches" => Val::Bool(pattern.is_match(text)),
        "find" => Val::text(pattern.regex().find(text).map_or("", |found| found.as_str())),
        _ => {
            let limit = match args.get(1) {
                None => usize::MAX,
                Some(Val::Int(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
                Some(_) => return Fault::overload(),
            };
            machine.charge(text.len() / 10)?;
            Val::list(pattern.regex().find_iter(text).take(limit).map(|f| Val::text(f.as_str())).collect())
        }
    })
}

pub(super) fn join<'a>(machine: &mut Machine<'a>, list: &Val<'a>, separator: &str) -> Outcome<'a> {
    let mut out = String::new();
    for (index, item) in machine.items(list)?.iter().enumerate() {
        let Some(text) = item.as_str() else { return Fault::overload() };
        machine.charge(1 + (text.len() + separator.len()) / 10)?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Val::text(out))
}

pub(super) fn quote<'a>(machine: &mut Machine<'a>, text: &Val<'a>) -> Outcome<'a> {
    let Some(text) = text.as_str() else { return Fault::overload() };
    machine.charge_text(text.len())?;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' | '"' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out.push('"');
    Ok(Val::text(out))
}

/// `format`: the verbs `%s %d %f %e %x %X %o %b %%`.
fn format<'a>(machine: &mut Machine<'a>, text: &str, list: &Val<'a>) -> Outcome<'a> {
    let mut args = machine.items(list)?.into_iter();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let mut precision = None;
        if let Some(after) = rest.strip_prefix('.') {
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            precision = after[..after.len() - rest.len()].parse::<usize>().ok().filter(|p| *p <= 100);
            if precision.is_none() {
                return Fault::error("could not parse formatting clause: precision is out of range");
            }
        }
        let Some(verb) = rest.chars().next() else { return Fault::error("unexpected end of format string") };
        rest = &rest[verb.len_utf8()..];
        let Some(arg) = args.next() else { return Fault::error("no arguments left for formatting clause") };
        let start = out.len();
        write(verb, &arg, precision.unwrap_or(6), 0, &mut out)?;
        machine.charge_text(out.len() - start + 1)?;
    }
    out.push_str(rest);
    Ok(Val::Text(Rc::from(out)))
}

/// How long one formatted value may be.
const MAX_SHOWN: usize = 1 << 20;

fn write(verb: char, value: &Val<'_>, precision: usize, depth: usize, out: &mut String) -> Result<(), Fault> {
    use std::fmt::Write;
    if depth > 100 || out.len() > MAX_SHOWN {
        return Fault::error("formatted value is too large");
    }
    let done = match (verb, value) {
        ('s', Val::Null) => write!(out, "null"),
        ('s', list) if list.is_list() => {
            out.push('[');
            for (index, item) in list.items()?.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(verb, item, precision, depth + 1, out)?;
            }
            out.push(']');
            Ok(())
        }
        ('s', map) if map.is_map() => {
            let mut entries: Vec<(String, Val<'_>)> =
                map.entries()?.into_iter().map(|(key, value)| (shown(&key), value)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(key);
                out.push_str(": ");
                write(verb, value, precision, depth + 1, out)?;
            }
            out.push('}');
            Ok(())
        }
        ('s', value) => write!(out, "{}", shown(value)),
        ('d', Val::Int(_) | Val::Uint(_)) => write!(out, "{}", shown(value)),
        ('f', Val::Double(v)) => write!(out, "{v:.precision$}"),
        #[expect(clippy::cast_precision_loss, reason = "%f of an integer is inexact in CEL too")]
        ('f', Val::Int(v)) => write!(out, "{:.precision$}", *v as f64),
        ('e', Val::Double(v)) => write!(out, "{v:.precision$e}"),
        ('b', Val::Int(v)) => write!(out, "{v:b}"),
        ('b', Val::Uint(v)) => write!(out, "{v:b}"),
        ('b', Val::Bool(v)) => write!(out, "{}", u8::from(*v)),
        ('o', Val::Int(v)) => write!(out, "{v:o}"),
        ('o', Val::Uint(v)) => write!(out, "{v:o}"),
        ('x', Val::Int(v)) => write!(out, "{v:x}"),
        ('x', Val::Uint(v)) => write!(out, "{v:x}"),
        ('X', Val::Int(v)) => write!(out, "{v:X}"),
        ('X', Val::Uint(v)) => write!(out, "{v:X}"),
        ('x' | 'X', value) => {
            let bytes: &[u8] = match value {
                Val::Bytes(bytes) => bytes,
                other => match other.as_str() {
                    Some(text) => text.as_bytes(),
                    None => return Fault::overload(),
                },
            };
            for b in bytes {
                let wrote = if verb == 'x' { write!(out, "{b:02x}") } else { write!(out, "{b:02X}") };
                if wrote.is_err() {
                    return Fault::overload();
                }
            }
            Ok(())
        }
        _ => {
            return Fault::error(format!(
                "could not parse formatting clause: unrecognized formatting clause {verb:?}"
            ));
        }
    };
    done.or_else(|_| Fault::overload())
}
