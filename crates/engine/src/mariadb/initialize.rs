//! A data directory made anew.

use thiserror::Error;

use super::accounts::{self, ReplicationAccounts};
use super::files::{self, FilesError};
use super::layout::Layout;
use super::program::{self, Program, ProgramError};

/// The redo log is made this large at first; the server makes it what its configuration says when it starts.
const FIRST_LOG: &str = "--innodb-log-file-size=16M";

/// An initialization that failed. It leaves nothing that counts as a data directory.
#[derive(Debug, Error)]
pub enum InitializeError {
    /// There is a data directory.
    #[error("there is a data directory already")]
    Exists,
    /// A program failed.
    #[error("cannot initialize a data directory")]
    Program(#[from] ProgramError),
    /// Files could not be handled.
    #[error("cannot initialize a data directory")]
    Files(#[from] FilesError),
}

/// Makes a data directory with the platform's accounts and nothing in the stream of transactions.
///
/// It is made apart and put in place whole, so that one that a crash left half made is not taken for one.
pub async fn initialize(layout: &Layout, accounts: &ReplicationAccounts) -> Result<(), InitializeError> {
    if layout.data().exists() {
        return Err(InitializeError::Exists);
    }
    let making = files::clear_making(layout)?;
    let user = program::user()?;
    let mut install = Program::Install.command()?;
    install.args(["--no-defaults", "--skip-test-db", "--skip-name-resolve", FIRST_LOG]);
    install.args(["--auth-root-authentication-method=socket", "--auth-root-socket-user=root"]);
    install.arg(format!("--user={user}"));
    install.arg(path_option("--datadir", &making.data()));
    install.arg(path_option("--tmpdir", &making.temporary()));
    Program::Install.run(install, None).await?;
    let mut bootstrap = Program::Server.command()?;
    bootstrap.args(["--no-defaults", "--bootstrap", FIRST_LOG]);
    bootstrap.arg(format!("--user={user}"));
    bootstrap.arg(path_option("--datadir", &making.data()));
    bootstrap.arg(path_option("--tmpdir", &making.temporary()));
    // Statements and not arguments: they hold the password.
    let statements = accounts::first_statements(&user, accounts);
    Program::Server.run(bootstrap, Some(&statements)).await?;
    Ok(files::adopt(layout)?)
}

/// Returns an option with a path.
pub(crate) fn path_option(name: &str, path: &std::path::Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push("=");
    option.push(path);
    option
}
