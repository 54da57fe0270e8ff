//! Evaluation. Every step is charged before it is done, so the work is bounded by the budget and nothing else.

mod loops;

mod operators;

pub(crate) use loops::STEP;

use crate::functions;
use crate::syntax::{Expr, Kind};
use crate::value::{Fault, Val};

/// The state of one evaluation.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    left: u64,
    variables: Vec<(&'a str, Val<'a>)>,
}

pub(crate) type Outcome<'a> = Result<Val<'a>, Fault>;

impl<'a> Machine<'a> {
    /// Starts with a budget and variables.
    pub(crate) fn new(budget: u64, variables: Vec<(&'a str, Val<'a>)>) -> Self {
        Self { left: budget, variables }
    }

    /// Returns what is left of the budget.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Pays for work about to be done.
    pub(crate) fn charge(&mut self, cost: usize) -> Result<(), Fault> {
        let left = self.left.checked_sub(cost as u64);
        self.left = left.unwrap_or(0);
        left.map_or(Err(Fault::Budget), |_| Ok(()))
    }

    /// Pays for going over this many bytes of text.
    pub(crate) fn charge_text(&mut self, bytes: usize) -> Result<(), Fault> {
        self.charge(bytes.div_ceil(10))
    }

    /// Pays for a value that was decoded to be looked at.
    pub(crate) fn paid(&mut self, value: Outcome<'a>) -> Outcome<'a> {
        if let Ok(Val::Bytes(bytes)) = &value {
            self.charge_text(bytes.len())?;
        }
        value
    }

    /// Returns all items of a list.
    pub(crate) fn items(&mut self, list: &Val<'a>) -> Result<Vec<Val<'a>>, Fault> {
        let count = list.count().unwrap_or(0);
        self.charge(count)?;
        (0..count).filter_map(|index| list.item(index)).map(|item| self.paid(item)).collect()
    }

    /// Returns the keys of a map with their values.
    pub(crate) fn entries(&mut self, map: &Val<'a>) -> Result<Vec<(Val<'a>, Val<'a>)>, Fault> {
        self.charge(map.count().unwrap_or(0))?;
        let entries = map.entries()?;
        for (_, value) in &entries {
            self.paid(Ok(value.clone()))?;
        }
        Ok(entries)
    }

    pub(crate) fn eval(&mut self, expr: &'a Expr) -> Outcome<'a> {
        match &expr.kind {
            Kind::Null => Ok(Val::Null),
            Kind::Bool(flag) => Ok(Val::Bool(*flag)),
            Kind::Int(value) => Ok(Val::Int(*value)),
            Kind::Uint(value) => Ok(Val::Uint(*value)),
            Kind::Double(value) => Ok(Val::Double(*value)),
            Kind::Text(text) => Ok(Val::Borrowed(text)),
            Kind::Bytes(bytes) => {
                self.charge_text(bytes.len())?;
                Ok(Val::Bytes(bytes.as_slice().into()))
            }
            Kind::Name(name) => self.name(name),
            Kind::Select { of, field, optional, test } => self.select(of, field, *optional, *test),
            Kind::Index { of, index, optional } => self.index(of, index, *optional),
            Kind::Call { target, name, args, pattern } => {
                self.charge(1)?;
                let target = target.as_deref().map(|target| self.eval(target)).transpose()?;
                if let Some(value) = self.lazy(target.as_ref(), name, args) {
                    return value;
                }
                let args = args.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
                functions::call(self, target, name, &args, pattern.as_deref())
            }
            Kind::Not(of) => {
                self.charge(1)?;
                match self.eval(of)? {
                    Val::Bool(flag) => Ok(Val::Bool(!flag)),
                    _ => Fault::overload(),
                }
            }
            Kind::Negate(of) => {
                self.charge(1)?;
                operators::negate(&self.eval(of)?)
            }
            Kind::Binary(operator, left, right) => {
                self.charge(1)?;
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.binary(*operator, &left, &right)
            }
            Kind::And(all) => self.junction(all, false),
            Kind::Or(all) => self.junction(all, true),
            Kind::Choose(parts) => {
                self.charge(1)?;
                let [condition, yes, no] = parts.as_ref();
                match self.eval(condition)? {
                    Val::Bool(true) => self.eval(yes),
                    Val::Bool(false) => self.eval(no),
                    _ => Fault::overload(),
                }
            }
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Loop(l) => self.run(l),
            Kind::Within { of, name, body, flat } => {
                self.charge(1)?;
                let Val::Optional(of) = self.eval(of)? else { return Fault::overload() };
                let Some(value) = of else { return Ok(Val::Optional(None)) };
                let result = self.with(name, value.as_ref().clone(), body)?;
                Ok(if *flat { result } else { Val::some(result) })
            }
        }
    }

    fn name(&mut self, name: &'a str) -> Outcome<'a> {
        self.charge(1)?;
        if let Some((_, value)) = self.variables.iter().rev().find(|(found, _)| *found == name) {
            return Ok(value.clone());
        }
        match functions::type_named(name) {
            Some(kind) => Ok(Val::Type(kind)),
            None => Fault::error(format!("no such attribute(s): {name}")),
        }
    }

    /// Evaluates with one more variable.
    pub(crate) fn with(&mut self, name: &'a str, value: Val<'a>, body: &'a Expr) -> Outcome<'a> {
        self.variables.push((name, value));
        let result = self.eval(body);
        self.variables.pop();
        result
    }

    /// `||` and `&&`: an error counts only if no operand decides.
    fn junction(&mut self, all: &'a [Expr], decides: bool) -> Outcome<'a> {
        let mut failed = None;
        for expr in all {
            self.charge(1)?;
            match self.eval(expr) {
                Ok(Val::Bool(flag)) if flag == decides => return Ok(Val::Bool(decides)),
                Ok(Val::Bool(_)) => {}
                Ok(_) => failed = failed.or(Some(Fault::Error("no such overload".to_owned()))),
                Err(Fault::Budget) => return Err(Fault::Budget),
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        failed.map_or(Ok(Val::Bool(!decides)), Err)
    }

    fn select(&mut self, of: &'a Expr, field: &str, optional: bool, test: bool) -> Outcome<'a> {
        let of = self.eval(of)?;
        self.charge(1)?;
        let (of, optional) = match of {
            Val::Optional(None) if test => return Ok(Val::Bool(false)),
            Val::Optional(None) => return Ok(Val::Optional(None)),
            Val::Optional(Some(inner)) => (inner.as_ref().clone(), true),
            other => (other, optional),
        };
        if let Val::Map(entries) = &of {
            self.charge(entries.len() / 10)?;
        }
        if !of.is_map() {
            return Fault::error(format!("no such key: {field}"));
        }
        let name = match &of {
            Val::Json(_, Some(schema)) if schema.additional.schema().is_none() => {
                crate::escape::unescape(field)
            }
            _ => field.into(),
        };
        let found = of.field(&name);
        if test {
            return Ok(Val::Bool(found.is_some()));
        }
        match found {
            Some(value) if optional => Ok(Val::some(self.paid(value)?)),
            Some(value) => self.paid(value),
            None if optional => Ok(Val::Optional(None)),
            None => Fault::error(format!("no such key: {field}")),
        }
    }

    fn index(&mut self, of: &'a Expr, index: &'a Expr, optional: bool) -> Outcome<'a> {
        let of = self.eval(of)?;
        let index = self.eval(index)?;
        self.charge(1)?;
        let (of, optional) = match of {
            Val::Optional(None) => return Ok(Val::Optional(None)),
            Val::Optional(Some(inner)) => (inner.as_ref().clone(), true),
            other => (other, optional),
        };
        match self.at(&of, &index)? {
            Some(value) if optional => Ok(Val::some(value)),
            Some(value) => Ok(value),
            None if optional => Ok(Val::Optional(None)),
            None if of.is_list() => {
                Fault::error(format!("index out of bounds: {}", functions::shown(&index)))
            }
            None => Fault::error(format!("no such key: {}", functions::shown(&index))),
        }
    }

    /// Looks up an item or the value of a key.
    pub(crate) fn at(&mut self, of: &Val<'a>, index: &Val<'a>) -> Result<Option<Val<'a>>, Fault> {
        if of.is_list() {
            let index = match index {
                Val::Int(index) => usize::try_from(*index).ok(),
                Val::Uint(index) => usize::try_from(*index).ok(),
                Val::Double(index) if index.fract() == 0.0 => {
                    crate::value::int_of(*index).and_then(|i| usize::try_from(i).ok())
                }
                _ => return Fault::overload(),
            };
            return index.and_then(|index| of.item(index)).map(|item| self.paid(item)).transpose();
        }
        match of {
            Val::Map(entries) => {
                self.charge(entries.len() / 10)?;
                for (key, value) in entries.iter() {
                    if self.equal(key, index)? {
                        return Ok(Some(value.clone()));
                    }
                }
                Ok(None)
            }
            map if map.is_map() => match index.as_str() {
                Some(key) => map.field(key).map(|value| self.paid(value)).transpose(),
                None => Ok(None),
            },
            _ => Fault::overload(),
        }
    }

    fn list(&mut self, items: &'a [(Expr, bool)]) -> Outcome<'a> {
        self.charge(10)?;
        let mut made = Vec::with_capacity(items.len());
        for (item, optional) in items {
            match self.eval(item)? {
                Val::Optional(value) if *optional => made.extend(value.map(|v| v.as_ref().clone())),
                value => made.push(value),
            }
        }
        Ok(Val::list(made))
    }

    fn map(&mut self, entries: &'a [(Expr, Expr, bool)]) -> Outcome<'a> {
        self.charge(30)?;
        let mut made: Vec<(Val<'a>, Val<'a>)> = Vec::with_capacity(entries.len());
        for (key, value, optional) in entries {
            let key = self.eval(key)?;
            let value = self.eval(value)?;
            self.add_entry(&mut made, key, value, *optional)?;
        }
        Ok(Val::Map(made.into()))
    }

    fn add_entry(
        &mut self,
        made: &mut Vec<(Val<'a>, Val<'a>)>,
        key: Val<'a>,
        value: Val<'a>,
        optional: bool,
    ) -> Result<(), Fault> {
        if !matches!(key, Val::Bool(_) | Val::Int(_) | Val::Uint(_) | Val::Borrowed(_) | Val::Text(_)) {
            return Fault::error("unsupported key type");
        }
        for (other, _) in made.iter() {
            if self.equal(other, &key)? {
                return Fault::error(format!("Failed with repeated key: {}", functions::shown(&key)));
            }
        }
        match value {
            Val::Optional(None) if optional => {}
            Val::Optional(Some(value)) if optional => made.push((key, value.as_ref().clone())),
            value => made.push((key, value)),
        }
        Ok(())
    }

    /// `or` and `orValue` evaluate their argument only when it is needed.
    fn lazy(&mut self, target: Option<&Val<'a>>, name: &str, args: &'a [Expr]) -> Option<Outcome<'a>> {
        let (Some(Val::Optional(value)), [other]) = (target, args) else { return None };
        match (name, value) {
            ("orValue", Some(value)) => Some(Ok(value.as_ref().clone())),
            ("or", Some(value)) => Some(Ok(Val::Optional(Some(value.clone())))),
            ("or" | "orValue", None) => Some(self.eval(other)),
            _ => None,
        }
    }
}
