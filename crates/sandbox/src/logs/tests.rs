//! Logs as kubelet's users know them: what is read from which files.

use std::fs::{self, File};
use std::future::{pending, ready};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::*;

fn entry(second: u32, tag: &str, text: &str) -> String {
    format!("2026-01-02T03:04:{second:02}.000000001Z stdout {tag} {text}\n")
}

/// Three files: lines 0 to 5, two in each.
fn three_files() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let path = dir.path().join("0.log");
    for (first, name) in [(0, "0.log.2"), (2, "0.log.1"), (4, "0.log")] {
        let text = entry(first, "F", &format!("line {first}"))
            + &entry(first + 1, "F", &format!("line {}", first + 1));
        fs::write(dir.path().join(name), text).expect("written");
    }
    (dir, path)
}

async fn all(path: &Path, options: LogOptions) -> String {
    let mut stream = pin!(read(path.to_owned(), options, ready(())));
    let mut text = Vec::new();
    while let Some(piece) = stream.next().await {
        text.extend_from_slice(&piece.expect("readable"));
    }
    String::from_utf8(text).expect("text")
}

#[tokio::test]
async fn options_choose_the_lines() {
    let (_dir, path) = three_files();
    let everything = "line 0\nline 1\nline 2\nline 3\nline 4\nline 5\n";
    let none = LogOptions::default;
    assert_eq!(all(&path, none()).await, everything);
    for (tail, expected) in [(0, ""), (1, "line 5\n"), (3, "line 3\nline 4\nline 5\n"), (9, everything)] {
        assert_eq!(all(&path, LogOptions { tail: Some(tail), ..none() }).await, expected, "tail {tail}");
    }
    let since = humantime::parse_rfc3339("2026-01-02T03:04:04Z").ok();
    assert_eq!(all(&path, LogOptions { since, ..none() }).await, "line 4\nline 5\n");
    assert_eq!(all(&path, LogOptions { since, tail: Some(1), ..none() }).await, "line 5\n");
    assert_eq!(all(&path, LogOptions { limit_bytes: Some(10), ..none() }).await, "line 0\nlin");
    let timestamps = LogOptions { timestamps: true, tail: Some(1), ..none() };
    assert_eq!(all(&path, timestamps).await, "2026-01-02T03:04:05.000000001Z line 5\n");
}

#[tokio::test]
async fn a_cut_line_is_put_together_again() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let path = dir.path().join("0.log");
    fs::write(&path, entry(1, "P", "aaa") + &entry(2, "F", "bbb") + &entry(3, "F", "")).expect("written");
    assert_eq!(all(&path, LogOptions::default()).await, "aaabbb\n\n");
    let timestamps = LogOptions { timestamps: true, ..LogOptions::default() };
    let expected = "2026-01-02T03:04:01.000000001Z aaabbb\n2026-01-02T03:04:03.000000001Z \n";
    assert_eq!(all(&path, timestamps).await, expected);
}

#[tokio::test]
async fn a_log_that_is_not_there_is_not_found() {
    let mut stream = pin!(read(PathBuf::from("/nowhere/0.log"), LogOptions::default(), pending()));
    let error = stream.next().await.expect("an item").expect_err("not there");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn following_goes_over_rotations_and_ends_with_the_container() {
    let (dir, path) = three_files();
    let (end, ended) = oneshot::channel::<()>();
    let options = LogOptions { follow: true, tail: Some(1), ..LogOptions::default() };
    let mut stream = pin!(read(path.clone(), options, async move { drop(ended.await) }));
    assert_eq!(stream.next().await.expect("an item").expect("readable"), "line 5\n");

    // Written just before the rotation, and after it.
    let mut open = File::options().append(true).open(&path).expect("opened");
    open.write_all(entry(6, "F", "line 6").as_bytes()).expect("written");
    fs::rename(&path, dir.path().join("0.log.1")).expect("rotated");
    fs::write(&path, entry(7, "F", "line 7")).expect("written");
    assert_eq!(stream.next().await.expect("an item").expect("readable"), "line 6\n");
    assert_eq!(stream.next().await.expect("an item").expect("readable"), "line 7\n");

    let mut open = File::options().append(true).open(&path).expect("opened");
    open.write_all(entry(8, "F", "line 8").as_bytes()).expect("written");
    end.send(()).expect("the reader waits");
    assert_eq!(stream.next().await.expect("an item").expect("readable"), "line 8\n");
    assert!(stream.next().await.is_none());
}
