//! The static check: undeclared names, operators on the wrong types, and what an expression can cost at most.

mod calls;
mod types;

use crate::eval::STEP;
use crate::problem::Problem;
use crate::syntax::{Binary, Expr, Fold, Kind, Loop};
pub(crate) use types::{MAX_REQUEST, Ty, declare, min_size};

/// What is found out about an expression.
#[derive(Clone, Debug)]
pub(crate) struct Checked<'s> {
    pub(crate) ty: Ty<'s>,
    /// The highest cost of evaluating it.
    pub(crate) cost: u64,
}

type Result<'s> = std::result::Result<Checked<'s>, Problem>;

/// The names in scope.
pub(crate) struct Checker<'s, 'e> {
    pub(crate) scope: Vec<(&'e str, Ty<'s>)>,
}

fn done(ty: Ty<'_>, cost: u64) -> Checked<'_> {
    Checked { ty, cost }
}

fn fails<'s>(at: usize, says: impl Into<String>) -> Result<'s> {
    Err(Problem { at, says: says.into() })
}

impl<'s, 'e> Checker<'s, 'e> {
    pub(crate) fn check(&mut self, expr: &'e Expr) -> Result<'s> {
        match &expr.kind {
            Kind::Null => Ok(done(Ty::Null, 0)),
            Kind::Bool(_) => Ok(done(Ty::Bool, 0)),
            Kind::Int(_) => Ok(done(Ty::Int, 0)),
            Kind::Uint(_) => Ok(done(Ty::Uint, 0)),
            Kind::Double(_) => Ok(done(Ty::Double, 0)),
            Kind::Text(text) => Ok(done(Ty::Text(text.len() as u64), 0)),
            Kind::Bytes(bytes) => Ok(done(Ty::Bytes(bytes.len() as u64), 0)),
            Kind::Name(name) => self.name(name, expr.at),
            Kind::Select { of, field, optional, test } => self.select(of, field, *optional, *test, expr.at),
            Kind::Index { of, index, optional } => self.index(of, index, *optional, expr.at),
            Kind::Call { target, name, args, .. } => self.call(target.as_deref(), name, args, expr.at),
            Kind::Not(of) => {
                let of = self.check(of)?;
                Self::wants_bool(&of, "!_", expr.at)?;
                Ok(done(Ty::Bool, of.cost.saturating_add(1)))
            }
            Kind::Negate(of) => {
                let of = self.check(of)?;
                match of.ty {
                    Ty::Int | Ty::Double | Ty::Duration | Ty::Dyn(_) => {
                        Ok(done(of.ty, of.cost.saturating_add(1)))
                    }
                    other => fails(expr.at, no_overload("-_", &[&other])),
                }
            }
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, expr.at),
            Kind::And(all) => self.junction(all, "_&&_", expr.at),
            Kind::Or(all) => self.junction(all, "_||_", expr.at),
            Kind::Choose(parts) => {
                let [condition, yes, no] = parts.as_ref();
                let (condition, yes, no) = (self.check(condition)?, self.check(yes)?, self.check(no)?);
                Self::wants_bool(&condition, "_?_:_", expr.at)?;
                let Some(ty) = yes.ty.join(&no.ty) else {
                    return fails(expr.at, no_overload("_?_:_", &[&condition.ty, &yes.ty, &no.ty]));
                };
                let cost = condition.cost.saturating_add(yes.cost.max(no.cost)).saturating_add(1);
                Ok(done(ty, cost))
            }
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Loop(l) => self.run(l, expr.at),
            Kind::Within { of, name, body, flat } => {
                let of = self.check(of)?;
                let inner = match of.ty {
                    Ty::Optional(inner) => *inner,
                    Ty::Dyn(size) => Ty::Dyn(size),
                    other => return fails(expr.at, no_overload("optMap", &[&other])),
                };
                self.scope.push((name, inner));
                let body = self.check(body);
                self.scope.pop();
                let body = body?;
                let ty = if *flat { body.ty } else { Ty::Optional(Box::new(body.ty)) };
                Ok(done(ty, of.cost.saturating_add(body.cost).saturating_add(2)))
            }
        }
    }

    fn wants_bool(found: &Checked<'s>, what: &str, at: usize) -> std::result::Result<(), Problem> {
        match found.ty {
            Ty::Bool | Ty::Dyn(_) => Ok(()),
            _ => Err(Problem { at, says: no_overload(what, &[&found.ty]) }),
        }
    }

    fn name(&self, name: &str, at: usize) -> Result<'s> {
        if let Some((_, ty)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return Ok(done(ty.clone(), 1));
        }
        if crate::functions::type_named(name).is_some() {
            return Ok(done(Ty::Type, 1));
        }
        fails(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn select(&mut self, of: &'e Expr, field: &str, optional: bool, test: bool, at: usize) -> Result<'s> {
        let of = self.check(of)?;
        let (inner, optional) = match of.ty {
            Ty::Optional(inner) => (*inner, true),
            other => (other, optional),
        };
        let ty = match inner {
            Ty::Object(schema, resource) => types::field(schema, resource, field),
            Ty::Meta => matches!(field, "name" | "generateName").then_some(Ty::Text(253)),
            Ty::Map(_, values, _) => Some(*values),
            Ty::Dyn(size) => Some(Ty::Dyn(size)),
            other => return fails(at, format!("type '{}' does not support field selection", other.name())),
        };
        let Some(ty) = ty else { return fails(at, format!("undefined field '{field}'")) };
        // A test for presence is free, as in Kubernetes.
        Ok(if test { done(Ty::Bool, 0) } else { done(ty.optional(optional), of.cost.saturating_add(1)) })
    }

    fn index(&mut self, of: &'e Expr, index: &'e Expr, optional: bool, at: usize) -> Result<'s> {
        let of = self.check(of)?;
        let index = self.check(index)?;
        let cost = of.cost.saturating_add(index.cost).saturating_add(1);
        let (inner, optional) = match of.ty {
            Ty::Optional(inner) => (*inner, true),
            other => (other, optional),
        };
        let ty = match (inner, &index.ty) {
            (Ty::List(items, _), Ty::Int | Ty::Uint | Ty::Double | Ty::Dyn(_)) => *items,
            (Ty::Map(key, values, _), wanted) if key.join(wanted).is_some() => *values,
            (Ty::Dyn(size), _) => Ty::Dyn(size),
            (other, wanted) => return fails(at, no_overload("_[_]", &[&other, wanted])),
        };
        Ok(done(ty.optional(optional), cost))
    }

    fn binary(&mut self, operator: Binary, left: &'e Expr, right: &'e Expr, at: usize) -> Result<'s> {
        let left = self.check(left)?;
        let right = self.check(right)?;
        let (a, b) = (&left.ty, &right.ty);
        let cost = left.cost.saturating_add(right.cost).saturating_add(1);
        let compared = a.size().min(b.size()) / 10;
        let found = match operator {
            Binary::Add => a.add(b).map(|ty| {
                let traversed = if matches!(ty, Ty::Text(_) | Ty::Bytes(_)) { ty.size() / 10 } else { 0 };
                (ty, traversed)
            }),
            Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Modulo => {
                a.arithmetic(b, operator).map(|ty| (ty, 0))
            }
            Binary::Equal | Binary::NotEqual => {
                (a.is_null() || b.is_null() || a.is_number() && b.is_number() || a.join(b).is_some())
                    .then_some((Ty::Bool, compared))
            }
            Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
                (a.is_number() && b.is_number() || a.is_ordered() && a.join(b).is_some())
                    .then_some((Ty::Bool, compared))
            }
            Binary::In => match b {
                Ty::List(items, size) => (items.join(a).is_some() || items.is_number() && a.is_number())
                    .then_some((Ty::Bool, *size)),
                Ty::Map(key, _, _) => key.join(a).is_some().then_some((Ty::Bool, 1)),
                Ty::Dyn(size) => Some((Ty::Bool, *size)),
                _ => None,
            },
        };
        match found {
            Some((ty, more)) => Ok(done(ty, cost.saturating_add(more))),
            None => fails(at, no_overload(operator.symbol(), &[a, b])),
        }
    }

    fn junction(&mut self, all: &'e [Expr], symbol: &str, at: usize) -> Result<'s> {
        let mut cost = all.len().saturating_sub(1) as u64;
        for expr in all {
            let checked = self.check(expr)?;
            Self::wants_bool(&checked, symbol, at)?;
            cost = cost.saturating_add(checked.cost);
        }
        Ok(done(Ty::Bool, cost))
    }

    fn list(&mut self, items: &'e [(Expr, bool)]) -> Result<'s> {
        let mut cost = 10_u64;
        let mut of: Option<Ty<'s>> = None;
        for (item, optional) in items {
            let checked = self.check(item)?;
            cost = cost.saturating_add(checked.cost);
            let ty = if *optional { checked.ty.without_optional() } else { checked.ty };
            of = Some(match of {
                None => ty,
                Some(before) => before.join(&ty).unwrap_or(Ty::Dyn(before.size().max(ty.size()))),
            });
        }
        Ok(done(Ty::List(Box::new(of.unwrap_or(Ty::Dyn(0))), items.len() as u64), cost))
    }

    fn map(&mut self, entries: &'e [(Expr, Expr, bool)]) -> Result<'s> {
        let mut cost = 30_u64;
        let mut of: Option<Ty<'s>> = None;
        let mut keys: Option<Ty<'s>> = None;
        for (key, value, optional) in entries {
            let (key, value) = (self.check(key)?, self.check(value)?);
            cost = cost.saturating_add(key.cost).saturating_add(value.cost);
            let ty = if *optional { value.ty.without_optional() } else { value.ty };
            let join = |before: Option<Ty<'s>>, ty: Ty<'s>| match before {
                None => ty,
                Some(before) => before.join(&ty).unwrap_or(Ty::Dyn(before.size().max(ty.size()))),
            };
            of = Some(join(of, ty));
            keys = Some(join(keys, key.ty));
        }
        let (key, value) = (keys.unwrap_or(Ty::Dyn(0)), of.unwrap_or(Ty::Dyn(0)));
        Ok(done(Ty::Map(Box::new(key), Box::new(value), entries.len() as u64), cost))
    }

    fn run(&mut self, l: &'e Loop, at: usize) -> Result<'s> {
        let over = self.check(&l.over)?;
        let size = over.ty.size();
        let (key, value, is_map) = match over.ty {
            Ty::List(items, _) => (Ty::Int, *items, false),
            Ty::Map(key, values, _) => (*key, *values, true),
            Ty::Dyn(size) => (Ty::Dyn(size), Ty::Dyn(size), false),
            other => {
                let says = format!(
                    "expression of type '{}' cannot be range of a comprehension (must be list, map, or dynamic)",
                    other.name()
                );
                return fails(at, says);
            }
        };
        let depth = self.scope.len();
        let single = if is_map { key.clone() } else { value.clone() };
        match &l.second {
            Some(second) => {
                self.scope.push((&l.first, key.clone()));
                self.scope.push((second, value));
            }
            None => self.scope.push((&l.first, single.clone())),
        }
        let filter = l.filter.as_ref().map(|filter| self.check(filter)).transpose();
        let body = self.check(&l.body);
        self.scope.truncate(depth);
        let (filter, body) = (filter?, body?);
        if let Some(filter) = &filter {
            Self::wants_bool(filter, "_?_:_", at)?;
        }
        let ty = match l.fold {
            Fold::All | Fold::Exists | Fold::ExistsOne => {
                Self::wants_bool(&body, "_&&_", at)?;
                Ty::Bool
            }
            Fold::Filter => {
                Self::wants_bool(&body, "_?_:_", at)?;
                Ty::List(Box::new(single), size)
            }
            Fold::Map => Ty::List(Box::new(body.ty), size),
            Fold::TransformMap => Ty::Map(Box::new(key), Box::new(body.ty), size),
        };
        let each = body.cost.saturating_add(filter.map_or(0, |f| f.cost)).saturating_add(STEP as u64);
        Ok(done(ty, over.cost.saturating_add(1).saturating_add(size.saturating_mul(each))))
    }
}

fn no_overload(what: &str, types: &[&Ty<'_>]) -> String {
    let names: Vec<String> = types.iter().map(|ty| ty.name()).collect();
    format!("found no matching overload for '{what}' applied to '({})'", names.join(", "))
}
