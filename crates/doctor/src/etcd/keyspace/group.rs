//! Which kind and namespace a key is of, as far as its name says.

/// Returns what the keys of one kind and namespace begin with.
///
/// An API server's are `/registry/KIND/NAMESPACE/NAME`, with the group before the kind for all that are not of old, and
/// without a namespace for what has none. Of other keys the first two parts count.
pub(super) fn group_of(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    let parts: Vec<&str> = text.split('/').collect();
    let depth = match parts.as_slice() {
        ["", _, group, _, _, _, ..] if group.contains('.') => 5,
        ["", _, group, _, _] if group.contains('.') => 4,
        ["", _, _, _, _, ..] => 4,
        ["", _, _, _] => 3,
        _ => 2.min(parts.len().saturating_sub(1)),
    };
    if depth == 0 {
        return "(no prefix)".to_owned();
    }
    let mut prefix = parts[..depth].join("/");
    prefix.push('/');
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_kind_and_namespace_are_one_group() {
        for (key, group) in [
            ("/registry/pods/default/web-1", "/registry/pods/default/"),
            ("/registry/namespaces/default", "/registry/namespaces/"),
            ("/registry/minions/node-1", "/registry/minions/"),
            (
                "/registry/stanchion.dev/databaseclusters/shop/orders",
                "/registry/stanchion.dev/databaseclusters/shop/",
            ),
            (
                "/registry/apiextensions.k8s.io/customresourcedefinitions/x.y",
                "/registry/apiextensions.k8s.io/customresourcedefinitions/",
            ),
            ("/registry/services/specs/default/web", "/registry/services/specs/"),
            ("/stanchion/manager", "/stanchion/"),
            ("compact_rev_key", "(no prefix)"),
            ("", "(no prefix)"),
        ] {
            assert_eq!(group_of(key.as_bytes()), group, "{key}");
        }
    }
}
