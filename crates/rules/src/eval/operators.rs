//! Operators.

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value;
use stanchion_machinery::structural::ListType;

use super::{Machine, Outcome};
use crate::functions;
use crate::syntax::Binary;
use crate::value::{Fault, Val};

const OVERFLOW: &str = "integer overflow";

pub(super) fn negate<'a>(value: &Val<'a>) -> Outcome<'a> {
    match value {
        Val::Int(value) => checked(value.checked_neg()).map(Val::Int),
        Val::Double(value) => Ok(Val::Double(-value)),
        Val::Duration(value) => checked(value.checked_neg()).map(Val::Duration),
        _ => Fault::overload(),
    }
}

fn checked<T>(value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::Error(OVERFLOW.to_owned()))
}

impl<'a> Machine<'a> {
    pub(super) fn binary(&mut self, operator: Binary, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
        Ok(Val::Bool(match operator {
            Binary::Add => return self.add(left, right),
            Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Modulo => {
                return arithmetic(operator, left, right);
            }
            Binary::Equal => self.equal(left, right)?,
            Binary::NotEqual => !self.equal(left, right)?,
            Binary::Less => self.compare(left, right)? == Some(Ordering::Less),
            Binary::Greater => self.compare(left, right)? == Some(Ordering::Greater),
            Binary::LessEqual => matches!(self.compare(left, right)?, Some(Ordering::Less | Ordering::Equal)),
            Binary::GreaterEqual => {
                matches!(self.compare(left, right)?, Some(Ordering::Greater | Ordering::Equal))
            }
            Binary::In => self.contains(right, left)?,
        }))
    }

    /// Returns whether a list or map has an item or key.
    pub(crate) fn contains(&mut self, of: &Val<'a>, wanted: &Val<'a>) -> Result<bool, Fault> {
        if of.is_map() {
            return Ok(self.at(of, wanted)?.is_some());
        }
        let Some(count) = of.count() else { return Fault::overload() };
        for index in 0..count {
            self.charge(1)?;
            if let Some(item) = of.item(index)
                && self.equal_item(item, wanted)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn equal_item(&mut self, item: Outcome<'a>, wanted: &Val<'a>) -> Result<bool, Fault> {
        let item = self.paid(item)?;
        self.equal(&item, wanted)
    }

    fn add(&mut self, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
        if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
            self.charge_text(a.len() + b.len())?;
            return Ok(Val::Text(Rc::from([a, b].concat())));
        }
        if left.is_list() && right.is_list() {
            return self.concat(left, right);
        }
        Ok(match (left, right) {
            (Val::Int(a), Val::Int(b)) => Val::Int(checked(a.checked_add(*b))?),
            (Val::Uint(a), Val::Uint(b)) => Val::Uint(checked(a.checked_add(*b))?),
            (Val::Double(a), Val::Double(b)) => Val::Double(a + b),
            (Val::Bytes(a), Val::Bytes(b)) => {
                self.charge_text(a.len() + b.len())?;
                Val::Bytes(Rc::from([&a[..], &b[..]].concat()))
            }
            (Val::Duration(a), Val::Duration(b)) => Val::Duration(checked(a.checked_add(*b))?),
            (Val::Timestamp(a), Val::Duration(b)) | (Val::Duration(b), Val::Timestamp(a)) => {
                Val::Timestamp(checked(a.checked_add(i128::from(*b)))?)
            }
            _ => return Fault::overload(),
        })
    }

    /// Joins lists; those that are sets or maps keep every item or key once.
    fn concat(&mut self, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
        let mut items = self.items(left)?;
        let schema = match left {
            Val::Json(_, schema) => *schema,
            _ => None,
        };
        let (kind, keys) = schema.map_or((None, &[][..]), |s| (s.list_type, s.list_map_keys.as_slice()));
        for item in self.items(right)? {
            match kind {
                None | Some(ListType::Atomic) => items.push(item),
                Some(ListType::Set) => {
                    let mut found = false;
                    for other in &items {
                        self.charge(1)?;
                        found = found || self.equal(other, &item)?;
                    }
                    if !found {
                        items.push(item);
                    }
                }
                Some(ListType::Map) => {
                    let mut place = None;
                    for (index, other) in items.iter().enumerate() {
                        self.charge(1)?;
                        if self.same_keys(other, &item, keys)? {
                            place = Some(index);
                            break;
                        }
                    }
                    match place {
                        Some(index) => items[index] = item,
                        None => items.push(item),
                    }
                }
            }
        }
        Ok(Val::list(items))
    }

    fn same_keys(&mut self, a: &Val<'a>, b: &Val<'a>, keys: &[String]) -> Result<bool, Fault> {
        for key in keys {
            let same = match (a.field(key), b.field(key)) {
                (Some(a), Some(b)) => self.equal(&a?, &b?)?,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether values are equal; what is looked at is charged.
    pub(crate) fn equal(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<bool, Fault> {
        if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
            self.charge(a.len().min(b.len()) / 10)?;
            return Ok(a == b);
        }
        if left.is_list() && right.is_list() {
            return self.equal_lists(left, right);
        }
        if left.is_map() && right.is_map() {
            if left.count() != right.count() {
                return Ok(false);
            }
            for (key, value) in self.entries(left)? {
                self.charge(1)?;
                let same = match self.at(right, &key)? {
                    Some(other) => self.equal(&value, &other)?,
                    None => false,
                };
                if !same {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(match (left, right) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Bytes(a), Val::Bytes(b)) => {
                self.charge_text(a.len().min(b.len()))?;
                a == b
            }
            (Val::Duration(a), Val::Duration(b)) => a == b,
            (Val::Timestamp(a), Val::Timestamp(b)) | (Val::Quantity(a), Val::Quantity(b)) => a == b,
            (Val::Type(a), Val::Type(b)) | (Val::Format(a), Val::Format(b)) => a == b,
            (Val::Ip(a), Val::Ip(b)) => a == b,
            (Val::Cidr(a, n), Val::Cidr(b, m)) => a == b && n == m,
            (Val::Url(a), Val::Url(b)) => a == b,
            (Val::Semver(a), Val::Semver(b)) => functions::compare_versions(a, b) == Ordering::Equal,
            (Val::Optional(a), Val::Optional(b)) => match (a, b) {
                (Some(a), Some(b)) => self.equal(a, b)?,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            },
            (a, b) => numbers(a, b) == Some(Ordering::Equal),
        })
    }

    fn equal_lists(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<bool, Fault> {
        if left.count() != right.count() {
            return Ok(false);
        }
        let unordered = matches!(left, Val::Json(Value::Array(_), Some(s))
            if matches!(s.list_type, Some(ListType::Set | ListType::Map)));
        for index in 0..left.count().unwrap_or(0) {
            self.charge(1)?;
            let (Some(a), Some(b)) = (left.item(index), right.item(index)) else { return Ok(false) };
            let (a, b) = (self.paid(a)?, self.paid(b)?);
            if !(self.equal(&a, &b)? || unordered && self.contains(right, &a)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Orders values of one type; nothing for a comparison with NaN.
    pub(crate) fn compare(&mut self, left: &Val<'a>, right: &Val<'a>) -> Result<Option<Ordering>, Fault> {
        if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
            self.charge(a.len().min(b.len()) / 10)?;
            return Ok(Some(a.cmp(b)));
        }
        Ok(match (left, right) {
            (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
            (Val::Bytes(a), Val::Bytes(b)) => {
                self.charge_text(a.len().min(b.len()))?;
                Some(a.cmp(b))
            }
            (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
            (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
            (a, b) if is_number(a) && is_number(b) => numbers(a, b),
            _ => return Fault::overload(),
        })
    }
}

fn is_number(value: &Val<'_>) -> bool {
    matches!(value, Val::Int(_) | Val::Uint(_) | Val::Double(_))
}

/// Compares numbers of any type; nothing if one is no number.
#[expect(clippy::cast_precision_loss, reason = "integers are compared with doubles as CEL does")]
fn numbers(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    let whole = |v: &Val<'_>| match v {
        Val::Int(v) => Some(i128::from(*v)),
        Val::Uint(v) => Some(i128::from(*v)),
        _ => None,
    };
    if let (Some(a), Some(b)) = (whole(left), whole(right)) {
        return Some(a.cmp(&b));
    }
    let double = |v: &Val<'_>| match v {
        Val::Double(v) => Some(*v),
        other => whole(other).map(|v| v as f64),
    };
    double(left)?.partial_cmp(&double(right)?)
}

fn arithmetic<'a>(operator: Binary, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    let zero = || {
        let what = if operator == Binary::Modulo { "modulus by zero" } else { "division by zero" };
        Fault::Error(what.to_owned())
    };
    let divides = matches!(operator, Binary::Divide | Binary::Modulo);
    Ok(match (left, right) {
        (Val::Int(_), Val::Int(0)) | (Val::Uint(_), Val::Uint(0)) if divides => return Err(zero()),
        (Val::Int(a), Val::Int(b)) => Val::Int(checked(match operator {
            Binary::Subtract => a.checked_sub(*b),
            Binary::Multiply => a.checked_mul(*b),
            Binary::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        })?),
        (Val::Uint(a), Val::Uint(b)) => Val::Uint(checked(match operator {
            Binary::Subtract => a.checked_sub(*b),
            Binary::Multiply => a.checked_mul(*b),
            Binary::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        })?),
        (Val::Double(a), Val::Double(b)) if operator != Binary::Modulo => Val::Double(match operator {
            Binary::Subtract => a - b,
            Binary::Multiply => a * b,
            _ => a / b,
        }),
        (Val::Duration(a), Val::Duration(b)) if operator == Binary::Subtract => {
            Val::Duration(checked(a.checked_sub(*b))?)
        }
        (Val::Timestamp(a), Val::Duration(b)) if operator == Binary::Subtract => {
            Val::Timestamp(checked(a.checked_sub(i128::from(*b)))?)
        }
        (Val::Timestamp(a), Val::Timestamp(b)) if operator == Binary::Subtract => {
            Val::Duration(checked(a.checked_sub(*b).and_then(|v| i64::try_from(v).ok()))?)
        }
        _ => return Fault::overload(),
    })
}
