//! A data directory made from a copy.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use stanchion_ha_core::Position;
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::CopyError;
use crate::mariadb::config::{Config, Recovery};
use crate::mariadb::files::{self, FilesError};
use crate::mariadb::initialize::path_option;
use crate::mariadb::instance::Instance;
use crate::mariadb::layout::Layout;
use crate::mariadb::process::Process;
use crate::mariadb::program::{self, Program, ProgramError, end_of};

/// Where a copy says where its source's binary log was: file, offset, and position in the stream of transactions. The newer
/// name first.
const NOTED: [&str; 2] = ["mariadb_backup_binlog_info", "xtrabackup_binlog_info"];
/// What a copy has if its source followed somebody. The newer name first.
const FOLLOWED: [&str; 2] = ["mariadb_backup_slave_info", "xtrabackup_slave_info"];
/// The server that begins the copy's stream has nothing to recover.
const START: Duration = Duration::from_mins(2);

/// A copy that is being received and put in place.
#[derive(Debug)]
pub struct Restore {
    layout: Layout,
    making: Layout,
}

impl Restore {
    /// Begins, apart from the data directory that there is.
    pub fn begin(layout: &Layout) -> Result<Self, CopyError> {
        let making = files::clear_making(layout)?;
        files::create(&making.data())?;
        Ok(Self { layout: layout.clone(), making })
    }

    /// Unpacks a stream to its end and returns its length. Whether it was whole is for who carries it to say.
    pub async fn receive(&self, stream: &mut (impl AsyncRead + Unpin)) -> Result<u64, CopyError> {
        let name = Program::Stream.name();
        let mut command = Program::Stream.command()?;
        command.args(["-x", "-C"]).arg(self.making.data()).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| ProgramError::Start { name, source })?;
        let stdin = child.stdin.take();
        let write = async {
            let Some(mut stdin) = stdin else { return Ok(0) };
            let length = tokio::io::copy(stream, &mut stdin).await?;
            stdin.shutdown().await?;
            Ok(length)
        };
        let (written, output) = tokio::join!(write, child.wait_with_output());
        let output = output.map_err(|source| ProgramError::Pipe { name, source })?;
        if !output.status.success() {
            let said = end_of(&output.stderr);
            return Err(ProgramError::Failed { name, status: output.status, said }.into());
        }
        written.map_err(CopyError::Stream)
    }

    /// Makes what was received a data directory, puts it in place of the one there is, and returns where it was taken. No
    /// server may run on the old one.
    ///
    /// A crash leaves the old one or the new one.
    pub async fn install(self, config: &Config) -> Result<Position, CopyError> {
        let mut command = Program::Backup.command()?;
        command.args(["--no-defaults", "--prepare"]);
        command.arg(path_option("--target-dir", &self.making.data()));
        command.arg(path_option("--tmpdir", &self.making.temporary()));
        Program::Backup.run(command, None).await?;
        let position = self.begin_stream(config).await?;
        let layout = self.layout;
        tokio::task::spawn_blocking(move || files::replace(&layout)).await??;
        Ok(position)
    }

    fn noted(&self) -> Result<Position, CopyError> {
        for name in NOTED {
            let path = self.making.data().join(name);
            if !path.exists() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(FilesError::new("read", &path))?;
            let mut fields = text.trim_end_matches('\n').split('\t');
            return match (fields.next(), fields.next(), fields.next()) {
                (Some(_), Some(_), Some(position)) => Ok(position.parse()?),
                (Some(_), Some(_), None) => Ok(Position::START),
                _ => Err(CopyError::NoPosition(text)),
            };
        }
        Err(CopyError::NoPosition(String::new()))
    }

    /// Runs a server on the copy for a moment, so that its binary log begins where the copy was taken.
    async fn begin_stream(&self, config: &Config) -> Result<Position, CopyError> {
        let noted = self.noted()?;
        let is_there =
            |name: &&str| fs::metadata(self.making.data().join(name)).is_ok_and(|file| file.len() > 0);
        let followed = FOLLOWED.iter().any(is_there);
        if followed {
            self.roll_back_prepared(config).await?;
        }
        let (log, mut lines) = mpsc::channel(64);
        let print = async move {
            while let Some(line) = lines.recv().await {
                tracing::debug!(line, "database on the copy");
            }
        };
        let begin = async {
            let server = Process::start_alone(&self.making, config, log).await?;
            let instance = Instance::new(&self.making);
            let begun = async {
                server.ready(&instance, START).await.map_err(Box::new)?;
                Ok::<_, CopyError>(instance.begin_copy(noted, followed).await?)
            };
            let begun = begun.await;
            let ended = server.stop(START).await;
            let begun = begun?;
            if ended.is_orderly() { Ok(begun) } else { Err(CopyError::Ended(ended)) }
        };
        tokio::join!(begin, print).0
    }

    /// Rolls back what was prepared and not committed: a replica that applies is not held up for the copy as clients are, and
    /// without its binary log a server does not know what to do with such transactions. They come again from the primary.
    ///
    /// The server does that and ends with a failure, whatever comes of it; the next start tells.
    async fn roll_back_prepared(&self, config: &Config) -> Result<(), CopyError> {
        let options = config.render(&self.making, Recovery::Keep, &program::user()?, true);
        files::write(&self.making.option_file(), &options)?;
        let mut command = Program::Server.command()?;
        command.arg(path_option("--defaults-file", &self.making.option_file()));
        command.arg("--tc-heuristic-recover=ROLLBACK");
        match timeout(START, Program::Server.run(command, None)).await {
            Ok(Ok(_) | Err(ProgramError::Failed { .. })) | Err(_) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
        }
    }
}
