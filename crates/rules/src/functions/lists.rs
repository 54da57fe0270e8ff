//! Functions of lists.

use std::cmp::Ordering;

use super::strings;
use crate::eval::{Machine, Outcome};
use crate::value::{Fault, Val};

pub(super) fn call<'a>(
    machine: &mut Machine<'a>,
    list: &Val<'a>,
    name: &str,
    args: &[Val<'a>],
) -> Option<Outcome<'a>> {
    Some(match (name, args) {
        ("isSorted", []) => sorted(machine, list),
        ("sum", []) => sum(machine, list),
        ("min", []) => extreme(machine, list, Ordering::Less, "min"),
        ("max", []) => extreme(machine, list, Ordering::Greater, "max"),
        ("indexOf", [wanted]) => place(machine, list, wanted, false),
        ("lastIndexOf", [wanted]) => place(machine, list, wanted, true),
        ("join", []) => strings::join(machine, list, ""),
        ("join", [separator]) => strings::join(machine, list, separator.as_str()?),
        _ => return None,
    })
}

fn sorted<'a>(machine: &mut Machine<'a>, list: &Val<'a>) -> Outcome<'a> {
    for pair in machine.items(list)?.windows(2) {
        if machine.compare(&pair[0], &pair[1])? == Some(Ordering::Greater) {
            return Ok(Val::Bool(false));
        }
    }
    Ok(Val::Bool(true))
}

fn sum<'a>(machine: &mut Machine<'a>, list: &Val<'a>) -> Outcome<'a> {
    let overflow = || Fault::Error("integer overflow".to_owned());
    let mut total = Val::Int(0);
    for (index, item) in machine.items(list)?.into_iter().enumerate() {
        total = match (total, item) {
            (_, item @ (Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::Duration(_))) if index == 0 => {
                item
            }
            (Val::Int(a), Val::Int(b)) => Val::Int(a.checked_add(b).ok_or_else(overflow)?),
            (Val::Uint(a), Val::Uint(b)) => Val::Uint(a.checked_add(b).ok_or_else(overflow)?),
            (Val::Double(a), Val::Double(b)) => Val::Double(a + b),
            (Val::Duration(a), Val::Duration(b)) => Val::Duration(a.checked_add(b).ok_or_else(overflow)?),
            _ => return Fault::overload(),
        };
    }
    Ok(total)
}

fn extreme<'a>(machine: &mut Machine<'a>, list: &Val<'a>, wanted: Ordering, name: &str) -> Outcome<'a> {
    let mut items = machine.items(list)?.into_iter();
    let Some(mut best) = items.next() else {
        return Fault::error(format!("{name} called on empty list"));
    };
    for item in items {
        if machine.compare(&item, &best)? == Some(wanted) {
            best = item;
        }
    }
    Ok(best)
}

fn place<'a>(machine: &mut Machine<'a>, list: &Val<'a>, wanted: &Val<'a>, backwards: bool) -> Outcome<'a> {
    let mut found = -1;
    for (index, item) in machine.items(list)?.iter().enumerate() {
        if machine.equal(item, wanted)? {
            found = i64::try_from(index).unwrap_or(i64::MAX);
            if !backwards {
                break;
            }
        }
    }
    Ok(Val::Int(found))
}

pub(super) fn sets<'a>(machine: &mut Machine<'a>, function: &str, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
    if !a.is_list() || !b.is_list() {
        return Fault::overload();
    }
    let holds = match function {
        "sets.intersects" => {
            let mut any = false;
            for item in machine.items(b)? {
                any = any || machine.contains(a, &item)?;
            }
            any
        }
        "sets.contains" => covers(machine, a, b)?,
        _ => covers(machine, a, b)? && covers(machine, b, a)?,
    };
    Ok(Val::Bool(holds))
}

fn covers<'a>(machine: &mut Machine<'a>, all: &Val<'a>, some: &Val<'a>) -> Result<bool, Fault> {
    for item in machine.items(some)? {
        machine.charge(1)?;
        if !machine.contains(all, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}
