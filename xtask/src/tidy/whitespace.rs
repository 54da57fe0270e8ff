//! No trailing whitespace and no tabs in Rust, Markdown, shell and TOML: diffs show only what changed.

use super::Finding;
use super::shell_scripts::is_shell;
use super::tree::{Tree, has_extension};

const EXTENSIONS: [&str; 4] = ["rs", "md", "sh", "toml"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let checked = |path: &str, text: &str| {
        EXTENSIONS.iter().any(|extension| has_extension(path, extension)) || is_shell(path, text)
    };
    let texts = tree.texts().filter(|(path, text)| checked(path, text));
    texts.flat_map(|(path, text)| check_text(path, text)).collect()
}

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Not `lines()`, which would take the `\r` of a foreign line ending along.
    for (index, line) in text.split('\n').enumerate() {
        if line.ends_with(char::is_whitespace) {
            findings.push(Finding::new(
                path,
                index + 1,
                "trailing whitespace",
                "delete it; line endings are \\n alone",
            ));
        }
        if line.trim_end().contains('\t') {
            findings.push(Finding::new(
                path,
                index + 1,
                "a tab",
                "indent with spaces; in a string literal write \\t",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::Tree;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let found = check(&Tree::of([(path, text)]));
        found.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn clean_text_is_silent() {
        assert_eq!(findings("a.rs", "fn f() {\n    g();\n}\n\n"), [""; 0]);
    }

    #[test]
    fn blanks_carriage_returns_and_tabs_are_found_at_their_lines() {
        assert_eq!(findings("a.md", "one\ntwo \n"), ["2: trailing whitespace"]);
        assert_eq!(findings("a.toml", "one\r\n"), ["1: trailing whitespace"]);
        assert_eq!(findings("a.sh", "one\n\ttwo\n"), ["2: a tab"]);
        assert_eq!(findings("a.rs", "one\t"), ["1: trailing whitespace"]);
    }

    #[test]
    fn scripts_without_an_extension_are_read_and_other_files_are_not() {
        assert_eq!(findings("run", "#!/usr/bin/env bash\n\techo\n"), ["2: a tab"]);
        assert_eq!(findings("Makefile", "all:\n\techo \n"), [""; 0]);
    }
}
