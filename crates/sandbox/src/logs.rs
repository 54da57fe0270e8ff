//! Reading a container's log: over rotated files, from a time or the last lines on, following what is written.
//!
//! A reader holds the file that it reads open, so a rotation never takes anything from under it: at the end of a
//! file it looks for the next newer one. Following looks for more every 100 ms: inotify would cost one of the few
//! instances a user has for each reader.

mod files;
mod lines;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};

use self::files::{Chunk, Files};
use self::lines::Format;

const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

/// Which part of a log is wanted, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Goes on with what is written later, until the container has ended.
    pub follow: bool,
    /// Leaves out what is older.
    pub since: Option<SystemTime>,
    /// Starts with the last lines of the files, as many as this.
    pub tail: Option<u64>,
    /// Puts the time before each line.
    pub timestamps: bool,
    /// Ends after this many bytes.
    pub limit_bytes: Option<u64>,
}

/// Returns the path of the file that was closed `number` rotations ago.
pub(crate) fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// What the stream needs between two items.
struct Reading<F> {
    path: PathBuf,
    /// Nothing before the first item.
    reader: Option<Reader>,
    options: LogOptions,
    /// Nothing once it has happened.
    ended: Option<Pin<Box<F>>>,
    done: bool,
}

struct Reader {
    files: Files,
    format: Format,
}

/// Reads the log at `path`. `ended` is over once the container has; what it wrote before is read to the end.
///
/// A log that is not there is an error of kind `NotFound`.
pub fn read(
    path: PathBuf,
    options: LogOptions,
    ended: impl Future<Output = ()>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let reading = Reading { path, reader: None, options, ended: Some(Box::pin(ended)), done: false };
    unfold(reading, |mut reading| async move {
        if reading.done {
            return None;
        }
        match next(&mut reading).await {
            Ok(Some(bytes)) => Some((Ok(bytes), reading)),
            Ok(None) => None,
            Err(error) => {
                reading.done = true;
                Some((Err(error), reading))
            }
        }
    })
}

async fn next<F: Future<Output = ()>>(reading: &mut Reading<F>) -> io::Result<Option<Bytes>> {
    loop {
        let over = reading.ended.is_none() || !reading.options.follow;
        let (reader, step) = step(reading.reader.take(), &reading.path, &reading.options).await?;
        reading.done = reader.format.is_full();
        reading.reader = Some(reader);
        match step {
            Step::Output(bytes) => return Ok(Some(bytes)),
            Step::Nothing if !reading.done => {}
            Step::AtEnd if !reading.done && !over => wait(reading).await,
            Step::Nothing | Step::AtEnd => return Ok(None),
        }
    }
}

/// Waits for more or for the end, after which there is one more look.
async fn wait<F: Future<Output = ()>>(reading: &mut Reading<F>) {
    if let Some(ended) = &mut reading.ended
        && tokio::time::timeout(FOLLOW_INTERVAL, ended.as_mut()).await.is_ok()
    {
        reading.ended = None;
    }
}

enum Step {
    Output(Bytes),
    /// Read something that is not wanted.
    Nothing,
    AtEnd,
}

/// Reads one piece, off the runtime's threads.
async fn step(reader: Option<Reader>, path: &Path, options: &LogOptions) -> io::Result<(Reader, Step)> {
    let (path, options) = (path.to_owned(), options.clone());
    let work = move || {
        let mut reader = match reader {
            Some(reader) => reader,
            None => Reader { files: Files::open(&path, options.tail)?, format: Format::new(&options) },
        };
        let mut output = Vec::new();
        let step = match reader.files.read()? {
            Chunk::Bytes(bytes) => {
                reader.format.push(bytes, &mut output);
                if output.is_empty() { Step::Nothing } else { Step::Output(output.into()) }
            }
            Chunk::NextFile => {
                reader.format.forget_partial();
                Step::Nothing
            }
            Chunk::End => Step::AtEnd,
        };
        Ok((reader, step))
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
