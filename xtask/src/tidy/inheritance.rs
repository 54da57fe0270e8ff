//! Every package takes its lints and its common facts from the workspace, so that one place sets them.
//!
//! `publish` is among them because cargo-deny lets only unpublished crates depend on each other by path
//! alone.

use super::Finding;
use super::tree::Tree;

const PACKAGE_KEYS: [&str; 4] = ["edition", "license", "publish", "rust-version"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.packages.iter().flat_map(|package| check_manifest(tree, &package.manifest())).collect()
}

fn check_manifest(tree: &Tree, path: &str) -> Vec<Finding> {
    let settings = settings(tree.text(path).unwrap_or_default());
    let inherits = |keys: &[String]| keys.iter().any(|key| settings.contains(key));
    let mut findings = Vec::new();
    if !inherits(&["lints.workspace=true".to_owned()]) {
        let mend = "add `[lints]` with `workspace = true`, so that the workspace's lints hold here";
        findings.push(Finding::new(path, 1, "the workspace's lints are not inherited", mend));
    }
    for key in PACKAGE_KEYS {
        let spellings =
            [format!("package.{key}.workspace=true"), format!("package.{key}={{workspace=true}}")];
        if !inherits(&spellings) {
            let what = format!("`{key}` is not inherited");
            findings.push(Finding::new(
                path,
                1,
                what,
                format!("write `{key}.workspace = true` under `[package]`"),
            ));
        }
    }
    findings
}

/// The manifest's one-line settings as `table.key=value` without spaces: enough TOML for what is asked here.
fn settings(manifest: &str) -> Vec<String> {
    let mut table = String::new();
    let mut settings = Vec::new();
    for line in manifest.lines() {
        let line: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut table);
        } else if line.contains('=') {
            settings.push(if table.is_empty() { line } else { format!("{table}.{line}") });
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::metadata::Package;
    use crate::tidy::tree::Tree;

    const GOOD: &str = "[package]\nname = \"a\"\nedition.workspace = true\nlicense = { workspace = true }\n\
                        publish.workspace = true # with a remark\nrust-version.workspace = true\n\n\
                        [lints]\nworkspace = true\n";

    fn findings(manifest: &str) -> Vec<String> {
        let package =
            Package { name: "a".into(), dir: "crates/a".into(), roots: Vec::new(), dependencies: Vec::new() };
        let tree = Tree::of([("crates/a/Cargo.toml", manifest)]).with_package(package);
        check(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_manifest_that_inherits_is_silent() {
        assert_eq!(findings(GOOD), [""; 0]);
    }

    #[test]
    fn lints_of_its_own_are_found() {
        let own = GOOD.replace("[lints]\nworkspace = true", "[lints.clippy]\nworkspace = true");
        assert_eq!(findings(&own), ["the workspace's lints are not inherited"]);
        let off = GOOD.replace("[lints]\nworkspace = true", "[lints]\n# workspace = true");
        assert_eq!(findings(&off), ["the workspace's lints are not inherited"]);
    }

    #[test]
    fn an_edition_of_its_own_is_found() {
        let own = GOOD.replace("edition.workspace = true", "edition = \"2021\"");
        assert_eq!(findings(&own), ["`edition` is not inherited"]);
    }

    #[test]
    fn the_same_key_in_another_table_does_not_count() {
        let moved = GOOD.replace("publish.workspace = true # with a remark\n", "")
            + "[other]\npublish.workspace = true\n";
        assert_eq!(findings(&moved), ["`publish` is not inherited"]);
    }
}
