//! Rules for names, labels, annotations, ports and addresses.
//!
//! A check returns what is wrong in the words clients know, and nothing if the value is fine. Lengths are counted
//! in bytes. The words of a rule name the regular expression it stands for; no expression is run.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::field::{FieldError, FieldErrors, Path};

/// The longest DNS label.
pub const DNS_LABEL_MAX: usize = 63;
/// The longest DNS name.
pub const DNS_SUBDOMAIN_MAX: usize = 253;
/// How many bytes the keys and values of all annotations of an object may have.
pub const ANNOTATIONS_MAX: usize = 256 * 1024;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const WILDCARD: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// Checks a DNS label of RFC 1123, such as the name of a namespace.
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut errors = longer_than(value, DNS_LABEL_MAX);
    if !is_dns_label(value) {
        errors.push(if is_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            mismatch(rule, LABEL, &["my-name", "123-abc"])
        });
    }
    errors
}

/// Checks a DNS name of RFC 1123, such as the name of most objects.
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    let mut errors = longer_than(value, DNS_SUBDOMAIN_MAX);
    if !is_subdomain(value) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        errors.push(mismatch(rule, SUBDOMAIN, &["example.com"]));
    }
    errors
}

/// Checks a DNS label of RFC 1035, which begins with a letter.
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut errors = longer_than(value, DNS_LABEL_MAX);
    if !(is_dns_label(value) && value.as_bytes()[0].is_ascii_lowercase()) {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        errors.push(mismatch(rule, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    errors
}

/// Checks a DNS name whose first label is `*`.
pub fn wildcard_subdomain(value: &str) -> Vec<String> {
    let mut errors = longer_than(value, DNS_SUBDOMAIN_MAX);
    if !value.strip_prefix("*.").is_some_and(is_subdomain) {
        let rule = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        errors.push(mismatch(rule, WILDCARD, &["*.example.com"]));
    }
    errors
}

/// Checks the key of a label: a name, possibly behind a DNS name and a slash.
pub fn qualified_name(value: &str) -> Vec<String> {
    const RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
    let wrong = || mismatch(RULE, NAME, &["MyName", "my.name", "123-abc"]);
    let mut errors = Vec::new();
    let name = match value.split_once('/') {
        None => value,
        Some((_, rest)) if rest.contains('/') => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                wrong()
            )];
        }
        Some(("", name)) => {
            errors.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            // Inside a key the limit is said in bytes, on its own in characters.
            let problems = dns1123_subdomain(prefix).into_iter();
            errors.extend(
                problems.map(|p| format!("prefix part {}", p.replace("253 characters", "253 bytes"))),
            );
            name
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > DNS_LABEL_MAX {
        errors.push(format!("name part must be no more than {DNS_LABEL_MAX} bytes"));
    }
    if !is_label_name(name) {
        errors.push(format!("name part {}", wrong()));
    }
    errors
}

/// Checks the value of a label.
pub fn label_value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > DNS_LABEL_MAX {
        errors.push(format!("must be no more than {DNS_LABEL_MAX} bytes"));
    }
    if !value.is_empty() && !is_label_name(value) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        let expression = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
        errors.push(mismatch(rule, expression, &["MyValue", "my_value", "12345"]));
    }
    errors
}

/// Checks an identifier of C.
pub fn c_identifier(value: &str) -> Vec<String> {
    let starts = value.bytes().next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic());
    if starts && value.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
        return Vec::new();
    }
    let rule = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
    vec![mismatch(rule, "[A-Za-z_][A-Za-z0-9_]*", &["my_name", "MY_NAME", "MyName"])]
}

/// Checks the name of an environment variable.
pub fn env_var_name(value: &str) -> Vec<String> {
    if value.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    if value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Vec::new();
    }
    let rule =
        "a valid environment variable name must consist only of printable ASCII characters other than '='";
    vec![rule.to_owned()]
}

/// Checks the key of a `ConfigMap` or Secret.
pub fn config_map_key(value: &str) -> Vec<String> {
    let mut errors = longer_than(value, DNS_SUBDOMAIN_MAX);
    if value.is_empty() || !value.bytes().all(is_name_byte) {
        let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        errors.push(mismatch(rule, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    match value {
        "." => errors.push("must not be '.'".to_owned()),
        ".." => errors.push("must not be '..'".to_owned()),
        other if other.starts_with("..") => errors.push("must not start with '..'".to_owned()),
        _ => {}
    }
    errors
}

/// Checks the name of a port, `IANA_SVC_NAME`.
pub fn port_name(value: &str) -> Vec<String> {
    let mut errors = longer_than(value, 15);
    let mut fail = |wrong: bool, words: &str| {
        if wrong {
            errors.push(words.to_owned());
        }
    };
    let allowed = |b: u8| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit();
    fail(
        value.is_empty() || !value.bytes().all(allowed),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    fail(!value.bytes().any(|b| b.is_ascii_lowercase()), "must contain at least one letter (a-z)");
    fail(value.contains("--"), "must not contain consecutive hyphens");
    fail(value.starts_with('-') || value.ends_with('-'), "must not begin or end with a hyphen");
    errors
}

/// Checks the number of a port.
pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65535)
}

/// Checks that a number is between two others.
pub fn in_range(value: i64, low: i64, high: i64) -> Vec<String> {
    if (low..=high).contains(&value) {
        Vec::new()
    } else {
        vec![format!("must be between {low} and {high}, inclusive")]
    }
}

/// Checks the name of an HTTP header.
pub fn http_header_name(value: &str) -> Vec<String> {
    if !value.is_empty() && value.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric()) {
        return Vec::new();
    }
    let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![mismatch(rule, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}

/// Checks a name that can stand in a path, which is all that some kinds ask for.
pub fn path_segment_name(value: &str) -> Vec<String> {
    if matches!(value, "." | "..") {
        vec![format!("may not be '{value}'")]
    } else {
        path_segment_prefix(value)
    }
}

/// Checks the beginning of a name that can stand in a path.
pub fn path_segment_prefix(value: &str) -> Vec<String> {
    let found = ["/", "%"].into_iter().filter(|part| value.contains(part));
    found.map(|part| format!("may not contain '{part}'")).collect()
}

/// Checks a percentage such as `25%`.
pub fn percent(value: &str) -> Vec<String> {
    let digits = value.strip_suffix('%').unwrap_or("");
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let rule = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![mismatch(rule, "[0-9]+%", &["1%", "93%"])]
}

/// Checks an address as old fields take it: leading zeros and mapped addresses pass unless `strict`.
pub fn ip(value: &str, strict: bool) -> Vec<String> {
    let Some(address) = lenient_ip(value) else {
        return vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()];
    };
    let mut errors = Vec::new();
    if strict && value.parse::<IpAddr>().is_err() {
        errors.push("must not have leading 0s".to_owned());
    }
    if strict && is_mapped(address) {
        errors.push("must not be an IPv4-mapped IPv6 address".to_owned());
    }
    errors
}

/// Checks an address as new fields take it: strict, and in its canonical form.
pub fn canonical_ip(value: &str) -> Vec<String> {
    let errors = ip(value, true);
    match value.parse::<IpAddr>() {
        Ok(address) if errors.is_empty() && address.to_string() != value => {
            vec![format!("must be in canonical form (\"{address}\")")]
        }
        Ok(_) | Err(_) => errors,
    }
}

/// Checks a network as old fields take it: leading zeros, mapped addresses and stray bits pass unless `strict`.
pub fn cidr(value: &str, strict: bool) -> Vec<String> {
    let Some((address, bits)) = lenient_cidr(value) else {
        return vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()];
    };
    if !strict {
        return Vec::new();
    }
    let exact = value.split_once('/').is_some_and(|(address, length)| {
        address.parse::<IpAddr>().is_ok() && (length == "0" || !length.starts_with('0'))
    });
    if !exact {
        vec!["must not have leading 0s in IP or prefix length".to_owned()]
    } else if is_mapped(address) {
        vec!["must not have an IPv4-mapped IPv6 address".to_owned()]
    } else if masked(address, bits) != address {
        vec!["must not have bits set beyond the prefix length".to_owned()]
    } else {
        Vec::new()
    }
}

/// Checks a network as new fields take it: strict, and in its canonical form.
pub fn canonical_cidr(value: &str) -> Vec<String> {
    let errors = cidr(value, true);
    match lenient_cidr(value) {
        Some((address, bits)) if errors.is_empty() && format!("{address}/{bits}") != value => {
            vec![format!("must be in canonical form (\"{address}/{bits}\")")]
        }
        Some(_) | None => errors,
    }
}

/// Checks labels, or the labels that a selector matches.
pub fn labels(map: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (key, value) in map.as_object().into_iter().flatten() {
        errors.extend(label_key(key, path));
        let value = value.as_str().unwrap_or("");
        errors.extend(label_value(value).into_iter().map(|why| FieldError::invalid(path, value, why)));
    }
    errors
}

/// Checks the key of a label that stands in a field.
pub fn label_key(key: &str, path: &Path) -> FieldErrors {
    qualified_name(key).into_iter().map(|why| FieldError::invalid(path, key, why)).collect()
}

/// Checks annotations: their keys, and how large they are together.
pub fn annotations(map: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let mut size = 0;
    for (key, value) in map.as_object().into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        let problems = qualified_name(&key.to_lowercase());
        errors.extend(problems.into_iter().map(|why| FieldError::invalid(path, key.as_str(), why)));
    }
    if size > ANNOTATIONS_MAX {
        errors.push(FieldError::too_long(path, ANNOTATIONS_MAX));
    }
    errors
}

fn longer_than(value: &str, max: usize) -> Vec<String> {
    if value.len() > max { vec![format!("must be no more than {max} characters")] } else { Vec::new() }
}

fn mismatch(rule: &str, expression: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{rule} (e.g. {}regex used for validation is '{expression}')", examples.join(" or "))
}

fn is_dns_label(value: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    edge(value.bytes().next())
        && edge(value.bytes().next_back())
        && value.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_dns_label)
}

fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.') || byte.is_ascii_alphanumeric()
}

fn is_label_name(value: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    edge(value.bytes().next()) && edge(value.bytes().next_back()) && value.bytes().all(is_name_byte)
}

fn is_mapped(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(six) => six.to_ipv4_mapped().is_some(),
    }
}

fn lenient_ip(value: &str) -> Option<IpAddr> {
    if value.contains(':') {
        return value.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut octets = [0; 4];
    let mut parts = value.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))?;
        let significant = part.trim_start_matches('0');
        *octet = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets).into())
}

fn lenient_cidr(value: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = value.split_once('/')?;
    let address = lenient_ip(address)?;
    if !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bits: u8 = length.parse().ok()?;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            Ipv4Addr::from(u32::from(four) & mask).into()
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            Ipv6Addr::from(u128::from(six) & mask).into()
        }
    }
}

#[cfg(test)]
mod tests;
