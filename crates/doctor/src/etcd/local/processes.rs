//! The etcd processes of this machine, by their command lines.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Started, arguments, config};

/// One that runs.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// How it was started.
    pub(super) started: Started,
    /// Where its file system is reached.
    pub(super) root: PathBuf,
}

/// Returns all that can be looked at. One that ends meanwhile, or is somebody else's, is left out.
pub(super) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    pids.filter_map(|entry| look(&entry.path())).collect()
}

fn look(process: &Path) -> Option<Process> {
    let words = split(&fs::read(process.join("cmdline")).ok()?);
    if !arguments::is_etcd(&words) {
        return None;
    }
    let root = process.join("root");
    let mut options = arguments::options(&words);
    let environment = split(&fs::read(process.join("environ")).unwrap_or_default());
    let environment = environment.iter().filter_map(|line| line.split_once('='));
    arguments::add_environment(&mut options, environment);
    let pid = process.file_name()?.to_str()?;
    let directory = fs::read_link(process.join("cwd")).unwrap_or_else(|_| PathBuf::from("/"));
    let mut started = match options.get("config-file").filter(|path| !path.is_empty()) {
        // With a file nothing else counts.
        Some(path) => {
            let path = directory.join(path);
            let within = root.join(path.strip_prefix("/").unwrap_or(&path));
            config::read(&within).ok()?
        }
        None => Started::understand(format!("the command line of process {pid}"), &options).ok()?,
    };
    started.data_dir = directory.join(&started.data_dir);
    Some(Process { started, root })
}

/// Splits what the kernel separates with zeros.
fn split(bytes: &[u8]) -> Vec<String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}
