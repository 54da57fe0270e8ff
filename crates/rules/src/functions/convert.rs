//! Conversions between types.

use std::rc::Rc;

use crate::eval::{Machine, Outcome};
use crate::time::{self, SECOND};
use crate::value::{Fault, Val, int_of};

/// Returns the type an identifier names.
pub(crate) fn type_named(name: &str) -> Option<&'static str> {
    const TYPES: [&str; 10] =
        ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];
    TYPES.into_iter().find(|known| *known == name)
}

/// Writes a value as `string()` does, or at least its type.
pub(crate) fn shown(value: &Val<'_>) -> String {
    match value {
        Val::Bool(flag) => flag.to_string(),
        Val::Int(value) => value.to_string(),
        Val::Uint(value) => value.to_string(),
        Val::Double(value) => double(*value),
        Val::Duration(nanos) => time::show_duration(*nanos),
        Val::Timestamp(nanos) => time::show(*nanos),
        Val::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Val::Ip(ip) => ip.to_string(),
        Val::Cidr(ip, length) => format!("{ip}/{length}"),
        Val::Type(name) => (*name).to_owned(),
        Val::Null => "null".to_owned(),
        other => other.as_str().unwrap_or(other.kind()).to_owned(),
    }
}

fn double(value: f64) -> String {
    let exponent = value.abs().log10();
    if value != 0.0 && value.is_finite() && !(-4.0..21.0).contains(&exponent) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() => if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        v => v.to_string(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "double() of a large integer is inexact in CEL too")]
pub(super) fn call<'a>(machine: &mut Machine<'a>, name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    let [value] = args else { return None };
    if let Some(text) = value.as_str()
        && let Err(fault) = machine.charge_text(text.len())
    {
        return Some(Err(fault));
    }
    let range = || Fault::error("range error");
    Some(match (name, value) {
        ("dyn", value) => Ok(value.clone()),
        ("type", value) => Ok(Val::Type(value.kind())),
        ("int", Val::Int(_))
        | ("uint", Val::Uint(_))
        | ("double", Val::Double(_))
        | ("bool", Val::Bool(_)) => Ok(value.clone()),
        ("bytes", Val::Bytes(_)) | ("timestamp", Val::Timestamp(_)) | ("duration", Val::Duration(_)) => {
            Ok(value.clone())
        }
        ("int", Val::Uint(v)) => i64::try_from(*v).map_or_else(|_| range(), |v| Ok(Val::Int(v))),
        ("int", Val::Double(v)) => int_of(*v).map_or_else(range, |v| Ok(Val::Int(v))),
        ("int", Val::Timestamp(v)) => {
            i64::try_from(v.div_euclid(i128::from(SECOND))).map_or_else(|_| range(), |v| Ok(Val::Int(v)))
        }
        ("uint", Val::Int(v)) => u64::try_from(*v).map_or_else(|_| range(), |v| Ok(Val::Uint(v))),
        ("uint", Val::Double(v)) => match int_of(*v).and_then(|v| u64::try_from(v).ok()) {
            Some(v) => Ok(Val::Uint(v)),
            None => range(),
        },
        ("double", Val::Int(v)) => Ok(Val::Double(*v as f64)),
        ("double", Val::Uint(v)) => Ok(Val::Double(*v as f64)),
        ("timestamp", Val::Int(v)) => Ok(Val::Timestamp(i128::from(*v) * i128::from(SECOND))),
        ("string", Val::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Val::text(text)),
            Err(_) => Fault::error("invalid UTF-8 in bytes, cannot convert to string"),
        },
        (
            "string",
            Val::Bool(_)
            | Val::Int(_)
            | Val::Uint(_)
            | Val::Double(_)
            | Val::Duration(_)
            | Val::Timestamp(_)
            | Val::Ip(_)
            | Val::Cidr(..),
        ) => Ok(Val::text(shown(value))),
        ("string", value) if value.as_str().is_some() => Ok(value.clone()),
        (name, value) => return value.as_str().and_then(|text| of_text(name, text)),
    })
}

fn of_text<'a>(name: &str, text: &str) -> Option<Outcome<'a>> {
    let made = match name {
        "int" => text.parse().ok().map(Val::Int),
        "uint" => text.parse().ok().map(Val::Uint),
        "double" => text.parse().ok().map(Val::Double),
        "bytes" => Some(Val::Bytes(Rc::from(text.as_bytes()))),
        "timestamp" => time::timestamp(text).map(Val::Timestamp),
        "duration" => time::duration(text).map(Val::Duration),
        "bool" => match text {
            "1" | "t" | "true" | "TRUE" | "True" => Some(Val::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Some(Val::Bool(false)),
            _ => None,
        },
        _ => return None,
    };
    Some(made.map_or_else(|| Fault::error(format!("type conversion error from 'string' to '{name}'")), Ok))
}

/// Decodes base64 with padding.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take_while(|b| **b == b'=').count();
    if !bytes.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for b in &bytes[..bytes.len() - padding] {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}
