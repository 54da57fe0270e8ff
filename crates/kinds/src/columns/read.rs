//! Reading of objects that may lack anything: what is missing or of another type reads as null, empty or zero.

use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// Reads fields by a dotted path of their names.
pub(super) trait Read {
    /// Returns the value at a path, null if there is none.
    fn at(&self, path: &str) -> &Value;
    /// Returns the string at a path, empty if there is none.
    fn text(&self, path: &str) -> &str;
    /// Returns the whole number at a path, 0 if there is none.
    fn int(&self, path: &str) -> i64;
    /// Returns whether there is a `true` at a path.
    fn truth(&self, path: &str) -> bool;
    /// Returns the items of the list at a path.
    fn list(&self, path: &str) -> &[Value];
    /// Returns the object at a path.
    fn map(&self, path: &str) -> Option<&Map<String, Value>>;
}

impl Read for Value {
    fn at(&self, path: &str) -> &Value {
        path.split('.').try_fold(self, |value, key| value.get(key)).unwrap_or(&NULL)
    }

    fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or("")
    }

    fn int(&self, path: &str) -> i64 {
        self.at(path).as_i64().unwrap_or(0)
    }

    fn truth(&self, path: &str) -> bool {
        self.at(path).as_bool().unwrap_or(false)
    }

    fn list(&self, path: &str) -> &[Value] {
        self.at(path).as_array().map_or(&[], Vec::as_slice)
    }

    fn map(&self, path: &str) -> Option<&Map<String, Value>> {
        self.at(path).as_object()
    }
}

/// Returns a text, or another one if it is empty.
pub(super) fn or<'a>(text: &'a str, fallback: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}

/// Returns a string or number as text, `fallback` for anything else.
///
/// Quantities and ports come as either; quantities are expected to be canonical already.
pub(super) fn scalar(value: &Value, fallback: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => fallback.to_owned(),
    }
}

/// Joins texts that are read one by one.
pub(super) fn join<'a>(texts: impl Iterator<Item = &'a str>, separator: &str) -> String {
    let mut joined = String::new();
    for (index, text) in texts.enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    joined
}

/// Joins a list of strings with commas.
pub(super) fn strings(list: &[Value]) -> String {
    join(list.iter().filter_map(Value::as_str), ",")
}

/// Collects the first texts of a list and says how many more there are.
#[derive(Debug)]
pub(super) struct Shortened {
    shown: Vec<String>,
    count: usize,
    most: usize,
}

impl Shortened {
    /// Starts a list that shows at most this many.
    pub(super) fn new(most: usize) -> Self {
        Self { shown: Vec::new(), count: 0, most }
    }

    /// Adds a text, made only if it is shown.
    pub(super) fn add(&mut self, text: impl FnOnce() -> String) {
        if self.shown.len() < self.most {
            self.shown.push(text());
        }
        self.count += 1;
    }

    /// Returns the texts between separators, `empty` if all of them are empty.
    pub(super) fn join(self, separator: &str, empty: &str) -> String {
        let joined = self.shown.join(separator);
        if self.count > self.most {
            return format!("{joined} + {} more...", self.count - self.most);
        }
        if joined.is_empty() { empty.to_owned() } else { joined }
    }
}
