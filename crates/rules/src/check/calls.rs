//! Calls of functions.

use super::{Checker, Result, Ty, done, fails, no_overload};
use crate::functions::{Returns, known};
use crate::syntax::Expr;

impl<'s, 'e> Checker<'s, 'e> {
    pub(super) fn call(
        &mut self,
        target: Option<&'e Expr>,
        name: &str,
        args: &'e [Expr],
        at: usize,
    ) -> Result<'s> {
        let returns = match known(name, target.is_some(), args.len()) {
            Ok(returns) => returns,
            Err(exists) => {
                return fails(
                    at,
                    if exists {
                        format!("found no matching overload for '{name}' applied to {} arguments", args.len())
                    } else {
                        format!("undeclared reference to '{name}' (in container '')")
                    },
                );
            }
        };
        let mut cost = 1_u64;
        let target = target.map(|target| self.check(target)).transpose()?;
        if let Some(target) = &target {
            cost = cost.saturating_add(target.cost);
            if matches!(
                target.ty,
                Ty::Bool | Ty::Int | Ty::Uint | Ty::Double | Ty::Null | Ty::Meta | Ty::Object(..)
            ) {
                return fails(at, no_overload(name, &[&target.ty]));
            }
        }
        let mut types = Vec::with_capacity(args.len());
        for arg in args {
            let checked = self.check(arg)?;
            cost = cost.saturating_add(checked.cost);
            types.push(checked.ty);
        }
        let subject = target.map(|t| t.ty).or_else(|| types.first().cloned()).unwrap_or(Ty::Dyn(0));
        wants_texts(name, &subject, &types, at)?;
        let size = subject.size();
        let other = types.last().map_or(0, Ty::size);
        let more = match name {
            "size" | "type" | "dyn" | "hasValue" | "value" | "orValue" | "or" | "duration" | "timestamp"
            | "int" | "uint" | "double" | "bool" => 0,
            "matches" | "find" | "findAll" => {
                let regex = types.last().map_or(0, Ty::size).div_ceil(4).max(1);
                size.div_ceil(10).saturating_mul(regex)
            }
            "sets.contains" | "sets.equivalent" | "sets.intersects" => size.saturating_mul(other.max(1)),
            "isSorted" | "sum" | "min" | "max" => size,
            "indexOf" | "lastIndexOf" if matches!(subject, Ty::List(..)) => size,
            "replace" | "contains" => size.saturating_add(other) / 10,
            _ => size / 10,
        };
        let longer = size.saturating_add(other);
        let ty = match (name, subject) {
            ("optional.of" | "optional.ofNonZeroValue", of) => Ty::Optional(Box::new(of)),
            ("or", of @ Ty::Optional(_)) => of,
            ("value" | "orValue", Ty::Optional(of)) | ("sum" | "min" | "max", Ty::List(of, _)) => *of,
            ("replace", Ty::Text(_)) => Ty::Text(size.saturating_mul(other.max(1))),
            ("format" | "join", _) => Ty::Text(longer.saturating_mul(10)),
            (_, _) => match returns {
                Returns::Bool => Ty::Bool,
                Returns::Int => Ty::Int,
                Returns::Uint => Ty::Uint,
                Returns::Double => Ty::Double,
                Returns::Text => Ty::Text(size.max(64)),
                Returns::Bytes => Ty::Bytes(size),
                Returns::Timestamp => Ty::Timestamp,
                Returns::Duration => Ty::Duration,
                Returns::Texts => Ty::List(Box::new(Ty::Text(size)), size),
                Returns::Dyn => Ty::Dyn(size),
            },
        };
        Ok(done(ty, cost.saturating_add(more)))
    }
}

/// Functions of strings want strings.
fn wants_texts<'s>(
    name: &str,
    subject: &Ty<'s>,
    args: &[Ty<'s>],
    at: usize,
) -> std::result::Result<(), crate::problem::Problem> {
    let text = |ty: &Ty<'s>| matches!(ty, Ty::Text(_) | Ty::Dyn(_));
    let only = matches!(
        name,
        "startsWith" | "endsWith" | "contains" | "matches" | "find" | "split" | "trim" | "lowerAscii"
    );
    let plain = matches!(name, "startsWith" | "endsWith" | "contains" | "matches");
    if only && !text(subject) && !(name == "contains" && matches!(subject, Ty::List(..)))
        || plain && !args.iter().all(text)
    {
        let mut all = vec![subject];
        all.extend(args);
        return Err(crate::problem::Problem { at, says: no_overload(name, &all) });
    }
    Ok(())
}
