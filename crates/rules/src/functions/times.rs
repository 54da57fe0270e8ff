//! Functions of moments and durations.

use crate::eval::Outcome;
use crate::time::{self, SECOND};
use crate::value::{Fault, Val};

pub(super) fn call<'a>(target: &Val<'a>, name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    match (target, args) {
        (Val::Duration(nanos), []) => {
            let unit = match name {
                "getHours" => 3600 * SECOND,
                "getMinutes" => 60 * SECOND,
                "getSeconds" => SECOND,
                "getMilliseconds" => 1_000_000,
                _ => return None,
            };
            Some(Ok(Val::Int(nanos / unit)))
        }
        (Val::Timestamp(nanos), []) => part(*nanos, 0, name).map(Ok),
        (Val::Timestamp(nanos), [zone]) => match time::offset(zone.as_str()?) {
            Some(offset) => part(*nanos, offset, name).map(Ok),
            None => Some(Fault::error(format!("unknown time zone {}", zone.as_str()?))),
        },
        _ => None,
    }
}

fn part<'a>(nanos: i128, offset: i64, name: &str) -> Option<Val<'a>> {
    let seconds = i64::try_from(nanos.div_euclid(i128::from(SECOND))).ok()?.checked_add(offset)?;
    let days = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    let (year, month, day) = time::civil(days);
    Some(Val::Int(match name {
        "getFullYear" => year,
        "getMonth" => month - 1,
        "getDate" => day,
        "getDayOfMonth" => day - 1,
        "getDayOfWeek" => (days + 4).rem_euclid(7),
        "getDayOfYear" => days - time::day_number(year, 1, 1),
        "getHours" => rest / 3600,
        "getMinutes" => rest / 60 % 60,
        "getSeconds" => rest % 60,
        "getMilliseconds" => i64::try_from(nanos.rem_euclid(i128::from(SECOND)) / 1_000_000).ok()?,
        _ => return None,
    }))
}
