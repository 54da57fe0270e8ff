//! The pages of `docs/checks` say what the checks say. `cargo xtask checks` runs this to write them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use stanchion_doctor_core::ALL;
use stanchion_doctor_report::pages;

/// Set by `cargo xtask checks`: the pages are written, not compared.
const WRITE: &str = "STANCHION_WRITE_PAGES";

#[test]
fn the_pages_say_what_the_checks_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks");
    let wanted: BTreeMap<_, _> =
        pages(ALL).into_iter().map(|page| (folder.join(page.path), page.text)).collect();
    let mut there = Vec::new();
    collect(&folder, &mut there);
    if env::var_os(WRITE).is_some() {
        return write(&wanted, &there);
    }
    let stale = wanted.iter().filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(*text));
    let stale: Vec<_> = stale.map(|(path, _)| path).collect();
    let left: Vec<_> = there.iter().filter(|path| !wanted.contains_key(*path)).collect();
    assert!(
        stale.is_empty() && left.is_empty(),
        "run `cargo xtask checks`: these pages are stale: {stale:?}, and these are of no check: {left:?}"
    );
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => panic!("cannot list {}: {error}", folder.display()),
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn write(wanted: &BTreeMap<PathBuf, String>, there: &[PathBuf]) {
    for (path, text) in wanted {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        fs::write(path, text).expect("a page is written");
    }
    for path in there.iter().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(path).expect("a page of no check is removed");
    }
}
