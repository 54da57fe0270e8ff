use super::check;
use crate::tidy::metadata::Package;
use crate::tidy::tree::Tree;

fn package(name: &str, dependencies: &[&str]) -> Package {
    Package {
        name: name.to_owned(),
        dir: "crates/a".to_owned(),
        roots: vec!["crates/a/src/lib.rs".to_owned()],
        dependencies: dependencies.iter().map(ToString::to_string).collect(),
    }
}

fn findings(tree: &Tree) -> Vec<String> {
    check(tree).iter().map(ToString::to_string).collect()
}

/// The findings in one source of a core crate.
fn in_core(path: &str, source: &str) -> Vec<String> {
    findings(&Tree::of([(path, source)]).with_package(package("a-core", &[])))
}

#[test]
fn a_runtime_among_a_cores_dependencies_is_found_at_its_line() {
    let manifest =
        "[package]\nname = \"a-core\"\n\n[dependencies]\ntokio-like = \"1\"\ntokio.workspace = true\n";
    let tree = Tree::of([("crates/a/Cargo.toml", manifest)]);
    let tree = tree.with_package(package("a-core", &["bytes", "tokio-like", "tokio"]));

    let found = findings(&tree);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("crates/a/Cargo.toml:6: the core crate a-core depends on tokio — "),
        "{found:?}"
    );
}

#[test]
fn only_crates_named_core_are_held_to_it() {
    let tree = Tree::of([("crates/a/src/lib.rs", "use std::fs;")]);
    assert_eq!(findings(&tree.with_package(package("a", &["tokio"]))), [""; 0]);

    let elsewhere = Tree::of([("crates/other/src/lib.rs", "use std::fs;")]);
    assert_eq!(findings(&elsewhere.with_package(package("a-core", &[]))), [""; 0]);
}

#[test]
fn every_way_out_of_a_core_is_found() {
    let ways = [
        ("use std::fs::File;", "std::fs::File"),
        ("use std::{env, io};", "std::env"),
        ("fn f(_: std::net::SocketAddr) {}", "std::net::SocketAddr"),
        ("fn f() { std::process::abort() }", "std::process::abort"),
        ("fn f() { std::thread::yield_now() }", "std::thread::yield_now"),
        ("fn f() { Instant::now(); }", "Instant::now"),
        ("fn f() { std::time::SystemTime::now(); }", "std::time::SystemTime::now"),
    ];
    for (source, path) in ways {
        let found = in_core("crates/a/src/log.rs", source);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert!(
            found[0].starts_with(&format!("crates/a/src/log.rs:1: a core crate uses {path} — ")),
            "{found:?}"
        );
    }
}

#[test]
fn types_of_time_are_allowed_and_reading_the_clock_is_not() {
    let source =
        "use std::time::{Duration, Instant};\nfn f(now: Instant, for_: Duration) -> Instant { now + for_ }\n";
    assert_eq!(in_core("crates/a/src/lib.rs", source), [""; 0]);
}

#[test]
fn tests_of_a_core_may_read_files() {
    assert_eq!(in_core("crates/a/src/log/tests.rs", "use std::fs;"), [""; 0]);
    assert_eq!(in_core("crates/a/src/lib.rs", "#[cfg(test)]\nmod tests { use std::fs; }"), [""; 0]);
    assert_eq!(in_core("crates/a/src/lib.rs", "#[cfg(test)]\nmod tests { }\nuse std::fs;").len(), 1);
}

#[test]
fn a_source_that_is_not_rust_is_a_finding() {
    let found = in_core("crates/a/src/lib.rs", "fn f( {");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("cannot be read as Rust"), "{found:?}");
}
