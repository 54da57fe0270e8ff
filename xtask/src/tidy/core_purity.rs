//! A crate named `*-core` decides and never acts: no runtime, no socket, no disk, no clock, no randomness.
//!
//! That is what lets its tests drive it through any order of events and replay a seed. The check is direct:
//! the dependencies its manifest names, and the paths its sources write. `#[cfg(test)]` code and `tests.rs`
//! are free.

use super::Finding;
use super::metadata::Package;
use super::rust_source::{self, WrittenPath};
use super::tree::{Tree, is_test_source};

const IMPURE_CRATES: &[&str] = &[
    "async-std",
    "axum",
    "etcd-client",
    "fastrand",
    "fs-err",
    "getrandom",
    "hyper",
    "hyper-util",
    "kube",
    "kube-client",
    "kube-runtime",
    "libc",
    "memmap2",
    "mio",
    "nix",
    "rand",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "tokio-stream",
    "tokio-util",
    "tonic",
    "tower",
    "tracing-subscriber",
    "ureq",
];

/// What must not be written, and what to do instead.
const IMPURE_PATHS: &[(&[&str], &str)] = &[
    (&["std", "env"], "take the setting as a validated value"),
    (&["std", "fs"], "return an effect and let the shell touch the disk"),
    (&["std", "net"], "return an effect and let the shell speak to the network"),
    (&["std", "process"], "return an effect and let the shell act on processes"),
    (&["std", "thread"], "the shell owns threads; a core is driven by its caller"),
    (&["Instant", "now"], "take `now` as an argument"),
    (&["SystemTime", "now"], "take `now` as an argument"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let cores = tree.packages.iter().filter(|package| package.name.ends_with("-core"));
    cores
        .flat_map(|package| [check_dependencies(tree, package), check_sources(tree, package)])
        .flatten()
        .collect()
}

fn check_dependencies(tree: &Tree, package: &Package) -> Vec<Finding> {
    let manifest = package.manifest();
    let text = tree.text(&manifest).unwrap_or_default();
    let impure = package.dependencies.iter().filter(|name| IMPURE_CRATES.contains(&name.as_str()));
    let finding = |name: &String| {
        Finding::new(
            &manifest,
            dependency_line(text, name),
            format!("the core crate {} depends on {name}", package.name),
            "a core has no runtime, I/O, clock or randomness: move what needs it to the crate around it",
        )
    };
    impure.map(finding).collect()
}

/// The line that names the dependency, or the first where it goes by another name.
fn dependency_line(manifest: &str, name: &str) -> usize {
    let names = |line: &str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

fn check_sources(tree: &Tree, package: &Package) -> Vec<Finding> {
    let src = package.src();
    let product = tree.rust_sources().filter(|(path, _)| path.starts_with(&src) && !is_test_source(path));
    product.flat_map(|(path, text)| check_source(path, text)).collect()
}

fn check_source(path: &str, text: &str) -> Vec<Finding> {
    match rust_source::paths(text) {
        Ok(written) => written.iter().filter_map(|written| impurity(path, written)).collect(),
        Err(error) => {
            let line = error.span().start().line;
            vec![Finding::new(path, line, "cannot be read as Rust", "mend the syntax, then run this again")]
        }
    }
}

fn impurity(path: &str, written: &WrittenPath) -> Option<Finding> {
    let segments: Vec<&str> = written.segments.iter().map(String::as_str).collect();
    let matches = |impure: &[&str]| match impure {
        ["std", ..] => segments.starts_with(impure),
        _ => segments.windows(impure.len()).any(|window| window == impure),
    };
    let (_, mend) = IMPURE_PATHS.iter().find(|(impure, _)| matches(impure))?;
    Some(Finding::new(path, written.line, format!("a core crate uses {}", segments.join("::")), *mend))
}

#[cfg(test)]
mod tests;
