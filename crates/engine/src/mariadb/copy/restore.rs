//! A data directory made from a copy.

use std::fs;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use stanchion_ha_core::Position;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
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

/// A copy of which nothing comes for so long is given up. A source that works is never silent for longer than its last step
/// may be held up, which is seconds, and than a disk takes that is slow; one that is frozen says nothing for ever.
const SILENCE: Duration = Duration::from_mins(1);
/// So much is taken at once.
const PIECE: usize = 256 * 1024;

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
            let Some(stdin) = stdin else { return Ok(0) };
            pour(stream, stdin, SILENCE).await
        };
        let (written, output) = tokio::join!(write, child.wait_with_output());
        let output = output.map_err(|source| ProgramError::Pipe { name, source })?;
        match written {
            // What ends early cannot be unpacked, and that is not why.
            Err(Poured::Source(error)) => Err(error),
            _ if !output.status.success() => {
                let said = end_of(&output.stderr);
                Err(ProgramError::Failed { name, status: output.status, said }.into())
            }
            Err(Poured::Sink(source)) => Err(ProgramError::Pipe { name, source }.into()),
            Ok(length) => Ok(length),
        }
    }

    /// Makes what was received a data directory, puts it in place of the one there is, and returns where it was taken. No
    /// server may run on the old one. `held` is what its source held when it was asked for the copy; one that holds less is
    /// refused.
    ///
    /// A crash leaves the old one or the new one.
    pub async fn install(self, config: &Config, held: Position) -> Result<Position, CopyError> {
        let mut command = Program::Backup.command()?;
        command.args(["--no-defaults", "--prepare"]);
        command.arg(path_option("--target-dir", &self.making.data()));
        command.arg(path_option("--tmpdir", &self.making.temporary()));
        Program::Backup.run(command, None).await?;
        let at = self.begin_stream(config).await?;
        if !at.reaches(held) {
            return Err(CopyError::Behind { at, held });
        }
        let layout = self.layout;
        tokio::task::spawn_blocking(move || files::replace(&layout)).await??;
        Ok(at)
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

/// Which side of a stream failed.
#[derive(Debug)]
enum Poured {
    Source(CopyError),
    Sink(io::Error),
}

/// Writes all of a stream, of which something has to come every so often.
async fn pour(
    stream: &mut (impl AsyncRead + Unpin),
    mut sink: impl AsyncWrite + Unpin,
    silence: Duration,
) -> Result<u64, Poured> {
    let (mut total, mut buffer) = (0, Vec::with_capacity(PIECE));
    loop {
        buffer.clear();
        let read = timeout(silence, stream.read_buf(&mut buffer)).await;
        let read = read.map_err(|_| Poured::Source(CopyError::Silent { after: silence }))?;
        match read.map_err(|error| Poured::Source(CopyError::Stream(error)))? {
            0 => break,
            count => total += count as u64,
        }
        sink.write_all(&buffer).await.map_err(Poured::Sink)?;
    }
    sink.shutdown().await.map_err(Poured::Sink)?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_says_nothing_is_given_up() {
        let (mut far, mut near) = tokio::io::duplex(64);
        far.write_all(b"something").await.expect("there is room");
        let mut sink = Vec::new();
        let poured = pour(&mut near, &mut sink, Duration::from_millis(20)).await;
        assert!(matches!(poured, Err(Poured::Source(CopyError::Silent { .. }))), "{poured:?}");
        assert_eq!(sink, b"something");
        drop(far);
        assert!(matches!(pour(&mut near, &mut sink, SILENCE).await, Ok(0)), "its end is its end");
    }
}
