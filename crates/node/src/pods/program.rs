//! Finding the programs of this machine that images stand for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where programs usually are, in the order in which they are looked for.
pub(super) const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds a program by its name or path; the second part is the further directory that it is in, if it is in one.
pub(super) fn find(program: &str, directories: &[String]) -> Option<(String, Option<String>)> {
    if program.contains('/') {
        let path = Path::new(program);
        let parent = path.parent().and_then(Path::to_str);
        let further = parent.filter(|parent| directories.iter().any(|directory| directory == parent));
        return is_executable(path).then(|| (program.to_owned(), further.map(ToOwned::to_owned)));
    }
    for directory in USUAL.split(':') {
        let path = Path::new(directory).join(program);
        if is_executable(&path) {
            return Some((path.display().to_string(), None));
        }
    }
    let further = directories.iter().flat_map(|pattern| expand(pattern));
    let mut there = further.filter(|directory| is_executable(&directory.join(program)));
    there.next_back().map(|directory| {
        (directory.join(program).display().to_string(), Some(directory.display().to_string()))
    })
}

/// Returns the directories that a pattern means, in order; `*` stands for any one part.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = if part == "*" {
            let mut all: Vec<PathBuf> = found
                .iter()
                .filter_map(|directory| fs::read_dir(directory).ok())
                .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
                .filter(|path| path.is_dir())
                .collect();
            all.sort();
            all
        } else {
            found.into_iter().map(|directory| directory.join(part)).collect()
        };
    }
    found
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|known| known.is_file() && known.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_usual_and_in_further_directories() {
        let (path, directory) = find("sh", &[]).expect("every machine has it");
        assert!(path.ends_with("/sh") && directory.is_none(), "{path}");
        assert_eq!(find("/nowhere/sh", &[]), None);
        let dir = tempfile::tempdir().expect("a directory");
        for version in ["15", "17"] {
            let bin = dir.path().join(version).join("bin");
            fs::create_dir_all(&bin).expect("made");
            fs::write(bin.join("no-such-program"), "").expect("written");
        }
        let newest = dir.path().join("17/bin");
        let pattern = [format!("{}/*/bin", dir.path().display())];
        assert_eq!(find("no-such-program", &pattern), None, "it cannot be executed");
        let program = newest.join("no-such-program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        let expected = (program.display().to_string(), Some(newest.display().to_string()));
        assert_eq!(find("no-such-program", &pattern), Some(expected));
    }
}
