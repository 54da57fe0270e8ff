//! A Rust file stays short enough to be read in one sitting.
//!
//! One uniform catalogue, such as a table of messages, may be longer when its module doc says so in those
//! words.

use super::Finding;
use super::tree::{Tree, is_test_source};

const LIMIT: usize = 600;
/// Tests are read one by one, so a file of them may be longer.
const TEST_LIMIT: usize = 1200;
const EXEMPTION: &str = "uniform catalogue";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust_sources().filter_map(|(path, text)| check_source(path, text)).collect()
}

fn check_source(path: &str, text: &str) -> Option<Finding> {
    let limit = if is_test_source(path) { TEST_LIMIT } else { LIMIT };
    let lines = text.lines().count();
    if lines <= limit || module_doc(text).contains(EXEMPTION) {
        return None;
    }
    let mend =
        format!("split it by a noun of the domain, or say in its module doc why it is one {EXEMPTION}");
    Some(Finding::new(path, limit + 1, format!("{lines} lines, over the limit of {limit}"), mend))
}

/// The text of the leading `//!` lines, joined by spaces.
fn module_doc(text: &str) -> String {
    let leading = text.lines().take_while(|line| line.is_empty() || line.starts_with("//"));
    let doc: Vec<&str> = leading.filter_map(|line| line.strip_prefix("//!")).map(str::trim).collect();
    doc.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, TEST_LIMIT, check};
    use crate::tidy::tree::Tree;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of([(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_line_more_is_not() {
        assert_eq!(findings("crates/a/src/lib.rs", &"\n".repeat(LIMIT)), [""; 0]);
        let found = findings("crates/a/src/lib.rs", &"\n".repeat(LIMIT + 1));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("crates/a/src/lib.rs:601: 601 lines, over the limit of 600 — "),
            "{found:?}"
        );
    }

    #[test]
    fn tests_have_a_limit_of_their_own() {
        assert_eq!(findings("crates/a/src/log/tests.rs", &"\n".repeat(TEST_LIMIT)), [""; 0]);
        assert_eq!(findings("crates/a/tests/e2e/main.rs", &"\n".repeat(TEST_LIMIT + 1)).len(), 1);
    }

    #[test]
    fn only_a_module_doc_that_says_so_exempts() {
        let body = "\n".repeat(LIMIT);
        let said = format!("// SPDX\n//! Every message, one uniform\n//! catalogue.\n{body}");
        assert_eq!(findings("crates/a/src/lib.rs", &said), [""; 0]);
        let elsewhere = format!("//! Messages.\nfn f() {{}}\n//! uniform catalogue\n{body}");
        assert_eq!(findings("crates/a/src/lib.rs", &elsewhere).len(), 1);
    }

    #[test]
    fn other_files_may_be_long() {
        assert_eq!(findings("docs/long.md", &"\n".repeat(5000)), [""; 0]);
    }
}
