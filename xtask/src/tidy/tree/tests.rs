use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Tree, is_test_source};

/// A workspace on disk with one package, a script, a binary file and a build folder.
fn workspace() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("Cargo.toml", b"[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n");
    write(
        "crates/a-core/Cargo.toml",
        b"[package]\nname = \"a-core\"\nedition = \"2024\"\n\
          [dependencies]\nb = { path = \"../b\" }\n[dev-dependencies]\nc = { package = \"b\", path = \"../b\" }\n",
    );
    write("crates/a-core/src/lib.rs", b"");
    write("crates/a-core/tests/whole.rs", b"");
    write("crates/b/Cargo.toml", b"[package]\nname = \"b\"\nedition = \"2024\"\n");
    write("crates/b/src/lib.rs", b"");
    write("picture.png", b"\x89PNG\xff");
    write("go", b"#!/usr/bin/env bash\n");
    write("target/debug/built.rs", b"");
    fs::set_permissions(dir.path().join("go"), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn git(dir: &Path, args: &[&str]) {
    let status = Command::new("git").args(args).current_dir(dir).status().unwrap();
    assert!(status.success(), "git {args:?}: {status}");
}

#[test]
fn an_archive_is_read_without_its_build_folders() {
    let dir = workspace();
    let tree = Tree::load(dir.path()).unwrap();

    let paths: Vec<&str> = tree.files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "Cargo.toml",
            "crates/a-core/Cargo.toml",
            "crates/a-core/src/lib.rs",
            "crates/a-core/tests/whole.rs",
            "crates/b/Cargo.toml",
            "crates/b/src/lib.rs",
            "go",
            "picture.png",
        ]
    );
    assert!(tree.files["go"].executable);
    assert!(!tree.files["Cargo.toml"].executable);
    assert_eq!(tree.files["picture.png"].text, None);
}

#[test]
fn a_checkout_is_read_without_what_git_ignores_and_what_is_deleted() {
    let dir = workspace();
    git(dir.path(), &["init", "--quiet"]);
    fs::write(dir.path().join(".gitignore"), "/target\n*.log\n").unwrap();
    fs::write(dir.path().join("build.log"), "").unwrap();
    fs::write(dir.path().join("gone.md"), "").unwrap();
    git(dir.path(), &["add", "gone.md", "Cargo.toml"]);
    fs::remove_file(dir.path().join("gone.md")).unwrap();

    let tree = Tree::load(&dir.path().join("crates/b")).unwrap();

    assert!(tree.contains("Cargo.toml"), "tracked");
    assert!(tree.contains("crates/b/src/lib.rs"), "not yet tracked");
    assert!(!tree.contains("build.log"), "ignored");
    assert!(!tree.contains("target/debug/built.rs"), "ignored");
    assert!(!tree.contains("gone.md"), "deleted");
}

#[test]
fn packages_come_with_their_roots_and_normal_dependencies() {
    let dir = workspace();
    let tree = Tree::load(dir.path()).unwrap();

    let package = tree.packages.iter().find(|package| package.name == "a-core").unwrap();
    assert_eq!(package.dir, "crates/a-core");
    assert_eq!(package.roots, ["crates/a-core/src/lib.rs", "crates/a-core/tests/whole.rs"]);
    assert_eq!(package.dependencies, ["b"]);
}

#[test]
fn a_folder_without_a_manifest_is_an_error_that_names_cargo() {
    let dir = tempfile::tempdir().unwrap();
    let error = Tree::load(dir.path()).unwrap_err();
    assert!(format!("{error:#}").contains("cargo metadata"), "{error:#}");
}

#[test]
fn folders_are_contained_and_their_name_prefixes_are_not() {
    let tree = Tree::of([("docs/adr/0001.md", ""), ("docs.md", "")]);
    assert!(tree.contains(""));
    assert!(tree.contains("docs"));
    assert!(tree.contains("docs/adr"));
    assert!(!tree.contains("docs/ad"));
    assert!(!tree.contains("doc"));
}

#[test]
fn tests_are_told_from_sources_by_whole_path_parts() {
    assert!(is_test_source("crates/a/src/log/tests.rs"));
    assert!(is_test_source("crates/a/tests/e2e/main.rs"));
    assert!(!is_test_source("crates/a/src/contests.rs"));
    assert!(!is_test_source("crates/tests-kit/src/lib.rs"));
}
