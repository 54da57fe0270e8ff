//! `stanchion agent install`

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::error::Failure;
use crate::exit::Exit;

/// The name of the program in the directory.
const NAME: &str = "stanchion";
/// Everybody may run it, its owner may replace it.
const MODE: u32 = 0o755;

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct InstallArguments {
    /// The directory; DIR/stanchion is replaced if it is there.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Copies the program.
pub(super) fn run(arguments: &InstallArguments) -> Result<(), Failure> {
    let program = std::env::current_exe().context("cannot find the program that runs")?;
    install(&program, &arguments.directory).map_err(|error| Failure::new(Exit::Storage, error))
}

/// Puts a copy of `program` into `directory`, whole or not at all.
fn install(program: &Path, directory: &Path) -> anyhow::Result<()> {
    let (target, partial) = (directory.join(NAME), directory.join(format!(".{NAME}.partial")));
    let copied = fs::copy(program, &partial).and_then(|_| {
        fs::set_permissions(&partial, fs::Permissions::from_mode(MODE))?;
        fs::File::open(&partial)?.sync_all()?;
        fs::rename(&partial, &target)
    });
    copied.with_context(|| format!("cannot copy {} to {}", program.display(), target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_whole_and_may_be_run() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("program");
        fs::write(&program, "#!/bin/sh\n").expect("it can be written");
        for _ in 0..2 {
            install(&program, directory.path()).expect("it can be copied, and replaced");
        }
        let target = directory.path().join(NAME);
        assert_eq!(fs::read(&target).expect("it is there"), b"#!/bin/sh\n");
        let mode = fs::metadata(&target).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(fs::read_dir(directory.path()).expect("it can be listed").count(), 2);
    }
}
