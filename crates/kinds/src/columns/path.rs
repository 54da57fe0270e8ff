//! Paths into objects, in the dialect of `JSONPath` that clients of Kubernetes know.
//!
//! `.a.b`, `['a']`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `.*`, `..a`, `['a','b']`, `[?(@.a=="x")]`. A backslash takes the
//! meaning of the character after it away, also within `['…']`, where a dot goes one level down as elsewhere.

use std::cmp::Ordering;

use serde_json::Value;

mod parse;
#[cfg(test)]
mod tests;

/// A path that was read once to be followed often.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Step>);

/// One step from values to values.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// To a field of each object.
    Field(String),
    /// To every field or item.
    Every,
    /// To everything below that holds something, at any depth.
    Below,
    /// To some items of each list.
    Items(Items),
    /// To what any of several paths lead to.
    Union(Vec<Vec<Step>>),
    /// To the items of each list that pass.
    Filter(Filter),
    /// To a value that stands in the path itself.
    Literal(Value),
    /// To nothing, because a word means nothing here.
    Nowhere,
}

/// Which items of a list are meant.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Items {
    start: Option<i64>,
    end: End,
    step: Option<i64>,
}

/// Where a run of items ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// At the end of the list.
    Open,
    /// Before an index.
    At(i64),
    /// After one item.
    One,
}

/// What items have to pass.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Vec<Step>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// The left side leads to something.
    Exists,
    /// Both sides compare as told.
    Compares(Comparison, Vec<Step>),
    /// An operator that is not known, which no list passes.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A path led where it cannot lead, so that the whole of it leads to nothing.
#[derive(Debug)]
struct Astray;

type Found<'a> = Result<Vec<&'a Value>, Astray>;

impl Path {
    /// Returns the path a text stands for, if it stands for one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        parse::steps(text).map(Self)
    }

    /// Returns the first value the path leads to.
    pub(super) fn first<'a>(&'a self, object: &'a Value) -> Option<&'a Value> {
        follow(&self.0, vec![object]).ok()?.into_iter().next()
    }
}

fn follow<'a>(steps: &'a [Step], from: Vec<&'a Value>) -> Found<'a> {
    steps.iter().try_fold(from, |from, step| step.follow(&from))
}

impl Step {
    fn follow<'a>(&'a self, from: &[&'a Value]) -> Found<'a> {
        match self {
            Self::Field(name) => Ok(from.iter().filter_map(|value| value.get(name)).collect()),
            Self::Every => Ok(from.iter().flat_map(|value| children(value)).collect()),
            Self::Below => {
                let mut found = Vec::new();
                for value in from {
                    descend(value, &mut found);
                }
                Ok(found)
            }
            Self::Items(items) => items.of_all(from),
            Self::Union(paths) => {
                let found: Result<Vec<_>, _> = paths.iter().map(|path| follow(path, from.to_vec())).collect();
                Ok(found?.into_iter().flatten().collect())
            }
            Self::Filter(filter) => filter.of_all(from),
            Self::Literal(value @ Value::String(_)) => Ok(vec![value]),
            Self::Literal(value) => Ok(vec![value; from.len()]),
            Self::Nowhere => Err(Astray),
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Finds a value and those below it that hold something, from the top down.
fn descend<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    let children = children(value);
    if !children.is_empty() {
        found.push(value);
        for child in children {
            descend(child, found);
        }
    }
}

impl Items {
    fn of_all<'a>(self, lists: &[&'a Value]) -> Found<'a> {
        let mut found = Vec::new();
        for list in lists.iter().filter(|value| !value.is_null()) {
            let list = list.as_array().ok_or(Astray)?;
            let Some((start, end)) = self.bounds(list.len())? else { break };
            let step = match self.step {
                None => 1,
                Some(step) => usize::try_from(step).ok().filter(|&step| step > 0).ok_or(Astray)?,
            };
            found.extend(list.get(start..end).ok_or(Astray)?.iter().step_by(step));
        }
        Ok(found)
    }

    /// Returns the first index and the one after the last, none if they are the same.
    fn bounds(self, length: usize) -> Result<Option<(usize, usize)>, Astray> {
        let length = i64::try_from(length).map_err(|_| Astray)?;
        let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
        let first = self.start.unwrap_or(0);
        let end = match self.end {
            End::Open => length,
            End::At(end) => from_end(end),
            // The item before the end is the last one, so that `[-1]` ends where the list does.
            End::One if first == -1 => length,
            End::One => from_end(first.saturating_add(1)),
        };
        let start = from_end(first);
        if start == end {
            return Ok(None);
        }
        let inside = (0..length).contains(&start) && (start..=length).contains(&end);
        let index = |number: i64| usize::try_from(number).map_err(|_| Astray);
        if inside { Ok(Some((index(start)?, index(end)?))) } else { Err(Astray) }
    }
}

impl Filter {
    fn of_all<'a>(&'a self, lists: &[&'a Value]) -> Found<'a> {
        let mut found = Vec::new();
        for list in lists {
            for item in list.as_array().ok_or(Astray)? {
                if self.passes(item)? {
                    found.push(item);
                }
            }
        }
        Ok(found)
    }

    fn passes<'a>(&'a self, item: &'a Value) -> Result<bool, Astray> {
        let left = follow(&self.left, vec![item]);
        match &self.test {
            Test::Exists => Ok(left.is_ok_and(|found| !found.is_empty())),
            Test::Unknown => Err(Astray),
            Test::Compares(comparison, right) => {
                let Some(left) = single(&left?)? else { return Ok(false) };
                let Some(right) = single(&follow(right, vec![item])?)? else { return Ok(false) };
                comparison.holds(left, right)
            }
        }
    }
}

/// Returns the one value found; more than one cannot be compared.
fn single<'a>(found: &[&'a Value]) -> Result<Option<&'a Value>, Astray> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [_, _, ..] => Err(Astray),
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> Result<bool, Astray> {
        let order = match (left, right) {
            (Value::Bool(left), Value::Bool(right)) => {
                return match self {
                    Self::Equal => Ok(left == right),
                    Self::NotEqual => Ok(left != right),
                    Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => Err(Astray),
                };
            }
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                (None, None) => left.as_f64().partial_cmp(&right.as_f64()),
                // A whole number and one with a fraction are of different types, even where they are equal.
                (Some(_), None) | (None, Some(_)) => None,
            },
            _ => None,
        };
        let order = order.ok_or(Astray)?;
        Ok(match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        })
    }
}
