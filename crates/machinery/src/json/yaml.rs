//! YAML, read as the JSON it stands for.
//!
//! Plain words mean what YAML 1.1 says (`yes` is true, `017` is 15), which is how Kubernetes reads them. What aliases
//! copy is bounded, so that a small text cannot become a large value.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::{DecodeError, Decoded, MAX_DEPTH, MAX_STRICT};

/// How many values, and pieces of strings, anchors and aliases may copy.
const MAX_COPIED: usize = 200_000;
/// A string counts as one value for every so many bytes.
const PIECE: usize = 64;

/// Reads YAML, which must be one document. Nothing at all is null.
pub fn decode_yaml(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(|_| fail("yaml: invalid leading UTF-8 octet"))?;
    let mut reader = Reader {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: HashMap::new(),
        copied: 0,
        duplicates: Vec::new(),
    };
    let value = reader.document()?;
    let duplicates = match reader.duplicates.as_slice() {
        [] => Vec::new(),
        lines => vec![format!("yaml: unmarshal errors:\n  {}", lines.join("\n  "))],
    };
    Ok(Decoded { value, duplicates })
}

fn fail(message: impl Into<String>) -> DecodeError {
    DecodeError(message.into())
}

fn scan_error(error: &ScanError) -> DecodeError {
    fail(format!("yaml: line {}: {}", error.marker().line(), error.info()))
}

struct Anchored {
    value: Value,
    weight: usize,
    height: usize,
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    copied: usize,
    duplicates: Vec<String>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), DecodeError> {
        match self.parser.next_event() {
            Some(event) => event.map_err(|e| scan_error(&e)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Value, DecodeError> {
        let mut value = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(value.unwrap_or(Value::Null)),
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    if value.is_some() {
                        return Err(fail("yaml: only one document is allowed in a request"));
                    }
                    value = Some(self.node(event, span, 0)?);
                }
                Event::SequenceEnd | Event::MappingEnd => return Err(fail("yaml: unexpected end of a node")),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(fail("exceeded max depth"));
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, depth),
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref())?, anchor),
            Event::SequenceStart(anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(fail(format!(
                    "yaml: line {}: did not find expected node content",
                    span.start.line()
                )));
            }
        };
        if anchor > 0 {
            let (mut weight, mut height) = (0, 0);
            measure(&value, 1, &mut weight, &mut height);
            self.charge(weight)?;
            self.anchors.insert(anchor, Anchored { value: value.clone(), weight, height });
        }
        Ok(value)
    }

    fn charge(&mut self, weight: usize) -> Result<(), DecodeError> {
        self.copied += weight;
        if self.copied > MAX_COPIED {
            Err(fail("yaml: document contains excessive aliasing"))
        } else {
            Ok(())
        }
    }

    fn alias(&mut self, anchor: usize, depth: usize) -> Result<Value, DecodeError> {
        let Some(Anchored { weight, height, .. }) = self.anchors.get(&anchor) else {
            return Err(fail("yaml: anchor value contains itself"));
        };
        if depth + height > MAX_DEPTH {
            return Err(fail("exceeded max depth"));
        }
        let weight = *weight;
        self.charge(weight)?;
        Ok(self.anchors[&anchor].value.clone())
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if merge {
                merged.push(value);
                continue;
            }
            let key = key_text(key)?;
            if map.contains_key(&key) && self.duplicates.len() < MAX_STRICT {
                self.duplicates.push(format!("line {}: key {key:?} already set in map", span.start.line()));
            }
            map.insert(key, value);
        }
        for value in merged {
            merge_into(&mut map, value)?;
        }
        Ok(Value::Object(map))
    }
}

/// Adds the entries of `<<`, which yield to those that are there.
fn merge_into(map: &mut Map<String, Value>, value: Value) -> Result<(), DecodeError> {
    let sources = match value {
        Value::Object(entries) => vec![Value::Object(entries)],
        Value::Array(sources) => sources,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![Value::Null],
    };
    for source in sources {
        let Value::Object(entries) = source else {
            return Err(fail("yaml: map merge requires map or sequence of maps as the value"));
        };
        for (key, value) in entries {
            map.entry(key).or_insert(value);
        }
    }
    Ok(())
}

fn key_text(key: Value) -> Result<String, DecodeError> {
    match key {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(key.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(fail(format!("unsupported map key, key: {key}")))
        }
    }
}

/// Counts values and depth, no further than the bound on copies.
fn measure(value: &Value, depth: usize, weight: &mut usize, height: &mut usize) {
    *height = depth.max(*height);
    *weight += 1;
    if *weight > MAX_COPIED {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => *weight += text.len() / PIECE,
        Value::Array(items) => items.iter().for_each(|item| measure(item, depth + 1, weight, height)),
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            *weight += key.len() / PIECE;
            measure(item, depth + 1, weight, height);
        }),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, DecodeError> {
    let tag = tag.map(|tag| if tag.is_yaml_core_schema() { tag.suffix.as_str() } else { "" });
    match (style, tag) {
        (_, Some("str")) => Ok(Value::String(text.to_owned())),
        (_, Some("binary")) => Err(fail("yaml: !!binary is not supported")),
        (ScalarStyle::Plain, _) | (_, Some("int" | "float" | "bool" | "null")) => plain(text),
        (
            ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded,
            _,
        ) => Ok(Value::String(text.to_owned())),
    }
}

fn plain(text: &str) -> Result<Value, DecodeError> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Value::Bool(false)
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Err(fail("json: unsupported value: +Inf"));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Err(fail("json: unsupported value: -Inf")),
        ".nan" | ".NaN" | ".NAN" => return Err(fail("json: unsupported value: NaN")),
        other => number(other).unwrap_or_else(|| Value::String(other.to_owned())),
    })
}

fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let text = text.replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', _, ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', _, ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if !digits.starts_with(['+', '-'])
        && let Ok(integer) = i64::from_str_radix(&format!("{sign}{digits}"), radix)
    {
        return Some(integer.into());
    }
    if !is_float(&text) {
        return None;
    }
    let float: f64 = text.parse().ok()?;
    Some(whole(float).unwrap_or_else(|| Number::from_f64(float).map_or(Value::Null, Value::Number)))
}

/// Returns a float that is a whole number as one: on its way through JSON it loses its point.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(float: f64) -> Option<Value> {
    (float.fract() == 0.0 && float.abs() < 1e15).then(|| (float as i64).into())
}

/// Returns whether a text is a float of YAML 1.1, whose exponent has a sign.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or("")),
        None => (text, "0"),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or(("", mantissa));
    digits(whole) && digits(fraction) && !fraction.is_empty() && digits(exponent) && !exponent.is_empty()
}
