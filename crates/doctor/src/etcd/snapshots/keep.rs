//! A directory of snapshots with the time in their names, and how long they are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::civil::DateTime;
use k8s_openapi::jiff::tz::TimeZone;

/// How times are written in names.
const TIME: &str = "%Y-%m-%dT%H%M%SZ";
/// What names end with.
const ENDS: &str = ".snap";
/// What they end with until they are whole.
const PART: &str = ".snap.part";

/// Returns the name of a snapshot of a cluster, made at a time in seconds since the Unix epoch.
pub fn name(cluster: u64, at: i64) -> String {
    let at = Timestamp::from_second(at).unwrap_or_default();
    format!("{}{}{ENDS}", begins(cluster), at.strftime(TIME))
}

/// Removes snapshots of a cluster from before `until`, and what is left of such that were not finished. Only what has a name
/// of [`name`] is looked at, and `newest` stays whatever its name says. Returns what was removed.
pub fn expire(directory: &Path, cluster: u64, until: i64, newest: &Path) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let at = name.to_str().and_then(|name| made(cluster, name));
        let is_newest = Some(name.as_os_str()) == newest.file_name();
        if at.is_some_and(|at| at < until) && !is_newest && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed.push(entry.path());
        }
    }
    removed.sort();
    Ok(removed)
}

fn begins(cluster: u64) -> String {
    format!("etcd-{cluster:x}-")
}

/// Returns when a snapshot of this name was made; none if the name is not one of [`name`].
fn made(cluster: u64, name: &str) -> Option<i64> {
    let time = name.strip_prefix(&begins(cluster))?;
    let time = time.strip_suffix(PART).or_else(|| time.strip_suffix(ENDS))?;
    let at = DateTime::strptime(TIME, time).ok()?;
    let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    // Only what is written as it would be.
    let whole = self::name(cluster, at);
    (name.trim_end_matches(".part") == whole).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_348_771;

    #[test]
    fn names_have_cluster_and_time() {
        assert_eq!(name(0xab, NOW), "etcd-ab-2026-11-22T115931Z.snap");
        assert_eq!(made(0xab, "etcd-ab-2026-11-22T115931Z.snap"), Some(NOW));
        assert_eq!(made(0xab, "etcd-ab-2026-11-22T115931Z.snap.part"), Some(NOW));
        for other in [
            "etcd-ac-2026-11-22T115931Z.snap",
            "etcd-ab-2026-11-22T115931Z.db",
            "etcd-ab-2026-11-22.snap",
            "etcd-ab-2026-11-22T115931Z.snap.part.part",
            "etcd-ab-2026-11-22T115931Z-mine.snap",
            "my.snap",
        ] {
            assert_eq!(made(0xab, other), None, "{other}");
        }
    }

    #[test]
    fn only_old_ones_of_its_own_go_and_the_newest_never_does() {
        let folder = tempfile::tempdir().expect("a directory");
        let day = |days: i64| name(7, NOW - days * 86_400);
        let part = format!("{}.part", day(30));
        let names = [day(0), day(3), day(8), day(20), part.clone(), name(8, 0), "notes".to_owned()];
        for name in &names {
            fs::write(folder.path().join(name), "x").expect("it is written");
        }
        let gone = |newest: &str| {
            let removed = expire(folder.path(), 7, NOW - 7 * 86_400, &folder.path().join(newest));
            let names = removed.expect("it can be read").into_iter();
            names.map(|path| path.file_name().expect("a name").display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(gone(&day(8)), [part, day(20)], "the clock may have been turned back");
        assert_eq!(gone(&day(0)), [day(8)]);
        assert_eq!(gone(&day(0)), Vec::<String>::new());
        assert!(folder.path().join(name(8, 0)).exists(), "of another cluster");
        assert!(folder.path().join("notes").exists());
    }
}
