//! Quantities such as `100m`, `1.5Gi` and `12e6`.
//!
//! A quantity is `mantissa * 10^exponent` with at least nano precision, rounded away from zero as the server does;
//! mantissas have 38 digits. Equality and order are those of the value. The format is that of the text it was read
//! from, and says how it is shown.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Sub};

use serde_json::Value;
use thiserror::Error;

/// The finest precision: 10^-9.
const NANO: i32 = -9;
/// Exponents beyond this are cut; no sum of real resources comes near.
const EXPONENT_MAX: i32 = 100_000;

/// A text that is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// It does not look like one.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The unit is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// How a quantity is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With an exponent, `12e6`.
    DecimalExponent,
    /// With a power of two, `12Mi`.
    BinarySi,
    /// With a power of ten, `12M`.
    DecimalSi,
}

/// An amount of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    mantissa: i128,
    exponent: i32,
    format: Format,
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0, format: Format::DecimalSi };

    /// Makes a whole number.
    pub fn new(value: i64) -> Self {
        Self { mantissa: value.into(), ..Self::ZERO }.trimmed()
    }

    /// Makes a whole number that is shown with a power of two, as amounts of memory are.
    pub fn binary(value: i64) -> Self {
        Self { mantissa: value.into(), format: Format::BinarySi, ..Self::ZERO }.trimmed()
    }

    /// Makes a number of thousandths.
    pub fn from_milli(value: i64) -> Self {
        Self { mantissa: value.into(), exponent: -3, ..Self::ZERO }.trimmed()
    }

    /// Reads a quantity.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let parts = split(text)?;
        let (base, power, format) = unit(parts.suffix).ok_or(QuantityError::Suffix)?;
        let (mut mantissa, mut exponent) = decimal(parts.whole, parts.fraction);
        if base == 10 {
            exponent = exponent.saturating_add(power).clamp(-EXPONENT_MAX, EXPONENT_MAX);
        } else {
            // A mantissa too large for this is beyond the cap below anyway.
            mantissa = mantissa.saturating_mul(1_i128 << power);
        }
        let mut quantity = Self { mantissa, exponent, format }.trimmed().at_least_nano();
        // Trimming moves zeros there, and what is shown must read as the same.
        quantity.exponent = quantity.exponent.min(EXPONENT_MAX);
        if format == Format::BinarySi {
            let max = Self::new(i64::MAX);
            if quantity > max {
                quantity = Self { format, ..max };
            }
            if quantity < Self::new(1) && quantity > Self::ZERO {
                quantity.format = Format::DecimalSi;
            }
        }
        if parts.negative {
            quantity.mantissa = -quantity.mantissa;
        }
        Ok(quantity)
    }

    /// Reads a quantity as it stands in an object, a string or a number. Null is nothing.
    pub fn from_value(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::Null => Ok(Self::ZERO),
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(QuantityError::Format),
        }
    }

    /// Returns what the server stores for a text: the text itself where it is plain enough, else the canonical form.
    pub fn round_trip(text: &str) -> Result<Cow<'_, str>, QuantityError> {
        let quantity = Self::parse(text)?;
        let parts = split(text)?;
        let (base, power, _) = unit(parts.suffix).ok_or(QuantityError::Suffix)?;
        let (whole, fraction) = (parts.whole, parts.fraction);
        let digits = i32::try_from(whole.len() + fraction.len()).unwrap_or(i32::MAX);
        let last = fraction.bytes().next_back().or(whole.bytes().next_back()).unwrap_or(b'0');
        let kept = if base == 10 {
            let scale = power.saturating_sub(i32::try_from(fraction.len()).unwrap_or(i32::MAX));
            let thousands = if fraction.len() >= 3 {
                fraction.ends_with("000")
            } else {
                fraction.bytes().all(|b| b == b'0') && whole.ends_with(&"000"[fraction.len()..])
            };
            digits <= 18 && scale >= NANO && scale % 3 == 0 && !thousands && !whole.is_empty()
        } else {
            // An odd multiple of less than 8 cannot lose a factor of 1024.
            let room = 15 - digits - power * 3 / 10 - 1;
            let odd = whole.parse::<i64>().is_ok_and(|value| value & 7 != 0) && last != b'.';
            fraction.is_empty() && room >= 0 && odd
        };
        Ok(if kept || text == "0" { Cow::Borrowed(text) } else { Cow::Owned(quantity.to_string()) })
    }

    /// Returns how it is shown.
    pub fn format(self) -> Format {
        self.format
    }

    /// Returns whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Returns whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Returns the whole number that is not smaller in size.
    pub fn value(self) -> i64 {
        self.scaled(0)
    }

    /// Returns the number of thousandths that is not smaller in size.
    pub fn milli_value(self) -> i64 {
        self.scaled(-3)
    }

    /// Returns the number in units of `10^scale`, rounded away from zero and cut to what fits.
    pub fn scaled(self, scale: i32) -> i64 {
        let number = match self.exponent.checked_sub(scale) {
            Some(up @ 0..) => saturating_shift(self.mantissa, up.unsigned_abs()),
            Some(down) => divided(self.mantissa, down.unsigned_abs()),
            None => 0,
        };
        i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
    }

    /// Returns whether it is a whole number.
    pub fn is_integer(self) -> bool {
        self.exponent >= 0 || self.mantissa == 0
    }

    /// Moves factors of ten into the exponent, so that equal values are equal in all parts.
    fn trimmed(mut self) -> Self {
        if self.mantissa == 0 {
            self.exponent = 0;
        }
        while self.mantissa != 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.exponent += 1;
        }
        self
    }

    fn at_least_nano(self) -> Self {
        if self.exponent >= NANO {
            return self;
        }
        let mantissa = divided(self.mantissa, (NANO - self.exponent).unsigned_abs());
        Self { mantissa, exponent: NANO, ..self }.trimmed()
    }

    fn write_decimal(self, f: &mut fmt::Formatter<'_>, format: Format) -> fmt::Result {
        let mut exponent = self.exponent - self.exponent.rem_euclid(3);
        if format == Format::DecimalExponent {
            self.write_digits(f, exponent)?;
            return if exponent == 0 { Ok(()) } else { write!(f, "e{exponent}") };
        }
        exponent = exponent.clamp(NANO, 18);
        self.write_digits(f, exponent)?;
        f.write_str(match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            18 => "E",
            _ => "",
        })
    }

    /// Writes the digits in units of `10^exponent`, which is not above the exponent of the value.
    fn write_digits(self, f: &mut fmt::Formatter<'_>, exponent: i32) -> fmt::Result {
        let zeros = usize::try_from(self.exponent - exponent).unwrap_or(0);
        write!(f, "{}{:0<zeros$}", self.mantissa, "")
    }
}

impl Add for Quantity {
    type Output = Self;

    /// Adds; the format is that of the first unless that is zero.
    fn add(self, other: Self) -> Self {
        let (exponent, format) = if self.is_zero() {
            (other.exponent, other.format)
        } else if other.is_zero() {
            (self.exponent, self.format)
        } else {
            (self.exponent.min(other.exponent), self.format)
        };
        let at = |q: Self| saturating_shift(q.mantissa, (q.exponent - exponent).max(0).unsigned_abs());
        Self { mantissa: at(self).saturating_add(at(other)), exponent, format }.trimmed()
    }
}

impl Sub for Quantity {
    type Output = Self;

    /// Subtracts; the format is that of the first unless that is zero.
    fn sub(self, other: Self) -> Self {
        let negated = Self { mantissa: other.mantissa.saturating_neg(), ..other };
        self.add(negated)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let small = *self > Self::new(-1024) && *self < Self::new(1024);
        match self.format {
            Format::DecimalExponent | Format::DecimalSi => self.write_decimal(f, self.format),
            Format::BinarySi if small || !self.is_integer() => self.write_decimal(f, Format::DecimalSi),
            Format::BinarySi => {
                let mut number = saturating_shift(self.mantissa, self.exponent.unsigned_abs());
                let mut units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter();
                let mut unit = units.next().copied().unwrap_or("");
                while number % 1024 == 0 {
                    let Some(next) = units.next() else { break };
                    unit = next;
                    number /= 1024;
                }
                write!(f, "{number}{unit}")
            }
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs.is_ne() || self.mantissa == 0 {
            return signs;
        }
        // What overflows is larger in size than anything at the smaller exponent; its sign decides.
        let lift = |q: &Self, by: i32| checked_shift(q.mantissa, by.unsigned_abs());
        let difference = self.exponent - other.exponent;
        if difference >= 0 {
            match lift(self, difference) {
                Some(mantissa) => mantissa.cmp(&other.mantissa),
                None => self.mantissa.cmp(&0),
            }
        } else {
            match lift(other, difference) {
                Some(mantissa) => self.mantissa.cmp(&mantissa),
                None => 0.cmp(&other.mantissa),
            }
        }
    }
}

fn checked_shift(mantissa: i128, by: u32) -> Option<i128> {
    mantissa.checked_mul(10_i128.checked_pow(by)?)
}

fn saturating_shift(mantissa: i128, by: u32) -> i128 {
    match mantissa.signum() {
        0 => 0,
        sign => checked_shift(mantissa, by).unwrap_or(if sign < 0 { i128::MIN } else { i128::MAX }),
    }
}

/// Divides by a power of ten, rounded away from zero.
fn divided(mantissa: i128, by: u32) -> i128 {
    let Some(divisor) = 10_i128.checked_pow(by) else { return mantissa.signum() };
    mantissa / divisor + (mantissa % divisor).signum()
}

/// Takes a text apart. Leading zeros do not belong to the whole part.
fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let negative = text.starts_with('-');
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text).trim_start_matches('0');
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let number = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let number = number.strip_prefix(['-', '+']).unwrap_or(number);
    if number.bytes().all(|b| b.is_ascii_digit()) {
        Ok(Parts { negative, whole, fraction, suffix })
    } else {
        Err(QuantityError::Format)
    }
}

/// Returns base, power and format of a unit.
fn unit(suffix: &str) -> Option<(i32, i32, Format)> {
    let decimal = |power| Some((10, power, Format::DecimalSi));
    let binary = |power| Some((2, power, Format::BinarySi));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        other => {
            let power: i64 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
            let max = i64::from(EXPONENT_MAX);
            let power = i32::try_from(power.clamp(-max, max)).ok()?;
            Some((10, power, Format::DecimalExponent))
        }
    }
}

/// Reads digits; those that do not fit are rounded up.
fn decimal(whole: &str, fraction: &str) -> (i128, i32) {
    let (mut mantissa, mut exponent, mut full, mut rest) = (0_i128, 0_i32, false, false);
    let places = std::iter::repeat_n(false, whole.len()).chain(std::iter::repeat_n(true, fraction.len()));
    for (digit, fractional) in whole.bytes().chain(fraction.bytes()).zip(places) {
        let digit = i128::from(digit - b'0');
        let longer = mantissa.checked_mul(10).and_then(|m| m.checked_add(digit)).filter(|_| !full);
        if let Some(longer) = longer {
            mantissa = longer;
            exponent -= i32::from(fractional);
        } else {
            full = true;
            rest |= digit != 0;
            exponent = exponent.saturating_add(i32::from(!fractional));
        }
    }
    (mantissa.saturating_add(i128::from(rest)), exponent.min(EXPONENT_MAX))
}

#[cfg(test)]
mod tests;
