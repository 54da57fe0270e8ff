//! Bodies of requests: from bytes to values, and from values to what a built-in kind can hold.
//!
//! Reading never recurses deeper than [`MAX_DEPTH`]. Fields are told by their exact names. A value read here
//! goes through [`check_types`], then [`unknown_fields`] and [`drop_unknown_fields`], then [`normalize`].

mod fields;
mod pick;
mod text;
mod types;
mod yaml;

pub use fields::{complete, drop_unknown_fields, normalize, unknown_fields};
pub use pick::pick;
pub use text::{decode_json, decode_stored};
pub use types::{TypeError, check_types};
pub use yaml::decode_yaml;

use serde_json::Value;
use thiserror::Error;

/// How deep values may be nested.
pub const MAX_DEPTH: usize = 512;
/// How deep what is stored may be nested: an object of that depth, with the record of who owns its fields.
const MAX_STORED_DEPTH: usize = 2 * MAX_DEPTH;
/// How many things that strictness minds are told at most.
const MAX_STRICT: usize = 100;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The value. Of duplicates the last one counts.
    pub value: Value,
    /// What is said about duplicates, such as `duplicate field "spec.x"`.
    pub duplicates: Vec<String>,
}

/// A body that cannot be read, in the words of the server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct DecodeError(String);

/// Says that strictness forbids an object, given all that is to be said about it.
pub fn strict_error(problems: &[String]) -> String {
    format!("strict decoding error: {}", problems.join(", "))
}

/// The way from the root to a value, on the stack of the walk.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn depth(&self) -> usize {
        match self {
            Self::Root => 0,
            Self::Key(parent, _) | Self::Item(parent, _) => parent.depth() + 1,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Root => {}
            Self::Key(parent, key) => {
                parent.write(out);
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Self::Item(parent, index) => {
                parent.write(out);
                out.push('[');
                out.push_str(&index.to_string());
                out.push(']');
            }
        }
    }
}

/// Says `what` about a field, once.
fn note(problems: &mut Vec<String>, what: &str, place: Place<'_>) {
    if problems.len() < MAX_STRICT {
        let mut path = String::new();
        place.write(&mut path);
        let problem = format!("{what} field \"{path}\"");
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests;
