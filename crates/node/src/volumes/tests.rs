use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn an_empty_directory_is_everybodys_and_is_made_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a/cache");
    assert_eq!(empty_dir(&path, None, None).expect("made"), None);
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o777);
    std::fs::write(path.join("kept"), "x").expect("written");
    owner::set_mode(&path, 0o700).expect("set");
    empty_dir(&path, None, None).expect("it is there already");
    assert!(path.join("kept").exists());
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "what the Pod did to it stays");
}

#[test]
fn mounted_memory_is_taken_away() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("with blank");
    let left_out = empty_dir(&path, Some(1 << 20), None).expect("made");
    if left_out.is_none() {
        let table = std::fs::read_to_string("/proc/self/mountinfo").expect("readable");
        assert!(table.contains("with\\040blank"), "it is mounted");
    }
    unmount_below(dir.path()).expect("taken away");
    let table = std::fs::read_to_string("/proc/self/mountinfo").expect("readable");
    assert!(!table.contains("with\\040blank"), "nothing is left");
    unmount_below(&dir.path().join("nothing")).expect("nothing to do");
}
