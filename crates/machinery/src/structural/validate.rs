//! Validation of values, with the words of kube-openapi.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::trail::{Trail, join};
use super::{Additional, Checks, ListType, Structural, Type, format, lists};
use crate::field::{FieldError, FieldErrors, Path};

/// Checks a value; errors about what is as it was in `old` are left out.
pub(super) fn validate(schema: &Structural, new: &Value, old: Option<&Value>, base: &Path) -> FieldErrors {
    let mut check = Check { base, errors: Vec::new() };
    check.value(schema, new, old, &Trail::root());
    check.errors
}

struct Check<'a> {
    base: &'a Path,
    errors: FieldErrors,
}

type Made = fn(&Path, Value, String) -> FieldError;

impl Check<'_> {
    fn value(&mut self, s: &Structural, value: &Value, old: Option<&Value>, trail: &Trail<'_>) {
        let before = self.errors.len();
        self.kind(s, value, trail);
        if value.is_null() {
            self.allowed(&s.checks, value, trail);
        } else {
            self.junctors(&s.checks, value, trail);
            match value {
                Value::String(text) => self.text(s, text, trail),
                Value::Number(number) => self.number(s, number, trail),
                Value::Array(_) | Value::Null | Value::Bool(_) | Value::Object(_) => {}
            }
            if let Value::Array(items) = value {
                self.items(s, items, old, trail);
            }
            self.allowed(&s.checks, value, trail);
            if let Value::Object(fields) = value {
                self.fields(s, fields, old, trail);
            }
        }
        if self.errors.len() > before && old == Some(value) {
            self.errors.truncate(before);
        }
    }

    /// Adds an error in the words "x in body should …".
    fn says(&mut self, trail: &Trail<'_>, value: impl Into<Value>, says: &str) {
        self.made(trail, value, says, FieldError::invalid);
    }

    fn made(&mut self, trail: &Trail<'_>, value: impl Into<Value>, says: &str, make: Made) {
        let name = trail.text();
        let detail = format!("{name} in body {says}");
        self.errors.push(make(&join(self.base, &name), value.into(), detail));
    }

    /// Adds an error that is about the object as a whole and names the place in its text.
    fn whole(&mut self, detail: String) {
        self.errors.push(FieldError::invalid(self.base, "", detail));
    }

    fn mistyped(&mut self, trail: &Trail<'_>, wants: &str, found: &str) {
        let says = format!("must be of type {wants}: {found:?}");
        self.made(trail, found, &says, FieldError::type_invalid);
    }

    fn kind(&mut self, s: &Structural, value: &Value, trail: &Trail<'_>) {
        if s.kind.is_none() && !s.int_or_string || value.is_null() && s.nullable {
            return;
        }
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if is_integer(number) => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if s.int_or_string {
            if !matches!(found, "integer" | "string") {
                self.mistyped(trail, "integer,string", found);
            }
            return;
        }
        let wants = s.kind.map_or("", Type::as_str);
        if found != wants && !(wants == "number" && found == "integer") {
            self.mistyped(trail, wants, found);
        }
    }

    fn text(&mut self, s: &Structural, text: &str, trail: &Trail<'_>) {
        let c = &s.checks;
        if c.min_length.is_some() || c.max_length.is_some() {
            let length = text.chars().count() as u64;
            if let Some(max) = c.max_length.filter(|max| length > *max) {
                let path = join(self.base, &trail.text());
                self.errors.push(FieldError::too_long(&path, usize::try_from(max).unwrap_or(usize::MAX)));
            }
            if let Some(min) = c.min_length.filter(|min| length < *min) {
                self.says(trail, text, &format!("should be at least {min} chars long"));
            }
        }
        if let Some(pattern) = c.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            self.says(trail, text, &format!("should match '{}'", pattern.as_str()));
        }
        if !c.format.is_empty() && s.kind.is_none_or(|k| k == Type::String) && !format::holds(&c.format, text)
        {
            let says = format!("must be of type {}: {text:?}", c.format);
            self.made(trail, text, &says, |path, value, detail| {
                FieldError::type_invalid(path, value, detail)
            });
        }
    }

    fn number(&mut self, s: &Structural, number: &Number, trail: &Trail<'_>) {
        let c = &s.checks;
        self.range(s, number, trail);
        let value = number.as_f64().unwrap_or(f64::NAN);
        if let Some(factor) = c.multiple_of.filter(|factor| *factor > 0.0) {
            let times = if factor < 1.0 { 1.0 / factor * value } else { value / factor };
            if (times - times.round()).abs() > 1e-9 * times.abs().max(1.0) {
                let says = format!("should be a multiple of {}", shown(factor));
                self.says(trail, number.clone(), &says);
            }
        }
        if let Some(max) = c.maximum
            && (value > max || c.exclusive_maximum && value >= max)
        {
            let or = if c.exclusive_maximum { "" } else { " or equal to" };
            self.says(trail, number.clone(), &format!("should be less than{or} {}", shown(max)));
        }
        if let Some(min) = c.minimum
            && (value < min || c.exclusive_minimum && value <= min)
        {
            let or = if c.exclusive_minimum { "" } else { " or equal to" };
            self.says(trail, number.clone(), &format!("should be greater than{or} {}", shown(min)));
        }
    }

    /// Checks that a number fits its format.
    fn range(&mut self, s: &Structural, number: &Number, trail: &Trail<'_>) {
        let format = s.checks.format.as_str();
        let value = number.as_f64().unwrap_or(f64::NAN);
        let whole = number.as_i64();
        let (fits, kind) = match s.kind {
            Some(Type::Integer) => (
                match format {
                    "int32" => {
                        is_integer(number) && value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX)
                    }
                    "uint32" => is_integer(number) && value >= 0.0 && value <= f64::from(u32::MAX),
                    "uint64" => number.as_u64().is_some() || is_integer(number) && value >= 0.0,
                    _ => whole.is_some() || number.is_f64() && is_integer(number),
                },
                "integer",
            ),
            Some(Type::Number) => {
                (!matches!(format, "float" | "float32") || value.abs() <= f64::from(f32::MAX), "number")
            }
            Some(Type::Array | Type::Boolean | Type::Object | Type::String) | None => return,
        };
        if !fits && (is_integer(number) || kind == "number") {
            let name = trail.text();
            self.whole(if format.is_empty() {
                format!("Checked value must be of type {kind} (default format) in {name}")
            } else {
                format!("Checked value must be of type {kind} with format {format} in {name}")
            });
        }
    }

    fn items(&mut self, s: &Structural, items: &[Value], old: Option<&Value>, trail: &Trail<'_>) {
        let c = &s.checks;
        let count = items.len();
        if let Some(schema) = &s.items {
            let old = correlate(s, old);
            for (index, item) in items.iter().enumerate() {
                let old =
                    old.as_ref().and_then(|old| old.get(&lists::keys_of(s, item)?.to_string()).copied());
                self.value(schema, item, old, &trail.index(index));
            }
        }
        if let Some(min) = c.min_items.filter(|min| (count as u64) < *min) {
            self.says(trail, count, &format!("should have at least {min} items"));
        }
        if let Some(max) = c.max_items.filter(|max| count as u64 > *max) {
            self.too_many(trail, count, max);
        }
    }

    fn too_many(&mut self, trail: &Trail<'_>, count: usize, max: u64) {
        let path = join(self.base, &trail.text());
        self.errors.push(FieldError::too_many(&path, count, usize::try_from(max).unwrap_or(usize::MAX)));
    }

    fn allowed(&mut self, c: &Checks, value: &Value, trail: &Trail<'_>) {
        if c.allowed.is_empty() || c.allowed.iter().any(|allowed| same(allowed, value)) {
            return;
        }
        let texts: Vec<String> =
            c.allowed.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let path = join(self.base, &trail.text());
        self.errors.push(FieldError::not_supported(&path, value.clone(), &texts));
    }

    fn fields(
        &mut self,
        s: &Structural,
        fields: &Map<String, Value>,
        old: Option<&Value>,
        trail: &Trail<'_>,
    ) {
        let c = &s.checks;
        let count = fields.len();
        if let Some(min) = c.min_properties.filter(|min| (count as u64) < *min) {
            self.says(trail, min, &format!("should have at least {min} properties"));
        }
        if let Some(max) = c.max_properties.filter(|max| count as u64 > *max) {
            self.too_many(trail, count, max);
        }
        let old = old.filter(|_| s.map_atomic != Some(true)).and_then(Value::as_object);
        for (name, value) in fields {
            let here = trail.field(name);
            let old = old.and_then(|old| old.get(name));
            if let Some(property) = s.properties.get(name) {
                self.value(property, value, old, &here);
                continue;
            }
            match &s.additional {
                Additional::Schema(values) => self.value(values, value, old, &here),
                Additional::Allowed(false) => {
                    let detail = format!("{} in body is a forbidden property", here.text());
                    self.errors.push(FieldError::invalid(&here.path(self.base), "", detail));
                }
                Additional::Allowed(true) | Additional::Undefined => {}
            }
        }
        for name in c.required.iter().filter(|name| !fields.contains_key(*name)) {
            self.errors.push(FieldError::required(&trail.field(name).path(self.base), ""));
        }
    }

    /// Checks a value against one of the schemas of a junctor. Nothing is forgiven there.
    fn nested(&self, schema: &Structural, value: &Value, trail: &Trail<'_>) -> FieldErrors {
        let mut check = Check { base: self.base, errors: Vec::new() };
        check.value(schema, value, None, trail);
        check.errors
    }

    fn junctors(&mut self, c: &Checks, value: &Value, trail: &Trail<'_>) {
        if !c.any_of.is_empty() {
            self.any_of(&c.any_of, value, trail);
        }
        if !c.one_of.is_empty() {
            self.one_of(&c.one_of, value, trail);
        }
        if !c.all_of.is_empty() {
            let mut valid = 0;
            for schema in &c.all_of {
                let mut errors = self.nested(schema, value, trail);
                valid += usize::from(errors.is_empty());
                self.errors.append(&mut errors);
            }
            if valid < c.all_of.len() {
                let none = if valid == 0 { ". None validated" } else { "" };
                let name = trail.text();
                self.whole(format!("{name:?} must validate all the schemas (allOf){none}"));
            }
        }
        if let Some(schema) = &c.not
            && self.nested(schema, value, trail).is_empty()
        {
            self.whole(format!("{:?} must not validate the schema (not)", trail.text()));
        }
    }

    fn any_of(&mut self, schemas: &[Structural], value: &Value, trail: &Trail<'_>) {
        let mut best: Option<FieldErrors> = None;
        for schema in schemas {
            let errors = self.nested(schema, value, trail);
            if errors.is_empty() {
                return;
            }
            if best.as_ref().is_none_or(|best| errors.len() < best.len()) {
                best = Some(errors);
            }
        }
        self.whole(format!("{:?} must validate at least one schema (anyOf)", trail.text()));
        self.errors.append(&mut best.unwrap_or_default());
    }

    fn one_of(&mut self, schemas: &[Structural], value: &Value, trail: &Trail<'_>) {
        let mut best: Option<FieldErrors> = None;
        let mut valid = 0_usize;
        for schema in schemas {
            let errors = self.nested(schema, value, trail);
            if errors.is_empty() {
                valid += 1;
            } else if best.as_ref().is_none_or(|best| errors.len() < best.len()) {
                best = Some(errors);
            }
        }
        let found = match valid {
            0 => "Found none valid".to_owned(),
            1 => return,
            many => format!("Found {many} valid alternatives"),
        };
        self.whole(format!("{:?} must validate one and only one schema (oneOf). {found}", trail.text()));
        if valid == 0 {
            self.errors.append(&mut best.unwrap_or_default());
        }
    }
}

/// Returns the old items of a list that is a map, by their keys.
fn correlate<'a>(s: &Structural, old: Option<&'a Value>) -> Option<HashMap<String, &'a Value>> {
    if s.list_type != Some(ListType::Map) {
        return None;
    }
    let items = old?.as_array()?.iter();
    Some(items.filter_map(|item| Some((lists::keys_of(s, item)?.to_string(), item))).collect())
}

fn is_integer(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|v| v.fract() == 0.0 && v.abs() < 9.3e18)
}

/// Compares as JSON does, where 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    a == b
        || match (a, b) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64()),
            _ => false,
        }
}

/// Writes a number as Go writes a float.
fn shown(value: f64) -> String {
    if value != 0.0 && (value.abs() >= 1e21 || value.abs() < 1e-4) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{value}")
}
