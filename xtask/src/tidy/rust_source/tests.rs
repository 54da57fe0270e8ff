use super::{modules, paths};

/// The paths of more than one segment, as `line: a::b`.
fn long_paths(source: &str) -> Vec<String> {
    let found = paths(source).unwrap().into_iter().filter(|path| path.segments.len() > 1);
    found.map(|path| format!("{}: {}", path.line, path.segments.join("::"))).collect()
}

/// The module files, as `outer/name` with its `#[path]` after an `@`.
fn module_files(source: &str) -> Vec<String> {
    let describe = |module: super::ModuleFile| match module.path {
        Some(path) => format!("{}@{path}", module.names.join("/")),
        None => module.names.join("/"),
    };
    modules(source).unwrap().into_iter().map(describe).collect()
}

#[test]
fn paths_are_found_wherever_code_is() {
    let source =
        "use std::fs;\nfn f() {\n    if x { ::std::env::var(\"A\"); }\n    m!(std::net::Ipv4Addr);\n}\n";
    assert_eq!(long_paths(source), ["1: std::fs", "3: std::env::var", "4: std::net::Ipv4Addr"]);
}

#[test]
fn use_groups_are_unfolded() {
    let source = "use std::{\n    collections::BTreeMap,\n    time::{Duration, Instant as Clock},\n};\n";
    let found = long_paths(source);
    for path in ["2: std::collections::BTreeMap", "3: std::time::Duration", "3: std::time::Instant"] {
        assert!(found.iter().any(|found| found == path), "{path} in {found:?}");
    }
}

#[test]
fn comments_strings_and_doc_examples_are_not_code() {
    let source = "//! std::fs::read\n/// ```\n/// std::fs::read\n/// ```\nfn f() { /* std::fs */ \"std::fs::read\"; r#\"a::b\"#; }\n";
    assert_eq!(long_paths(source), [""; 0]);
}

#[test]
fn a_turbofish_ends_a_path_and_starts_another() {
    assert_eq!(
        long_paths("fn f() { std::iter::empty::<std::fs::File>() }"),
        ["1: std::iter::empty", "1: std::fs::File"]
    );
}

#[test]
fn what_is_compiled_for_tests_only_is_left_out() {
    let source = "#[cfg(test)]\nuse a::b;\n#[cfg(test)]\nmod tests { use c::d; }\n#[cfg(unix)]\nuse e::f;\nuse g::h;\n";
    assert_eq!(long_paths(source), ["6: e::f", "7: g::h"]);
}

#[test]
fn modules_in_files_are_found_with_the_inline_modules_around_them() {
    let source =
        "mod a;\npub(crate) mod b;\nmod c { mod d; fn f() {} }\n#[cfg(test)]\nmod tests;\nuse mod_x::y;\n";
    assert_eq!(module_files(source), ["a", "b", "c/d", "tests"]);
}

#[test]
fn a_path_attribute_belongs_to_the_next_module_only() {
    assert_eq!(
        module_files("#[path = \"odd/name.rs\"]\n#[cfg(unix)]\nmod a;\nmod b;\n"),
        ["a@odd/name.rs", "b"]
    );
}

#[test]
fn modules_in_comments_are_not_declared() {
    assert_eq!(module_files("// mod a;\n/* mod b; */\n/// mod c;\nmod d;\n"), ["d"]);
}

#[test]
fn text_that_is_not_rust_is_an_error() {
    assert!(paths("fn f( {").is_err());
    assert!(modules("\"open").is_err());
}
