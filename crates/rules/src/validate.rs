//! Evaluating the rules of a schema against an object.

use std::collections::HashMap;

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::structural::{ListType, Structural};

use crate::CALL_LIMIT;
use crate::compile::{Compiled, Node, Rules};
use crate::eval::Machine;
use crate::value::{Fault, Val};

/// The longest message an expression may make.
const MAX_MESSAGE: usize = 5 * 1024;
const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

impl Rules {
    /// Evaluates all rules. `schema` is the one they were compiled from; `old` is what an update replaces.
    ///
    /// Rules about changes are passed over where there is nothing to compare with. What fails but did not change is
    /// not held against the object. The work is bounded by `budget`.
    pub fn validate(
        &self,
        schema: &Structural,
        new: &Value,
        old: Option<&Value>,
        path: &Path,
        budget: u64,
    ) -> FieldErrors {
        let mut walk = Walk { errors: Vec::new(), left: budget, stopped: false };
        if let Some(root) = &self.root {
            walk.node(root, schema, new, old, None, path);
        }
        walk.errors
    }
}

struct Walk {
    errors: FieldErrors,
    left: u64,
    stopped: bool,
}

/// The nearest new and old values above that can be compared.
type Above<'a> = Option<(&'a Value, &'a Value)>;

impl Walk {
    fn node(
        &mut self,
        node: &Node,
        s: &Structural,
        new: &Value,
        old: Option<&Value>,
        above: Above<'_>,
        path: &Path,
    ) {
        if self.stopped || new.is_null() {
            return;
        }
        let old_value = old.filter(|old| !old.is_null());
        for rule in &node.rules {
            self.rule(rule, s, new, old_value, old.map(|old| (new, old)).or(above), path);
            if self.stopped {
                return;
            }
        }
        let above = old.map(|old| (new, old)).or(above);
        match new {
            Value::Object(map) => {
                let old = old.filter(|_| s.map_atomic != Some(true)).and_then(Value::as_object);
                for (name, value) in map {
                    let old = old.and_then(|old| old.get(name));
                    if let (Some(below), Some(schema)) = (node.properties.get(name), s.properties.get(name)) {
                        self.node(below, schema, value, old, above, &path.child(name));
                    } else if let (Some(below), Some(schema)) = (&node.additional, s.additional.schema())
                        && !s.properties.contains_key(name)
                    {
                        self.node(below, schema, value, old, above, &path.key(name));
                    }
                }
            }
            Value::Array(items) => {
                if let (Some(below), Some(schema)) = (&node.items, &s.items) {
                    let old = by_keys(s, old);
                    for (index, item) in items.iter().enumerate() {
                        let old = old.as_ref().and_then(|old| old.get(&keys(s, item)).copied());
                        self.node(below, schema, item, old, above, &path.index(index));
                        if self.stopped {
                            return;
                        }
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn rule(
        &mut self,
        compiled: &Compiled,
        s: &Structural,
        new: &Value,
        old: Option<&Value>,
        above: Above<'_>,
        path: &Path,
    ) {
        let kind = s.kind.map_or("", |kind| kind.as_str());
        let rule = &compiled.rule;
        let optional = rule.optional_old_self == Some(true);
        if compiled.uses_old && old.is_none() && !optional {
            return;
        }
        let shown = if rule.message.is_empty() { rule.rule.trim() } else { rule.message.trim() };
        if self.left == 0 {
            self.stop(FieldError::invalid(path, kind, OUT_OF_BUDGET));
            return;
        }
        let limit = self.left.min(CALL_LIMIT);
        let variables = match variables(s, new, old, optional) {
            Ok(variables) => variables,
            Err(why) => {
                self.errors.push(FieldError::invalid(path, kind, format!("{why} evaluating rule: {shown}")));
                return;
            }
        };
        let mut machine = Machine::new(limit, variables.clone());
        let result = machine.eval(&compiled.program);
        self.left -= limit - machine.left();
        let error = match result {
            Ok(Val::Bool(true)) => return,
            Ok(_) => {
                let path = if compiled.field_path.is_empty() {
                    path.clone()
                } else {
                    path.child(&compiled.field_path)
                };
                let unchanged = !compiled.uses_old && above.is_some_and(|(new, old)| new == old);
                if unchanged {
                    return;
                }
                let detail = match self.message(compiled, variables) {
                    Ok(Some(message)) => message,
                    Ok(None) if rule.message.is_empty() => format!("failed rule: {shown}"),
                    Ok(None) => shown.to_owned(),
                    Err(why) => {
                        self.stop(FieldError::invalid(&path, kind, why));
                        return;
                    }
                };
                match rule.reason.as_str() {
                    "FieldValueForbidden" => FieldError::forbidden(&path, detail),
                    "FieldValueRequired" => FieldError::required(&path, detail),
                    "FieldValueDuplicate" => FieldError::duplicate(&path, kind),
                    _ => FieldError::invalid(&path, kind, detail),
                }
            }
            Err(Fault::Budget) if limit < CALL_LIMIT => {
                self.stop(FieldError::invalid(path, kind, OUT_OF_BUDGET));
                return;
            }
            Err(Fault::Budget) => {
                let why = format!(
                    "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: {shown}"
                );
                self.stop(FieldError::invalid(path, kind, why));
                return;
            }
            Err(Fault::Error(why)) if why.starts_with("no such overload") => FieldError::invalid(
                path,
                kind,
                format!(
                    "'{why}': call arguments did not match a supported operator, function or macro signature for rule: {shown}"
                ),
            ),
            Err(Fault::Error(why)) => {
                FieldError::invalid(path, kind, format!("{why} evaluating rule: {shown}"))
            }
        };
        self.errors.push(error);
    }

    fn stop(&mut self, error: FieldError) {
        self.errors.push(error);
        self.stopped = true;
    }

    /// Evaluates the expression for the message; nothing if it makes none that can be shown.
    fn message<'a>(
        &mut self,
        compiled: &'a Compiled,
        variables: Vec<(&'a str, Val<'a>)>,
    ) -> Result<Option<String>, String> {
        let Some(expr) = &compiled.message else { return Ok(None) };
        let limit = self.left.min(CALL_LIMIT);
        let mut machine = Machine::new(limit, variables);
        let result = machine.eval(expr);
        self.left -= limit - machine.left();
        match result {
            Ok(value) => {
                let text = value.as_str().unwrap_or("").trim();
                let good = !text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n');
                Ok(good.then(|| text.to_owned()))
            }
            Err(Fault::Error(_)) => Ok(None),
            Err(Fault::Budget) => Err(
                "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run"
                    .to_owned(),
            ),
        }
    }
}

fn variables<'a>(
    s: &'a Structural,
    new: &'a Value,
    old: Option<&'a Value>,
    optional: bool,
) -> Result<Vec<(&'a str, Val<'a>)>, String> {
    let of = |value: &'a Value| {
        Val::of(value, Some(s)).map_err(|fault| match fault {
            Fault::Error(why) => why,
            Fault::Budget => OUT_OF_BUDGET.to_owned(),
        })
    };
    let mut variables = vec![("self", of(new)?)];
    match old.map(of).transpose()? {
        Some(old) => variables.push(("oldSelf", if optional { Val::some(old) } else { old })),
        None if optional => variables.push(("oldSelf", Val::Optional(None))),
        None => {}
    }
    Ok(variables)
}

fn by_keys<'a>(s: &Structural, old: Option<&'a Value>) -> Option<HashMap<String, &'a Value>> {
    if s.list_type != Some(ListType::Map) {
        return None;
    }
    Some(old?.as_array()?.iter().map(|item| (keys(s, item), item)).collect())
}

fn keys(s: &Structural, item: &Value) -> String {
    let values: Vec<&Value> = s.list_map_keys.iter().map(|key| &item[key.as_str()]).collect();
    values.iter().fold(String::new(), |all, value| format!("{all}{value},"))
}
