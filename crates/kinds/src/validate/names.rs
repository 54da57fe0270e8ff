//! Which strings can be names, in the words clients of Kubernetes know.

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::name;
pub(crate) use stanchion_machinery::name::{
    config_map_key, dns1123_label, dns1123_subdomain, env_var_name, http_header_name, label_value, port_name,
    qualified_name,
};

use super::place::Place;

fn is_lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Checks an address of the internet protocol, as lenient as it always was.
pub(crate) fn address(text: &str) -> Vec<String> {
    name::ip(text, false)
}

/// Checks the labels under a key.
pub(crate) fn labels(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(labels) = value.get(key) {
        errors.extend(name::labels(labels, &at.child(key).path()));
    }
}

/// Checks the annotations under a key.
pub(crate) fn annotations(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(annotations) = value.get(key) {
        errors.extend(name::annotations(annotations, &at.child(key).path()));
    }
}

/// Checks a DNS name that may have underscores, as search domains may.
pub(crate) fn dns1123_subdomain_with_underscore(text: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    if text.len() > 253 {
        reasons.push("must be no more than 253 bytes".to_owned());
    }
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(|b| is_lower(*b) || *b == b'_')
            && bytes.last().is_some_and(|b| is_lower(*b))
            && bytes.iter().all(|b| is_lower(*b) || matches!(*b, b'-' | b'_'))
    };
    if !text.split('.').all(is_part) {
        reasons.push("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9_]([-_a-z0-9]*[a-z0-9])?(\\.[a-z0-9_]([-_a-z0-9]*[a-z0-9])?)*')".to_owned());
    }
    reasons
}

/// Checks a path with a domain before it, such as `acme.io/foo`.
pub(crate) fn domain_prefixed_path(text: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if text.is_empty() {
        return at.required(errors, "");
    }
    let Some((domain, path)) = text.split_once('/').filter(|(d, p)| !d.is_empty() && !p.is_empty()) else {
        return at.invalid(errors, text, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    };
    at.invalid_for(errors, domain, dns1123_subdomain(domain));
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
    if !path.bytes().all(is_path) {
        at.invalid(
            errors,
            path,
            "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
        );
    }
}

#[cfg(test)]
mod tests {
    use stanchion_machinery::field::FieldError;

    use super::*;

    #[test]
    fn search_domains_may_have_underscores() {
        for good in ["a", "_a.b_c", "a-b"] {
            assert_eq!(dns1123_subdomain_with_underscore(good), Vec::<String>::new(), "{good:?}");
        }
        for bad in ["", "a_", "A", "a..b", &"a".repeat(254)] {
            assert_eq!(dns1123_subdomain_with_underscore(bad).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn paths_have_a_domain_before_them() {
        let shown = |text: &str| {
            let mut errors = FieldErrors::new();
            domain_prefixed_path(text, &Place::new("managedBy"), &mut errors);
            errors.iter().map(FieldError::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown("acme.io/foo/bar"), Vec::<String>::new());
        assert_eq!(shown(""), ["managedBy: Required value"]);
        assert_eq!(
            shown("foo"),
            [r#"managedBy: Invalid value: "foo": must be a domain-prefixed path (such as "acme.io/foo")"#]
        );
        assert_eq!(shown("Acme/foo").len(), 1);
        assert_eq!(shown("acme/ ").len(), 1);
    }
}
