//! MariaDB's programs.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::LazyLock;

use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// So much of what a program writes to standard error is kept for its error, in bytes.
pub(crate) const KEPT_ERRORS: usize = 4096;

/// A program of MariaDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Server,
    Install,
    Binlog,
    Backup,
    Stream,
}

/// A program that could not do its work.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// It is not there.
    #[error("{name} is not installed; Debian has it in the package {package}")]
    Missing {
        /// The program.
        name: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// It could not be started.
    #[error("cannot start {name}")]
    Start {
        /// The program.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It could not be spoken to.
    #[error("cannot exchange data with {name}")]
    Pipe {
        /// The program.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("{name} ended with {status}: {said}")]
    Failed {
        /// The program.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        said: String,
    },
    /// The user that runs this has no name, and accounts are bound to names.
    #[error("user id {0} has no name in /etc/passwd; the database's administrator is bound to one")]
    Nameless(u32),
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "mariadbd",
            Self::Install => "mariadb-install-db",
            Self::Binlog => "mariadb-binlog",
            Self::Backup => "mariadb-backup",
            Self::Stream => "mbstream",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Server | Self::Install => "mariadb-server",
            Self::Binlog => "mariadb-client",
            Self::Backup | Self::Stream => "mariadb-backup",
        }
    }

    /// Returns a command whose process ends with its handle and is reached by no signal that is meant for ours.
    pub(crate) fn command(self) -> Result<Command, ProgramError> {
        let path = self.find().ok_or(ProgramError::Missing { name: self.name(), package: self.package() })?;
        let mut command = Command::new(path);
        command.kill_on_drop(true).process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(command)
    }

    /// Looks where a shell would, and where servers are for those who have no `sbin` in their path.
    fn find(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")])
            .map(|directory| directory.join(self.name()))
            .find(|candidate| candidate.is_file())
    }

    /// Runs a command to its end with `input`, which must be small enough for a pipe or read before much is written.
    pub(crate) async fn run(
        self,
        mut command: Command,
        input: Option<&str>,
    ) -> Result<Vec<u8>, ProgramError> {
        let name = self.name();
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|source| ProgramError::Start { name, source })?;
        let stdin = child.stdin.take();
        let write = async move {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                stdin.write_all(input.as_bytes()).await?;
                stdin.shutdown().await?;
            }
            io::Result::Ok(())
        };
        let (written, output) = tokio::join!(write, child.wait_with_output());
        let output = output.map_err(|source| ProgramError::Pipe { name, source })?;
        if !output.status.success() {
            return Err(ProgramError::Failed { name, status: output.status, said: end_of(&output.stderr) });
        }
        written.map_err(|source| ProgramError::Pipe { name, source })?;
        Ok(output.stdout)
    }
}

/// Returns the end of what a program said.
pub(crate) fn end_of(said: &[u8]) -> String {
    let start = said.len().saturating_sub(KEPT_ERRORS);
    String::from_utf8_lossy(&said[start..]).trim().to_owned()
}

/// Returns the name of the user that runs this process.
pub(crate) fn user() -> Result<String, ProgramError> {
    static NAME: LazyLock<Option<String>> = LazyLock::new(|| {
        let id = rustix::process::geteuid().as_raw().to_string();
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then(|| name.to_owned())
        })
    });
    NAME.clone().ok_or_else(|| ProgramError::Nameless(rustix::process::geteuid().as_raw()))
}
