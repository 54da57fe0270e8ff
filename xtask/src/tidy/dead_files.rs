//! Every `.rs` file under a package's `src/` and `tests/` is compiled by some target, and none is named
//! `mod.rs`.
//!
//! A file that no `mod` declares is neither compiled nor linted, and its tests never run. The walk starts
//! from the targets cargo knows and follows `mod name;` the way rustc does.

use std::collections::BTreeSet;

use super::Finding;
use super::metadata::Package;
use super::rust_source::{self, ModuleFile};
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let dead = tree.packages.iter().flat_map(|package| dead_in(tree, package));
    dead.chain(misnamed(tree)).collect()
}

fn misnamed(tree: &Tree) -> impl Iterator<Item = Finding> {
    let named = tree.rust_sources().filter(|(path, _)| path.rsplit('/').next() == Some("mod.rs"));
    named.map(|(path, _)| {
        let folder = parent(path);
        let mend =
            format!("name it {folder}.rs (shared by tests: {}/<suite>/main.rs declares it)", parent(folder));
        Finding::new(path, 1, "a module's file is named mod.rs", mend)
    })
}

fn dead_in<'a>(tree: &'a Tree, package: &'a Package) -> impl Iterator<Item = Finding> + 'a {
    let folders = [package.src(), format!("{}/tests/", package.dir)];
    let mut reached = BTreeSet::new();
    for root in &package.roots {
        follow(tree, root, parent(root), &mut reached);
    }
    let sources = tree.rust_sources().map(|(path, _)| path);
    let ours = sources.filter(move |path| folders.iter().any(|folder| path.starts_with(folder)));
    ours.filter(move |path| !reached.contains(*path)).map(|path| {
        Finding::new(path, 1, "no `mod` leads to this file", "declare it in its parent module, or delete it")
    })
}

/// Marks `path` and all the files its `mod` declarations lead to. Its modules are looked for in `folder`.
fn follow(tree: &Tree, path: &str, folder: &str, reached: &mut BTreeSet<String>) {
    let Some(text) = tree.text(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    // A file that is not Rust yet is for the compiler to report; its modules are then unknown.
    for module in rust_source::modules(text).unwrap_or_default() {
        if let Some((child, child_folder)) = locate(tree, &module, path, folder) {
            follow(tree, &child, &child_folder, reached);
        }
    }
}

/// Finds the file of a module declared in `path`, and the folder of that module's own modules.
fn locate(tree: &Tree, module: &ModuleFile, path: &str, folder: &str) -> Option<(String, String)> {
    if let Some(named) = &module.path {
        let child = format!("{}/{named}", parent(path));
        let child_folder = parent(&child).to_owned();
        return Some((child, child_folder));
    }
    let child_folder = format!("{folder}/{}", module.names.join("/"));
    let candidates = [format!("{child_folder}.rs"), format!("{child_folder}/mod.rs")];
    let child = candidates.into_iter().find(|candidate| tree.files.contains_key(candidate))?;
    Some((child, child_folder))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests;
