//! Quantities, versions and named formats.

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::json;
use stanchion_machinery::field::Path;
use stanchion_machinery::structural::{Pattern, Structural};

use crate::eval::{Machine, Outcome};
use crate::value::{Fault, Semver, Val};

const NANO: i128 = 1_000_000_000;

pub(super) fn global<'a>(name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    if args.is_empty() {
        let format = name.strip_prefix("format.")?;
        return FORMATS.iter().find(|known| **known == format).map(|known| Ok(Val::Format(known)));
    }
    let text = args.first()?.as_str()?;
    let normalize = matches!(args.get(1), Some(Val::Bool(true)));
    Some(match name {
        "isQuantity" => Ok(Val::Bool(quantity(text).is_some())),
        "quantity" => match quantity(text) {
            Some(value) => Ok(Val::Quantity(value)),
            None => Fault::error(
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
        },
        "isSemver" => Ok(Val::Bool(semver(text, normalize).is_some())),
        "semver" => match semver(text, normalize) {
            Some(value) => Ok(Val::Semver(Rc::new(value))),
            None => Fault::error("No Major.Minor.Patch elements found"),
        },
        "format.named" => Ok(FORMATS
            .iter()
            .find(|known| **known == text)
            .map_or(Val::Optional(None), |known| Val::some(Val::Format(known)))),
        _ => return None,
    })
}

pub(super) fn member<'a>(target: &Val<'a>, name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    let order = |order: Ordering| match name {
        "isGreaterThan" => Some(Val::Bool(order == Ordering::Greater)),
        "isLessThan" => Some(Val::Bool(order == Ordering::Less)),
        "compareTo" => Some(Val::Int(order as i64)),
        _ => None,
    };
    let overflow = |value: Option<i128>| match value {
        Some(value) => Ok(Val::Quantity(value)),
        None => Fault::error("integer overflow"),
    };
    match (target, args) {
        (Val::Quantity(a), [Val::Quantity(b)]) => match name {
            "add" => Some(overflow(a.checked_add(*b))),
            "sub" => Some(overflow(a.checked_sub(*b))),
            _ => order(a.cmp(b)).map(Ok),
        },
        (Val::Quantity(a), [Val::Int(b)]) => match name {
            "add" => Some(overflow(a.checked_add(i128::from(*b) * NANO))),
            "sub" => Some(overflow(a.checked_sub(i128::from(*b) * NANO))),
            _ => None,
        },
        #[expect(clippy::cast_precision_loss, reason = "the function is named approximate")]
        (Val::Quantity(a), []) => Some(match name {
            "sign" => Ok(Val::Int(i64::try_from(a.signum()).unwrap_or(0))),
            "isInteger" => Ok(Val::Bool(a % NANO == 0 && i64::try_from(a / NANO).is_ok())),
            "asInteger" => match i64::try_from(a / NANO) {
                Ok(value) if a % NANO == 0 => Ok(Val::Int(value)),
                _ => Fault::error("cannot convert value to integer"),
            },
            "asApproximateFloat" => Ok(Val::Double(*a as f64 / NANO as f64)),
            _ => return None,
        }),
        (Val::Semver(a), [Val::Semver(b)]) => order(compare_versions(a, b)).map(Ok),
        (Val::Semver(a), []) => {
            let index = ["major", "minor", "patch"].iter().position(|part| *part == name)?;
            Some(
                i64::try_from(a.core[index])
                    .map_or_else(|_| Fault::error("integer overflow"), |v| Ok(Val::Int(v))),
            )
        }
        _ => None,
    }
}

/// Reads a quantity in units of 10⁻⁹; smaller parts are rounded up.
fn quantity(text: &str) -> Option<i128> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (whole, fraction) = rest[..end].split_once('.').unwrap_or((&rest[..end], ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
    let decimal = |exponent: i32| (10, exponent);
    let (base, exponent): (i128, i32) = match &rest[end..] {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => (1024, 1),
        "Mi" => (1024, 2),
        "Gi" => (1024, 3),
        "Ti" => (1024, 4),
        "Pi" => (1024, 5),
        "Ei" => (1024, 6),
        other => {
            let exponent = other.strip_prefix(['e', 'E'])?;
            decimal(exponent.parse::<i32>().ok().filter(|e| e.abs() <= 30)?)
        }
    };
    let fraction = fraction.get(..fraction.len().min(12))?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let value = digits(whole)?.checked_mul(scale)?.checked_add(digits(fraction)?)?.checked_mul(NANO)?;
    let power = base.checked_pow(exponent.unsigned_abs())?;
    let value = if exponent < 0 {
        ceil(value, power.checked_mul(scale)?)
    } else {
        ceil(value.checked_mul(power)?, scale)
    };
    Some(if negative { -value } else { value })
}

fn ceil(value: i128, by: i128) -> i128 {
    value / by + i128::from(value % by > 0)
}

fn semver(text: &str, normalize: bool) -> Option<Semver> {
    let text = if normalize { text.strip_prefix('v').unwrap_or(text) } else { text };
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let number = |part: &str| {
        let part = if normalize { part.trim_start_matches('0') } else { part };
        let part = if part.is_empty() && normalize { "0" } else { part };
        let plain = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        part.parse::<u64>().ok().filter(|_| plain)
    };
    let mut parts = core.split('.').map(number).collect::<Option<Vec<u64>>>()?;
    while normalize && parts.len() < 3 {
        parts.push(0);
    }
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let leading =
        |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
    let pre: Vec<String> = pre.map_or_else(Vec::new, |pre| pre.split('.').map(str::to_owned).collect());
    let good = pre.iter().all(|p| word(p) && !leading(p)) && build.is_none_or(|b| b.split('.').all(word));
    Some(Semver { core: parts.try_into().ok()?, pre }).filter(|_| good)
}

/// Orders versions as semver.org says.
pub(crate) fn compare_versions(a: &Semver, b: &Semver) -> Ordering {
    let pre = |a: &[String], b: &[String]| match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let part = |(a, b): (&String, &String)| match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            };
            a.iter().zip(b).map(part).find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
    };
    a.core.cmp(&b.core).then_with(|| pre(&a.pre, &b.pre))
}

const FORMATS: [&str; 13] = [
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

/// Checks a string; the result is an optional with what is wrong.
pub(super) fn validate<'a>(machine: &mut Machine<'a>, format: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    let text = args.first()?.as_str()?;
    // What is compiled here is small, but still dearer than a step.
    if let Err(fault) = machine.charge(500 + text.len()) {
        return Some(Err(fault));
    }
    let label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    let (pattern, max) = match format {
        "dns1123Label" => (format!("^{label}$"), 63),
        "dns1123LabelPrefix" => ("^[a-z0-9]([-a-z0-9]*)?$".to_owned(), 63),
        "dns1123Subdomain" => (format!("^{label}(\\.{label})*$"), 253),
        "dns1123SubdomainPrefix" => ("^[a-z0-9]([-a-z0-9.]*)?$".to_owned(), 253),
        "dns1035Label" => ("^[a-z]([-a-z0-9]*[a-z0-9])?$".to_owned(), 63),
        "dns1035LabelPrefix" => ("^[a-z]([-a-z0-9]*)?$".to_owned(), 63),
        "labelValue" => ("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$".to_owned(), 63),
        "qualifiedName" => {
            (format!("^({label}(\\.{label})*/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"), 317)
        }
        other => return Some(Ok(by_schema(other, text))),
    };
    let holds = text.len() <= max && Pattern::new(&pattern).is_ok_and(|pattern| pattern.is_match(text));
    Some(Ok(if holds {
        Val::Optional(None)
    } else {
        Val::some(Val::list(vec![Val::text(format!("must match {format}"))]))
    }))
}

fn by_schema<'a>(format: &str, text: &str) -> Val<'a> {
    let format = if format == "datetime" { "date-time" } else { format };
    let schema = json!({"type": "object", "properties": {"v": {"type": "string", "format": format}}});
    let path = Path::root();
    let good = Structural::parse(&schema, &path)
        .is_ok_and(|s| s.validate(&json!({"v": text}), None, &path).is_empty());
    if good {
        Val::Optional(None)
    } else {
        Val::some(Val::list(vec![Val::text(format!("must be of type {format}"))]))
    }
}
