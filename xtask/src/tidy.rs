//! `cargo xtask tidy`: the rules of this repository that neither rustc nor clippy can check.
//!
//! ```text
//! git ls-files, cargo metadata --> Tree --> one module per check --> findings, sorted
//! ```
//!
//! [`Tree`] is read once and never changes; a check is a pure function from it to [`Finding`]s, so its tests
//! build the tree they need in memory. To add a check, add a module and name it in [`CHECKS`].

mod core_purity;
mod dead_files;
mod file_length;
mod inheritance;
mod links;
mod metadata;
mod rust_source;
mod shell_scripts;
mod tree;
mod whitespace;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use self::tree::Tree;

const CHECKS: [fn(&Tree) -> Vec<Finding>; 7] = [
    core_purity::check,
    dead_files::check,
    file_length::check,
    inheritance::check,
    links::check,
    shell_scripts::check,
    whitespace::check,
];

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    what: String,
    /// Why the rule is there, or how to mend the place.
    mend: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, mend } = self;
        write!(f, "{path}:{line}: {what} — {mend}")
    }
}

/// Runs every check over the workspace that `dir` belongs to. The findings come sorted by place.
pub(crate) fn run(dir: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::load(dir)?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::Finding;

    #[test]
    fn a_finding_prints_on_one_line_with_its_place_first() {
        let finding = Finding::new("crates/a/src/lib.rs", 7, "a tab", "indent with spaces");
        assert_eq!(finding.to_string(), "crates/a/src/lib.rs:7: a tab — indent with spaces");
    }
}
