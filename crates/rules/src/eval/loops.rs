//! Macros that go over items.

use std::rc::Rc;

use super::{Machine, Outcome};
use crate::syntax::{Fold, Loop};
use crate::value::{Fault, Val};

/// What one iteration costs beside its body.
pub(crate) const STEP: usize = 3;

impl<'a> Machine<'a> {
    pub(super) fn run(&mut self, l: &'a Loop) -> Outcome<'a> {
        self.charge(1)?;
        let over = self.eval(&l.over)?;
        let Some(count) = over.count() else { return Fault::overload() };
        let keys = if over.is_map() { Some(self.entries(&over)?) } else { None };
        let mut state = State { one: 0, failed: None, list: Vec::new(), map: Vec::new() };
        for index in 0..count {
            self.charge(STEP)?;
            let (key, value) = match &keys {
                Some(entries) => entries[index].clone(),
                None => match over.item(index) {
                    Some(item) => (Val::Int(i64::try_from(index).unwrap_or(i64::MAX)), self.paid(item)?),
                    None => break,
                },
            };
            let depth = self.variables.len();
            if let Some(second) = &l.second {
                self.variables.push((&l.first, key.clone()));
                self.variables.push((second, value));
            } else {
                let item = if keys.is_some() { key.clone() } else { value };
                self.variables.push((&l.first, item));
            }
            let done = self.step(l, key, &mut state);
            self.variables.truncate(depth);
            if let Some(result) = done? {
                return Ok(result);
            }
        }
        if let Some(fault) = state.failed {
            return Err(fault);
        }
        Ok(match l.fold {
            Fold::All => Val::Bool(true),
            Fold::Exists => Val::Bool(false),
            Fold::ExistsOne => Val::Bool(state.one == 1),
            Fold::Map | Fold::Filter => Val::list(state.list),
            Fold::TransformMap => Val::Map(Rc::new(state.map)),
        })
    }

    fn step(&mut self, l: &'a Loop, key: Val<'a>, state: &mut State<'a>) -> Result<Option<Val<'a>>, Fault> {
        if let Some(filter) = &l.filter {
            match self.eval(filter)? {
                Val::Bool(true) => {}
                Val::Bool(false) => return Ok(None),
                _ => return Fault::overload(),
            }
        }
        let result = self.eval(&l.body);
        match (l.fold, result) {
            (_, Err(Fault::Budget)) => return Err(Fault::Budget),
            (Fold::All, Ok(Val::Bool(false))) => return Ok(Some(Val::Bool(false))),
            (Fold::Exists, Ok(Val::Bool(true))) => return Ok(Some(Val::Bool(true))),
            (Fold::All | Fold::Exists, Ok(Val::Bool(_))) => {}
            (Fold::All | Fold::Exists, Err(fault)) => {
                state.failed.get_or_insert(fault);
            }
            (Fold::ExistsOne, Ok(Val::Bool(flag))) => state.one += usize::from(flag),
            (Fold::Filter, Ok(Val::Bool(flag))) => {
                if flag {
                    let item = self.variables.last().map(|(_, item)| item.clone());
                    state.list.extend(item);
                }
            }
            (Fold::Map, Ok(made)) => {
                self.charge(1)?;
                state.list.push(made);
            }
            (Fold::TransformMap, Ok(made)) => {
                self.charge(1)?;
                state.map.push((key, made));
            }
            (Fold::ExistsOne | Fold::Filter | Fold::Map | Fold::TransformMap, Err(fault)) => {
                return Err(fault);
            }
            (Fold::All | Fold::Exists | Fold::ExistsOne | Fold::Filter, Ok(_)) => return Fault::overload(),
        }
        Ok(None)
    }
}

struct State<'a> {
    one: usize,
    failed: Option<Fault>,
    list: Vec<Val<'a>>,
    map: Vec<(Val<'a>, Val<'a>)>,
}
