//! Lengths of time as people write them in Kubernetes: `500ms`, `1m30s`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a length of time looks like.
const PATTERN: &str = r"^([0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h))+$";
/// The longest text of one.
const LONGEST: usize = 32;

/// A length of time as text, such as `500ms` or `1m30s`; not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationText(pub String);

/// Text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no length of time: write it like 500ms, 2s or 1m30s")]
pub struct DurationError {
    /// What was given.
    pub text: String,
}

impl DurationText {
    /// Reads it.
    pub fn parse(&self) -> Result<Duration, DurationError> {
        let error = || DurationError { text: self.0.clone() };
        let mut rest = self.0.as_str();
        let mut micros: u64 = 0;
        if rest.is_empty() || rest.len() > LONGEST {
            return Err(error());
        }
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
            let (number, tail) = rest.split_at(end);
            let (unit, tail) = unit(tail).ok_or_else(error)?;
            let part = thousandths(number).and_then(|number| number.checked_mul(unit)).ok_or_else(error)?;
            micros = micros.checked_add(part).ok_or_else(error)?;
            rest = tail;
        }
        Ok(Duration::from_micros(micros))
    }
}

/// Takes a unit off the front; returns it in microseconds for each thousandth.
fn unit(text: &str) -> Option<(u64, &str)> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    units.iter().find_map(|(name, thousandth)| Some((*thousandth, text.strip_prefix(name)?)))
}

/// Reads a number with up to three decimals, in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 3 {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(fraction)
}

impl From<&str> for DurationText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": LONGEST})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        let cases =
            [("500ms", 500), ("1s", 1_000), ("1.5s", 1_500), ("1m30s", 90_000), ("2h", 7_200_000), ("0s", 0)];
        for (text, millis) in cases {
            assert_eq!(DurationText::from(text).parse(), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "1", "s", "-1s", "1.s", ".5s", "1 s", "1d", "1.2345s", "99999999999999999999h"] {
            assert!(DurationText::from(text).parse().is_err(), "{text}");
        }
    }
}
