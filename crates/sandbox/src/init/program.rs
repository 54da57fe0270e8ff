//! Which file a command is, looked for inside the container's root, and what to say when it is none.
//!
//! The words and codes are those that users of container runtimes know.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::StartFailure;
use crate::exit::{CODE_NOT_EXECUTABLE, CODE_NOT_FOUND, CODE_START_FAILED};

/// Finds the program of `command`. A name without a slash is looked up in the environment's `PATH`.
pub(super) fn find(command: &[String], env: &[(String, String)]) -> Result<PathBuf, StartFailure> {
    let Some(name) = command.first().filter(|name| !name.is_empty()) else {
        return Err(failure(CODE_START_FAILED, "", "no command specified"));
    };
    if name.contains('/') {
        return match executable(Path::new(name)) {
            Ok(()) => Ok(PathBuf::from(name)),
            Err(error) => Err(not_executed(name, &error)),
        };
    }
    let path = env.iter().rev().find(|(key, _)| key == "PATH").map_or("", |(_, value)| value.as_str());
    let mut refused = false;
    for dir in path.split(':') {
        let candidate = Path::new(if dir.is_empty() { "." } else { dir }).join(name);
        match executable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) => refused |= error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
    if refused {
        return Err(failure(CODE_NOT_EXECUTABLE, name, "permission denied"));
    }
    Err(failure(CODE_NOT_FOUND, name, "executable file not found in $PATH"))
}

/// Returns why `name` was not executed.
pub(super) fn not_executed(name: &str, error: &io::Error) -> StartFailure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            failure(CODE_NOT_FOUND, name, &format!("stat {name}: no such file or directory"))
        }
        io::ErrorKind::NotADirectory => {
            failure(CODE_NOT_FOUND, name, &format!("stat {name}: not a directory"))
        }
        io::ErrorKind::PermissionDenied => failure(CODE_NOT_EXECUTABLE, name, "permission denied"),
        io::ErrorKind::IsADirectory => failure(CODE_NOT_EXECUTABLE, name, "is a directory"),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            failure(CODE_NOT_EXECUTABLE, name, "exec format error")
        }
        _ => failure(CODE_START_FAILED, name, &error.to_string()),
    }
}

fn executable(path: &Path) -> io::Result<()> {
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // The superuser may execute a file only if somebody may.
    if found.mode() & 0o111 == 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?)
}

fn failure(code: i32, name: &str, why: &str) -> StartFailure {
    StartFailure { code, message: format!("unable to start container process: exec: {name:?}: {why}") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_program_has_its_words_and_its_code() {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let at = |name: &str| dir.path().join(name).display().to_string();
        fs::write(at("plain"), "x").expect("written");
        fs::write(at("tool"), "#!/bin/sh\n").expect("written");
        fs::set_permissions(at("tool"), fs::Permissions::from_mode(0o755)).expect("set");
        let env = vec![("PATH".to_owned(), format!("/nowhere:{}", dir.path().display()))];
        let find =
            |name: &str| find(&[name.to_owned()], &env).map_err(|failure| (failure.code, failure.message));

        assert_eq!(find("tool"), Ok(dir.path().join("tool")));
        assert_eq!(find(&at("tool")), Ok(dir.path().join("tool")));
        for (name, code, words) in [
            ("absent".to_owned(), 127, "exec: \"absent\": executable file not found in $PATH"),
            (at("absent"), 127, "no such file or directory"),
            ("plain".to_owned(), 126, "exec: \"plain\": permission denied"),
            (at("plain"), 126, "permission denied"),
            (dir.path().display().to_string(), 126, "is a directory"),
            (String::new(), 128, "no command specified"),
        ] {
            let (found, message) = find(&name).expect_err(&name);
            assert_eq!(found, code, "{name}");
            assert!(message.contains(words), "{message}");
        }
    }
}
