//! Paths inside the container's root, followed without ever leaving it: links there are the container's, and the
//! process that follows them is not confined yet.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, statat, unlinkat};
use rustix::io::Errno;

use crate::error::{Doing, SystemError, refusal};

const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const DIRECTORY: Mode = Mode::from_bits_truncate(0o755);

/// Opens `path` as seen from `root`; links to absolute paths start at `root`.
pub(super) fn open(root: impl AsFd, path: &Path) -> Result<OwnedFd, SystemError> {
    openat2(root, relative(path), PLACE, Mode::empty(), ResolveFlags::IN_ROOT)
        .doing(|| format!("open {} in the container", path.display()))
}

/// Opens the directory `path` as seen from `root`, made if missing.
pub(super) fn make_dir(root: impl AsFd, path: &Path) -> Result<OwnedFd, SystemError> {
    make_dir_as(root.as_fd(), path, DIRECTORY, ResolveFlags::IN_ROOT)
}

/// Opens the directory `path` below the volume `top`, made with the mode of `top` if missing. A link that leads out
/// of the volume is an error.
pub(super) fn make_dir_beneath(top: impl AsFd, path: &Path) -> Result<OwnedFd, SystemError> {
    let top = top.as_fd();
    let mode = rustix::fs::fstat(top).map_or(DIRECTORY, |found| Mode::from_raw_mode(found.st_mode));
    make_dir_as(top, path, mode, ResolveFlags::BENEATH)
}

/// Opens what `path` names below the volume `top`; nothing if there is nothing.
pub(super) fn open_beneath(top: impl AsFd, path: &Path) -> Result<Option<OwnedFd>, SystemError> {
    match openat2(top, relative(path), PLACE, Mode::empty(), ResolveFlags::BENEATH) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::XDEV) => {
            Err(refusal(format!("use sub-path {}", path.display()), "it leads out of the volume"))
        }
        Err(errno) => Err(errno).doing(|| format!("open sub-path {}", path.display())),
    }
}

fn make_dir_as(
    root: rustix::fd::BorrowedFd<'_>,
    path: &Path,
    mode: Mode,
    resolve: ResolveFlags,
) -> Result<OwnedFd, SystemError> {
    let flags = PLACE | OFlags::DIRECTORY;
    let mut here = openat2(root, ".", flags, Mode::empty(), resolve).doing(|| "open the root".to_owned())?;
    let mut walked = PathBuf::new();
    for part in relative(path).components() {
        let Component::Normal(name) = part else { continue };
        let doing = || format!("make directory {}", path.display());
        walked.push(name);
        let opened = match openat2(root, &walked, flags, Mode::empty(), resolve) {
            Err(Errno::NOENT) => {
                match mkdirat(&here, name, mode) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno).doing(doing),
                }
                openat2(root, &walked, flags, Mode::empty(), resolve)
            }
            done => done,
        };
        here = opened.doing(doing)?;
    }
    Ok(here)
}

/// Opens the file `path` as seen from `root`, made empty if nothing is there.
pub(super) fn make_file(root: impl AsFd, path: &Path) -> Result<OwnedFd, SystemError> {
    let root = root.as_fd();
    let (parent, name) = split(root, path)?;
    match openat2(root, relative(path), PLACE, Mode::empty(), ResolveFlags::IN_ROOT) {
        Err(Errno::NOENT) => {}
        done => return done.doing(|| format!("open {} in the container", path.display())),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    openat(&parent, name, flags, Mode::from_bits_truncate(0o644))
        .doing(|| format!("make {}", path.display()))?;
    open(root, path)
}

/// Writes `content` to the file `path`. A link in its place is replaced, not followed.
pub(super) fn write(root: impl AsFd, path: &Path, content: &str) -> Result<(), SystemError> {
    let doing = || format!("write {} in the container", path.display());
    let (parent, name) = split(root.as_fd(), path)?;
    if statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) != FileType::RegularFile)
    {
        unlinkat(&parent, name, AtFlags::empty()).doing(doing)?;
    }
    let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = openat(&parent, name, flags, Mode::from_bits_truncate(0o644)).doing(doing)?;
    std::fs::File::from(file).write_all(content.as_bytes()).doing(doing)
}

fn split<'a>(
    root: rustix::fd::BorrowedFd<'_>,
    path: &'a Path,
) -> Result<(OwnedFd, &'a std::ffi::OsStr), SystemError> {
    let Some(name) = path.file_name() else {
        return Err(refusal(format!("make {}", path.display()), "it names no file"));
    };
    Ok((make_dir(root, path.parent().unwrap_or(Path::new("/")))?, name))
}

/// Returns the path without its leading slash; `.` for the root itself.
fn relative(path: &Path) -> &Path {
    let path = path.strip_prefix("/").unwrap_or(path);
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn scratch() -> (tempfile::TempDir, OwnedFd, PathBuf) {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("made");
        let fd = openat(rustix::fs::CWD, &root, PLACE | OFlags::DIRECTORY, Mode::empty()).expect("opened");
        (dir, fd, root)
    }

    #[test]
    fn links_start_at_the_root_they_are_in() {
        let (dir, fd, root) = scratch();
        symlink(dir.path(), root.join("out")).expect("linked");
        symlink("/run", root.join("var-run")).expect("linked");
        fs::create_dir(root.join("run")).expect("made");
        make_dir(&fd, Path::new("/var-run/a/b")).expect("made inside");
        assert!(root.join("run/a/b").is_dir());
        // The link leads to a path that is not there inside, and what is outside is never reached.
        assert!(make_dir(&fd, Path::new("/out/x")).is_err());
        assert!(!dir.path().join("x").exists());
        make_dir(&fd, Path::new("/../../up")).expect("the root's parent is the root");
        assert!(root.join("up").is_dir());
    }

    #[test]
    fn a_sub_path_stays_in_its_volume() {
        let (dir, fd, root) = scratch();
        fs::create_dir(dir.path().join("secret")).expect("made");
        symlink("../secret", root.join("escape")).expect("linked");
        symlink("inner", root.join("link")).expect("linked");
        fs::create_dir(root.join("inner")).expect("made");
        assert!(
            open_beneath(&fd, Path::new("escape")).expect_err("leads out").to_string().contains("escape")
        );
        assert!(make_dir_beneath(&fd, Path::new("escape/x")).is_err());
        assert!(open_beneath(&fd, Path::new("link")).expect("stays inside").is_some());
        assert!(open_beneath(&fd, Path::new("nothing")).expect("no error").is_none());
        make_dir_beneath(&fd, Path::new("a/b")).expect("made");
        assert!(root.join("a/b").is_dir());
    }

    #[test]
    fn a_file_replaces_a_link_and_is_not_written_through_it() {
        let (dir, fd, root) = scratch();
        fs::create_dir(root.join("etc")).expect("made");
        let outside = dir.path().join("resolv.conf");
        fs::write(&outside, "the machine's").expect("written");
        symlink(&outside, root.join("etc/resolv.conf")).expect("linked");
        write(&fd, Path::new("/etc/resolv.conf"), "the Pod's").expect("written");
        assert_eq!(fs::read_to_string(&outside).expect("still there"), "the machine's");
        assert_eq!(fs::read_to_string(root.join("etc/resolv.conf")).expect("there"), "the Pod's");
    }
}
