//! The functions of CEL and of Kubernetes' libraries.

mod convert;
mod extra;
mod lists;
mod net;
mod strings;
mod times;

use stanchion_machinery::structural::Pattern;

use crate::eval::{Machine, Outcome};
use crate::value::{Fault, Val};
pub(crate) use convert::{base64, shown, type_named};
pub(crate) use extra::compare_versions;

/// What a function returns, as far as the checker can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Timestamp,
    Duration,
    Texts,
    Dyn,
}

/// What is known of all functions: name, whether it has a target, how many arguments, what it returns.
const KNOWN: [(&str, bool, std::ops::RangeInclusive<usize>, Returns); 110] = {
    use Returns::{Bool, Bytes, Double, Duration, Dyn, Int, Text, Texts, Timestamp, Uint};
    [
        ("size", false, 1..=1, Int),
        ("size", true, 0..=0, Int),
        ("int", false, 1..=1, Int),
        ("uint", false, 1..=1, Uint),
        ("double", false, 1..=1, Double),
        ("string", false, 1..=1, Text),
        ("bool", false, 1..=1, Bool),
        ("bytes", false, 1..=1, Bytes),
        ("dyn", false, 1..=1, Dyn),
        ("type", false, 1..=1, Dyn),
        ("timestamp", false, 1..=1, Timestamp),
        ("duration", false, 1..=1, Duration),
        ("matches", true, 1..=1, Bool),
        ("matches", false, 2..=2, Bool),
        ("contains", true, 1..=1, Bool),
        ("startsWith", true, 1..=1, Bool),
        ("endsWith", true, 1..=1, Bool),
        ("charAt", true, 1..=1, Text),
        ("indexOf", true, 1..=2, Int),
        ("lastIndexOf", true, 1..=2, Int),
        ("join", true, 0..=1, Text),
        ("lowerAscii", true, 0..=0, Text),
        ("upperAscii", true, 0..=0, Text),
        ("replace", true, 2..=3, Text),
        ("split", true, 1..=2, Texts),
        ("substring", true, 1..=2, Text),
        ("trim", true, 0..=0, Text),
        ("format", true, 1..=1, Text),
        ("strings.quote", false, 1..=1, Text),
        ("find", true, 1..=1, Text),
        ("findAll", true, 1..=2, Texts),
        ("isSorted", true, 0..=0, Bool),
        ("sum", true, 0..=0, Dyn),
        ("min", true, 0..=0, Dyn),
        ("max", true, 0..=0, Dyn),
        ("sets.contains", false, 2..=2, Bool),
        ("sets.equivalent", false, 2..=2, Bool),
        ("sets.intersects", false, 2..=2, Bool),
        ("getFullYear", true, 0..=1, Int),
        ("getMonth", true, 0..=1, Int),
        ("getDate", true, 0..=1, Int),
        ("getDayOfMonth", true, 0..=1, Int),
        ("getDayOfWeek", true, 0..=1, Int),
        ("getDayOfYear", true, 0..=1, Int),
        ("getHours", true, 0..=1, Int),
        ("getMinutes", true, 0..=1, Int),
        ("getSeconds", true, 0..=1, Int),
        ("getMilliseconds", true, 0..=1, Int),
        ("optional.of", false, 1..=1, Dyn),
        ("optional.ofNonZeroValue", false, 1..=1, Dyn),
        ("optional.none", false, 0..=0, Dyn),
        ("hasValue", true, 0..=0, Bool),
        ("value", true, 0..=0, Dyn),
        ("or", true, 1..=1, Dyn),
        ("orValue", true, 1..=1, Dyn),
        ("isURL", false, 1..=1, Bool),
        ("url", false, 1..=1, Dyn),
        ("getScheme", true, 0..=0, Text),
        ("getHost", true, 0..=0, Text),
        ("getHostname", true, 0..=0, Text),
        ("getPort", true, 0..=0, Text),
        ("getEscapedPath", true, 0..=0, Text),
        ("getQuery", true, 0..=0, Dyn),
        ("isIP", false, 1..=1, Bool),
        ("ip", false, 1..=1, Dyn),
        ("ip.isCanonical", false, 1..=1, Bool),
        ("family", true, 0..=0, Int),
        ("isUnspecified", true, 0..=0, Bool),
        ("isLoopback", true, 0..=0, Bool),
        ("isLinkLocalMulticast", true, 0..=0, Bool),
        ("isLinkLocalUnicast", true, 0..=0, Bool),
        ("isGlobalUnicast", true, 0..=0, Bool),
        ("isCIDR", false, 1..=1, Bool),
        ("cidr", false, 1..=1, Dyn),
        ("containsIP", true, 1..=1, Bool),
        ("containsCIDR", true, 1..=1, Bool),
        ("ip", true, 0..=0, Dyn),
        ("masked", true, 0..=0, Dyn),
        ("prefixLength", true, 0..=0, Int),
        ("isQuantity", false, 1..=1, Bool),
        ("quantity", false, 1..=1, Dyn),
        ("isInteger", true, 0..=0, Bool),
        ("asInteger", true, 0..=0, Int),
        ("asApproximateFloat", true, 0..=0, Double),
        ("sign", true, 0..=0, Int),
        ("add", true, 1..=1, Dyn),
        ("sub", true, 1..=1, Dyn),
        ("isGreaterThan", true, 1..=1, Bool),
        ("isLessThan", true, 1..=1, Bool),
        ("compareTo", true, 1..=1, Int),
        ("isSemver", false, 1..=2, Bool),
        ("semver", false, 1..=2, Dyn),
        ("major", true, 0..=0, Int),
        ("minor", true, 0..=0, Int),
        ("patch", true, 0..=0, Int),
        ("validate", true, 1..=1, Dyn),
        ("format.named", false, 1..=1, Dyn),
        ("format.dns1123Label", false, 0..=0, Dyn),
        ("format.dns1123Subdomain", false, 0..=0, Dyn),
        ("format.dns1035Label", false, 0..=0, Dyn),
        ("format.qualifiedName", false, 0..=0, Dyn),
        ("format.dns1123LabelPrefix", false, 0..=0, Dyn),
        ("format.dns1123SubdomainPrefix", false, 0..=0, Dyn),
        ("format.dns1035LabelPrefix", false, 0..=0, Dyn),
        ("format.labelValue", false, 0..=0, Dyn),
        ("format.uri", false, 0..=0, Dyn),
        ("format.uuid", false, 0..=0, Dyn),
        ("format.byte", false, 0..=0, Dyn),
        ("format.date", false, 0..=0, Dyn),
        ("format.datetime", false, 0..=0, Dyn),
    ]
};

/// Returns what a function returns; `Err(true)` if there is one of that name with other arguments.
pub(crate) fn known(name: &str, member: bool, args: usize) -> Result<Returns, bool> {
    let mut of_name = KNOWN.iter().filter(|(known, ..)| *known == name).peekable();
    let exists = of_name.peek().is_some();
    of_name
        .find(|(_, m, count, _)| *m == member && count.contains(&args))
        .map(|(.., returns)| *returns)
        .ok_or(exists)
}

/// Calls a function. The call itself is paid for; what depends on sizes is charged here.
pub(crate) fn call<'a>(
    machine: &mut Machine<'a>,
    target: Option<Val<'a>>,
    name: &str,
    args: &[Val<'a>],
    pattern: Option<&Pattern>,
) -> Outcome<'a> {
    if let Some(target) = target {
        return member(machine, &target, name, args, pattern);
    }
    match (name, args) {
        ("matches", [text, regex]) => {
            strings::call(machine, text, "matches", std::slice::from_ref(regex), pattern)
                .unwrap_or_else(Fault::overload)
        }
        ("size", [value]) => size(machine, value),
        ("optional.of", [value]) => Ok(Val::some(value.clone())),
        ("optional.none", []) => Ok(Val::Optional(None)),
        ("optional.ofNonZeroValue", [value]) => {
            Ok(if is_zero(value) { Val::Optional(None) } else { Val::some(value.clone()) })
        }
        ("sets.contains" | "sets.equivalent" | "sets.intersects", [a, b]) => lists::sets(machine, name, a, b),
        ("strings.quote", [text]) => strings::quote(machine, text),
        _ => convert::call(machine, name, args)
            .or_else(|| net::global(name, args))
            .or_else(|| extra::global(name, args))
            .unwrap_or_else(Fault::overload),
    }
}

fn member<'a>(
    machine: &mut Machine<'a>,
    target: &Val<'a>,
    name: &str,
    args: &[Val<'a>],
    pattern: Option<&Pattern>,
) -> Outcome<'a> {
    if name == "size" && args.is_empty() {
        return size(machine, target);
    }
    let found = match target {
        Val::Borrowed(_) | Val::Text(_) => strings::call(machine, target, name, args, pattern),
        Val::Timestamp(_) | Val::Duration(_) => times::call(target, name, args),
        Val::Optional(value) => match (name, value) {
            ("hasValue", value) => Some(Ok(Val::Bool(value.is_some()))),
            ("value", Some(value)) => Some(Ok(value.as_ref().clone())),
            ("value", None) => Some(Fault::error("optional.none() dereference")),
            _ => None,
        },
        Val::Ip(_) | Val::Cidr(..) | Val::Url(_) => net::member(target, name, args),
        Val::Quantity(_) | Val::Semver(_) => extra::member(target, name, args),
        Val::Format(format) if name == "validate" => extra::validate(machine, format, args),
        other if other.is_list() => lists::call(machine, other, name, args),
        _ => None,
    };
    found.unwrap_or_else(Fault::overload)
}

fn size<'a>(machine: &mut Machine<'a>, value: &Val<'a>) -> Outcome<'a> {
    let count = match value {
        Val::Bytes(bytes) => bytes.len(),
        other => match (other.as_str(), other.count()) {
            (Some(text), _) => {
                machine.charge(text.len() / 100)?;
                text.chars().count()
            }
            (None, Some(count)) => count,
            (None, None) => return Fault::overload(),
        },
    };
    Ok(Val::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn is_zero(value: &Val<'_>) -> bool {
    match value {
        Val::Null
        | Val::Bool(false)
        | Val::Int(0)
        | Val::Uint(0)
        | Val::Duration(0)
        | Val::Optional(None) => true,
        Val::Double(value) => *value == 0.0,
        Val::Bytes(bytes) => bytes.is_empty(),
        other => other.as_str().map_or(other.count() == Some(0), str::is_empty),
    }
}
