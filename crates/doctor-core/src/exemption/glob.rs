//! Names with stars.

/// A name in which `*` stands for anything, also nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns whether all of `text` matches. Each part between stars is taken where it comes first, which leaves most for
    /// the others.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut left) = text.strip_prefix(first) else { return false };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            match left.split_once(part) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let matches = |glob: &str, text: &str| Glob::new(glob).matches(text);
        for (glob, text) in [
            ("web", "web"),
            ("*", ""),
            ("web-*", "web-"),
            ("*-db", "shop-db"),
            ("a*b*c", "a-b-b-c"),
            ("**", "x"),
            ("/etc/*/ca.crt", "/etc/kubernetes/pki/ca.crt"),
        ] {
            assert!(matches(glob, text), "{glob} does not match {text}");
        }
        for (glob, text) in [("web", "web-1"), ("web-*", "web"), ("a*a", "a"), ("a*b*b", "a-b"), ("", "x")] {
            assert!(!matches(glob, text), "{glob} matches {text}");
        }
    }

    proptest! {
        #[test]
        fn invariant_what_stars_replaced_matches(parts in prop::collection::vec("[ab]{0,3}", 1..5), fill in "[ab]{0,3}") {
            prop_assert!(Glob::new(parts.join("*")).matches(&parts.join(&fill)));
        }

        #[test]
        fn invariant_it_agrees_with_trying_all(glob in "[ab*]{0,6}", text in "[ab]{0,6}") {
            prop_assert_eq!(Glob::new(glob.as_str()).matches(&text), tried(glob.as_bytes(), text.as_bytes()));
        }
    }

    fn tried(glob: &[u8], text: &[u8]) -> bool {
        match (glob, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skipped| tried(rest, &text[skipped..])),
            ([one, rest @ ..], [other, left @ ..]) => one == other && tried(rest, left),
            (_, []) => false,
        }
    }
}
