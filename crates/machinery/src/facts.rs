//! The facts of the published schema, read from a compact table.
//!
//! The table is made by `cargo xtask facts`. Its lines are:
//!
//! ```text
//! type io.k8s.api.core.v1.ContainerPort
//!   containerPort 3 int32 required
//!   protocol 4 string default="TCP"
//! type io.k8s.apimachinery.pkg.runtime.RawExtension any
//! ```
//!
//! A field is a name, a protobuf number, a type and flags. The number is `outer.inner` for a field that protobuf has
//! in a nested message and JSON inlines. Types: `bool int32 int64 double string bytes quantity
//! intOrString time microTime duration any`, `=Name` for another type, `[]T` for a list, `{}T` for a map with
//! strings as keys. A type may be `atomic` as a whole, or `any` for one that is opaque JSON.
//!
//! Flags: `required`, `pointer` and `always` (see [`Presence`]), `list=set`, `list=map:k1,k2`, `atomic`,
//! `patch=merge,retainKeys:key`, `default=<JSON, last on its line>`.

use serde_json::Value;
use thiserror::Error;

use crate::schema::{Field, ListKind, Node, NodeId, PatchRule, Presence, Scalar, SchemaSet, Shape};

/// A table that cannot be read.
#[derive(Debug, Error)]
#[error("line {line} of the table of facts: {problem}")]
pub struct FactsError {
    line: usize,
    problem: String,
}

/// Reads a table.
pub fn parse(table: &str) -> Result<SchemaSet, FactsError> {
    let mut reader = Reader::default();
    for (index, line) in table.lines().enumerate() {
        let fail = |problem| FactsError { line: index + 1, problem };
        if let Some(head) = line.strip_prefix("type ") {
            reader.begin(head);
        } else if let Some(field) = line.strip_prefix("  ") {
            reader.field(field).map_err(fail)?;
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err(fail("neither a type nor a field".to_owned()));
        }
    }
    reader.end();
    match reader.missing.pop() {
        Some(name) => Err(FactsError { line: 0, problem: format!("{name} is used but not described") }),
        None => Ok(reader.set),
    }
}

#[derive(Default)]
struct Reader {
    set: SchemaSet,
    open: Option<(NodeId, bool, Vec<Field>)>,
    missing: Vec<String>,
}

impl Reader {
    fn named(&mut self, name: &str) -> NodeId {
        if let Some(id) = self.set.id_of(name) {
            return id;
        }
        self.missing.push(name.to_owned());
        self.set.add(Node { name: name.to_owned(), shape: Shape::Any })
    }

    fn begin(&mut self, head: &str) {
        self.end();
        if let Some(name) = head.strip_suffix(" any") {
            self.named(name);
            self.missing.retain(|missing| missing != name);
            return;
        }
        let (name, atomic) = head.strip_suffix(" atomic").map_or((head, false), |name| (name, true));
        let id = self.named(name);
        self.missing.retain(|missing| missing != name);
        self.open = Some((id, atomic, Vec::new()));
    }

    fn end(&mut self) {
        if let Some((id, atomic, mut fields)) = self.open.take() {
            fields.sort_by(|a, b| a.name.cmp(&b.name));
            self.set.set(id, Shape::Struct { fields, open: false, atomic });
        }
    }

    fn field(&mut self, line: &str) -> Result<(), String> {
        let (line, default) = match line.split_once(" default=") {
            Some((rest, json)) => {
                (rest, Some(serde_json::from_str::<Value>(json).map_err(|e| e.to_string())?))
            }
            None => (line, None),
        };
        let mut words = line.split(' ');
        let mut next = |what: &str| words.next().ok_or_else(|| format!("no {what}"));
        let (name, number, kind) = (next("name")?, next("number")?, next("type")?);
        let (embedded_in, number) = number.split_once('.').unwrap_or(("0", number));
        let parse = |number: &str| number.parse::<u32>().map_err(|e| e.to_string());
        let (embedded_in, number) = (parse(embedded_in)?, parse(number)?);
        let (mut required, mut atomic, mut patch, mut list) =
            (false, false, PatchRule::default(), ListKind::Atomic);
        let mut presence = Presence::default();
        for flag in words {
            match flag.split_once('=') {
                None if flag == "required" => required = true,
                None if flag == "atomic" => atomic = true,
                None if flag == "pointer" => presence = Presence::Pointer,
                None if flag == "always" => presence = Presence::Always,
                Some(("list", "set")) => list = ListKind::Set,
                Some(("list", keys)) => {
                    let keys = keys.strip_prefix("map:").ok_or("a list is a set or a map")?;
                    list = ListKind::Map(keys.split(',').map(str::to_owned).collect());
                }
                Some(("patch", rule)) => patch = patch_rule(rule)?,
                _ => return Err(format!("unknown flag {flag:?}")),
            }
        }
        let node = self.node(kind, list, atomic)?;
        let name = name.to_owned();
        let field = Field { name, node, number, embedded_in, required, presence, atomic, patch, default };
        let (_, _, fields) = self.open.as_mut().ok_or("a field before the first type")?;
        fields.push(field);
        Ok(())
    }

    fn node(&mut self, kind: &str, list: ListKind, atomic: bool) -> Result<NodeId, String> {
        if let Some(name) = kind.strip_prefix('=') {
            return Ok(self.named(name));
        }
        let shape = if let Some(item) = kind.strip_prefix("[]") {
            Shape::List { items: self.node(item, ListKind::Atomic, false)?, kind: list }
        } else if let Some(value) = kind.strip_prefix("{}") {
            Shape::Map { values: self.node(value, ListKind::Atomic, false)?, atomic }
        } else {
            match kind {
                "any" => Shape::Any,
                other => Shape::Scalar(scalar(other)?),
            }
        };
        Ok(self.set.add(Node { name: String::new(), shape }))
    }
}

fn scalar(word: &str) -> Result<Scalar, String> {
    Ok(match word {
        "bool" => Scalar::Boolean,
        "int32" => Scalar::Int32,
        "int64" => Scalar::Int64,
        "double" => Scalar::Double,
        "string" => Scalar::String,
        "bytes" => Scalar::Bytes,
        "quantity" => Scalar::Quantity,
        "intOrString" => Scalar::IntOrString,
        "time" => Scalar::Time,
        "microTime" => Scalar::MicroTime,
        "duration" => Scalar::Duration,
        other => return Err(format!("unknown type {other:?}")),
    })
}

fn patch_rule(text: &str) -> Result<PatchRule, String> {
    let (strategies, key) = text.split_once(':').map_or((text, None), |(s, key)| (s, Some(key.to_owned())));
    let mut rule = PatchRule { merge_key: key, ..PatchRule::default() };
    for strategy in strategies.split(',') {
        match strategy {
            "merge" => rule.merge = true,
            "retainKeys" => rule.retain_keys = true,
            "replace" => {}
            other => return Err(format!("unknown patch strategy {other:?}")),
        }
    }
    Ok(rule)
}
