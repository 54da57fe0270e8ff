use super::check;
use crate::tidy::metadata::Package;
use crate::tidy::tree::Tree;

/// The paths found in a package `crates/a` with these targets and files.
fn found_in(roots: &[&str], files: &[(&'static str, &'static str)]) -> Vec<String> {
    let package = Package {
        name: "a".to_owned(),
        dir: "crates/a".to_owned(),
        roots: roots.iter().map(ToString::to_string).collect(),
        dependencies: Vec::new(),
    };
    let tree = Tree::of(files.iter().copied()).with_package(package);
    check(&tree).into_iter().map(|finding| finding.path).collect()
}

const LIB: &str = "crates/a/src/lib.rs";

#[test]
fn modules_are_followed_to_any_depth() {
    let files = [
        (LIB, "pub mod log;\nmod inline { mod inner; }"),
        ("crates/a/src/log.rs", "mod entry;\n#[cfg(test)]\nmod tests;"),
        ("crates/a/src/log/entry.rs", ""),
        ("crates/a/src/log/tests.rs", ""),
        ("crates/a/src/inline/inner.rs", ""),
    ];
    assert_eq!(found_in(&[LIB], &files), [""; 0]);
}

#[test]
fn a_file_that_nothing_declares_is_dead() {
    let files = [
        (LIB, "mod log;\n// mod forgotten;"),
        ("crates/a/src/log.rs", ""),
        ("crates/a/src/forgotten.rs", ""),
    ];
    assert_eq!(found_in(&[LIB], &files), ["crates/a/src/forgotten.rs"]);
}

#[test]
fn what_only_a_dead_file_declares_is_dead_too() {
    let files = [(LIB, ""), ("crates/a/src/b.rs", "mod c;"), ("crates/a/src/b/c.rs", "")];
    assert_eq!(found_in(&[LIB], &files), ["crates/a/src/b.rs", "crates/a/src/b/c.rs"]);
}

#[test]
fn a_module_of_the_same_name_elsewhere_does_not_save_a_file() {
    let files = [
        (LIB, "mod b;"),
        ("crates/a/src/b.rs", "mod c;"),
        ("crates/a/src/b/c.rs", ""),
        ("crates/a/src/c.rs", ""),
    ];
    assert_eq!(found_in(&[LIB], &files), ["crates/a/src/c.rs"]);
}

#[test]
fn each_target_is_a_root_and_test_suites_are_covered() {
    let files = [
        ("crates/a/src/main.rs", ""),
        ("crates/a/src/bin/tool.rs", ""),
        ("crates/a/tests/e2e/main.rs", "mod watch;"),
        ("crates/a/tests/e2e/watch.rs", ""),
        ("crates/a/tests/e2e/never_run.rs", ""),
    ];
    let roots = ["crates/a/src/main.rs", "crates/a/src/bin/tool.rs", "crates/a/tests/e2e/main.rs"];
    assert_eq!(found_in(&roots, &files), ["crates/a/tests/e2e/never_run.rs"]);
}

#[test]
fn a_path_attribute_is_followed() {
    let files = [
        (LIB, "#[path = \"odd/name.rs\"] mod a;"),
        ("crates/a/src/odd/name.rs", "mod b;"),
        ("crates/a/src/odd/b.rs", ""),
    ];
    assert_eq!(found_in(&[LIB], &files), [""; 0]);
}

#[test]
fn a_mod_rs_is_found_though_it_is_reached() {
    let files =
        [(LIB, "mod log;"), ("crates/a/src/log/mod.rs", "mod entry;"), ("crates/a/src/log/entry.rs", "")];
    assert_eq!(found_in(&[LIB], &files), ["crates/a/src/log/mod.rs"]);
}
