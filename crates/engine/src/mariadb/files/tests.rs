use std::fs;
use std::path::Path;

use super::{Files, replace, settle};
use crate::mariadb::Layout;

fn directory(path: &Path, content: &str) {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join("what"), content).unwrap();
}

fn content(layout: &Layout) -> String {
    fs::read_to_string(layout.data().join("what")).unwrap()
}

/// A crash after each rename of a replacement leaves one whole data directory and nothing else.
#[test]
fn every_crash_of_a_replacement_leaves_one_data_directory() {
    let crashes: [(&str, &[&str]); 5] = [
        ("old", &["data", "making/data"]),
        ("old", &["data", "data.ready"]),
        ("new", &["data.old", "data.ready"]),
        ("new", &["data", "data.old"]),
        ("old", &["data.old"]),
    ];
    for (number, (expected, directories)) in crashes.iter().enumerate() {
        let volume = tempfile::tempdir().unwrap();
        let layout = Layout::new(volume.path());
        for directory_name in *directories {
            let is_new = match *directory_name {
                "data" => number == 3,
                name => name != "data.old",
            };
            directory(&volume.path().join(directory_name), if is_new { "new" } else { "old" });
        }
        assert_eq!(settle(&layout).unwrap(), Files::Present, "{number}");
        assert_eq!(content(&layout), *expected, "{number}");
        assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1, "{number}");
    }
}

#[test]
fn a_half_made_directory_counts_for_nothing() {
    let volume = tempfile::tempdir().unwrap();
    let layout = Layout::new(volume.path());
    directory(&layout.making().data(), "half");
    assert_eq!(settle(&layout).unwrap(), Files::Absent);
    assert!(!layout.making().root().exists());
}

#[test]
fn a_copy_replaces_what_there_is() {
    let volume = tempfile::tempdir().unwrap();
    let layout = Layout::new(volume.path());
    directory(&layout.data(), "old");
    directory(&layout.making().data(), "new");
    replace(&layout).unwrap();
    assert_eq!(content(&layout), "new");
    assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1);
}
