//! Text inside SQL.

/// Returns a string literal.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Returns a quoted identifier.
pub(crate) fn identifier(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// Returns an identifier quoted for a grant, where `_` and `%` of a database's name are wildcards.
pub(crate) fn database_of_grant(text: &str) -> String {
    identifier(&text.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"))
}

#[cfg(test)]
mod tests {
    use super::{database_of_grant, identifier, literal};

    #[test]
    fn text_cannot_leave_its_quotes() {
        assert_eq!(literal(r"a'b\c"), r"'a''b\\c'");
        assert_eq!(literal("a\nb"), r"'a\nb'");
        assert_eq!(identifier("a`b"), "`a``b`");
        assert_eq!(database_of_grant("my_app"), r"`my\_app`");
    }
}
