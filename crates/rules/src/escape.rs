//! Names of properties as identifiers.

use std::borrow::Cow;

/// Words that stand between two pairs of underscores when they name a property.
const WORDS: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Returns the property an identifier names.
pub(crate) fn unescape(name: &str) -> Cow<'_, str> {
    if !name.contains("__") {
        return Cow::Borrowed(name);
    }
    let inner = name.strip_prefix("__").and_then(|n| n.strip_suffix("__"));
    if let Some(word) = inner.filter(|word| WORDS.contains(word)) {
        return Cow::Owned(word.to_owned());
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("__") {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let marks = [("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/")];
        let found = marks.iter().find(|(mark, _)| tail.starts_with(mark));
        let (mark, text) = found.copied().unwrap_or(("__", "__"));
        out.push_str(text);
        rest = &tail[mark.len()..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}
