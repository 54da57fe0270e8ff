//! The part of `JSONPath` that printer columns and selectable fields use.
//!
//! `.spec.a`, `.metadata.labels['x.y/z']`, `.metadata.labels.x\.y`, `.list[0]`, `.list[-1]`, `.list[*]` and
//! `.status.conditions[?(@.type=="Ready")].status`. What is not there gives no values and is no error.

use serde_json::Value;
use thiserror::Error;

/// A path that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JsonPathError(String);

/// A path that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter { left: JsonPath, comparison: Option<(Comparison, Value)> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl JsonPath {
    /// Reads a path; it may stand in braces, and may begin with `$`.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let inner = inner.strip_prefix('$').unwrap_or(inner);
        parse_steps(inner, true)
    }

    /// Returns all values the path leads to.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }

    /// Returns the first value the path leads to.
    pub fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.find(value).into_iter().next()
    }

    /// Returns the fields of a path that has nothing else, as selectable fields must.
    pub fn simple_fields(&self) -> Option<Vec<&str>> {
        let fields = self.steps.iter().map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Index(_) | Step::All | Step::Filter { .. } => None,
        });
        fields.collect()
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let children = || match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(map) => map.values().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let size = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
                let index = if *index < 0 { items.len().checked_sub(size) } else { Some(size) };
                index.and_then(|index| items.get(index)).into_iter().collect()
            }
            Self::All => children(),
            Self::Filter { left, comparison } => {
                let mut found = if value.is_array() { children() } else { Vec::new() };
                found.retain(|item| {
                    let Some(left) = left.first(item) else { return false };
                    comparison.as_ref().is_none_or(|(comparison, right)| comparison.holds(left, right))
                });
                found
            }
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Number(left), Value::Number(right)) => {
                left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right))
            }
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (_, _) => None,
        };
        match self {
            Self::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Self::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

fn fail<T>(message: impl Into<String>) -> Result<T, JsonPathError> {
    Err(JsonPathError(message.into()))
}

/// Reads steps; filters are only read where `filters` says so, so that they do not nest.
fn parse_steps(text: &str, filters: bool) -> Result<JsonPath, JsonPathError> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = closing(inner) else { return fail(format!("unterminated array in {text:?}")) };
            steps.push(bracket(&inner[..end], filters)?);
            rest = &inner[end + 1..];
        } else if let Some(after) = rest.strip_prefix('.') {
            let (name, tail) = field(after);
            rest = tail;
            match name.as_str() {
                "" if tail.starts_with('[') => {}
                "" if after.starts_with('.') => return fail("recursive descent is not supported"),
                // A lone dot is the object itself.
                "" if text == "." => {}
                "" => return fail(format!("a field name is missing in {text:?}")),
                "*" => steps.push(Step::All),
                _ => steps.push(Step::Field(name)),
            }
        } else if steps.is_empty() {
            let (name, tail) = field(rest);
            steps.push(Step::Field(name));
            rest = tail;
        } else {
            return fail(format!("unrecognized character in action: {rest:?}"));
        }
    }
    Ok(JsonPath { steps })
}

/// Reads the name of a field, in which `\` escapes.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '.' | '[' => return (name, &text[at..]),
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            other => name.push(other),
        }
    }
    (name, "")
}

/// Returns where the bracket ends, quotes and inner brackets left aside.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if std::mem::take(&mut escaped) => {}
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

fn bracket(inner: &str, filters: bool) -> Result<Step, JsonPathError> {
    let inner = inner.trim();
    if inner == "*" {
        return Ok(Step::All);
    }
    if let Some(name) = quoted(inner) {
        return Ok(Step::Field(name));
    }
    if let Ok(index) = inner.parse() {
        return Ok(Step::Index(index));
    }
    match inner.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        Some(condition) if filters => filter(condition.trim()),
        Some(_) => fail("filters cannot stand in filters"),
        None => fail(format!("invalid array index {inner}")),
    }
}

fn filter(condition: &str) -> Result<Step, JsonPathError> {
    let split = split_comparison(condition);
    let left = split.map_or(condition, |(left, _, _)| left).trim();
    let Some(left) = left.strip_prefix('@') else { return fail(format!("invalid filter {condition:?}")) };
    let left = parse_steps(left, false)?;
    let Some((_, comparison, right)) = split else { return Ok(Step::Filter { left, comparison: None }) };
    let right = right.trim();
    let literal = quoted(right).map(Value::String).or_else(|| serde_json::from_str(right).ok());
    match literal {
        Some(literal) => Ok(Step::Filter { left, comparison: Some((comparison, literal)) }),
        None => fail(format!("invalid filter {condition:?}")),
    }
}

/// Splits at the first comparison that is not in quotes.
fn split_comparison(condition: &str) -> Option<(&str, Comparison, &str)> {
    let mut quote = None;
    for (at, c) in condition.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, _) => {
                let rest = &condition[at..];
                let found = COMPARISONS.iter().find(|(text, _)| rest.starts_with(text));
                if let Some((text, comparison)) = found {
                    return Some((&condition[..at], *comparison, &rest[text.len()..]));
                }
            }
        }
    }
    None
}

fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "spec": {"a": 1, "l": [1, 2, 3], "m": [{"x": 1}, {"x": 2}, {}]},
            "metadata": {"labels": {"x.y/z": "v", "it's": "w", "a]b": "q"}},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "n": 5}, {"type": "a==b", "status": "False"}]},
        });
        let table = [
            (".spec.a", json!([1])),
            ("{.spec.a}", json!([1])),
            ("$.spec.a", json!([1])),
            ("spec.a", json!([1])),
            (".spec.nothing.more", json!([])),
            (".metadata.labels['x.y/z']", json!(["v"])),
            (r".metadata.labels.x\.y/z", json!(["v"])),
            (r".metadata.labels['it\'s']", json!(["w"])),
            (".metadata.labels[\"a]b\"]", json!(["q"])),
            (".spec.l[0]", json!([1])),
            (".spec.l[-1]", json!([3])),
            (".spec.l[7]", json!([])),
            (".spec.l[*]", json!([1, 2, 3])),
            (".spec.m[*].x", json!([1, 2])),
            (".spec.m.*.x", json!([1, 2])),
            (".spec.m[?(@.x)].x", json!([1, 2])),
            (".spec.m[?(@.x>1)].x", json!([2])),
            (".spec.l[?(@ != 2)]", json!([1, 3])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.type == 'a==b')].status", json!(["False"])),
            (".status.conditions[?(@['n']>=5)].type", json!(["Ready"])),
        ];
        for (text, expected) in table {
            let path = JsonPath::parse(text).expect(text);
            assert_eq!(json!(path.find(&object)), expected, "{text}");
        }
        assert_eq!(JsonPath::parse(".").expect("the object").find(&object), [&object]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "..a",
            ".a[",
            ".a['b]",
            ".a[x]",
            ".a[?(x==1)]",
            ".a[?(@.b==c)]",
            ".a..b",
            ".a.",
            ".a[0]b",
            ".a[?(@[?(@.b)])]",
        ] {
            assert!(JsonPath::parse(text).is_err(), "{text}");
        }
        assert_eq!(JsonPath::parse(".a[x]").expect_err("no index").to_string(), "invalid array index x");
        let simple = |text: &str| JsonPath::parse(text).expect(text).simple_fields().map(|f| f.join("/"));
        assert_eq!(simple(".spec.a"), Some("spec/a".to_owned()));
        assert_eq!(simple(".spec[0]"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[.a\\[\\]'\"?()@=*0-9\\\\é-]{0,20}") {
            let value = json!({"a": [{"a": 1}, "é"]});
            let found = JsonPath::parse(&text).map(|path| path.find(&value).len());
            prop_assert!(found.is_ok_and(|count| count <= 8) || JsonPath::parse(&text).is_err());
        }
    }
}
