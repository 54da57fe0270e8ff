//! Load beside the writer: sysbench's `oltp_write_only`, run as a real child process.
//!
//! The password is in a file that only its owner can read, which sysbench takes options from; it is on no command
//! line. sysbench takes the rest of a line as it is, without quotes, up to the first space, so that passwords with
//! others than ASCII letters, digits and a few signs are refused.
//!
//! sysbench ends when its connection breaks, in the best case with an error. With some client libraries (Connector/C of
//! MariaDB 10.11.14) it never ends, but connects anew a thousand times a second and gives each connection up. [`Load`] ends one
//! that does nothing for some seconds, starts it again, a moment later, until it is stopped, and counts how often.

mod output;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time;
use tokio_util::sync::CancellationToken;

pub use self::output::{Sample, Throughput};
use crate::target::Access;

const PROGRAM: &str = "sysbench";
/// From its end to its next start.
const PAUSE: Duration = Duration::from_millis(200);
/// One that has done nothing for so many seconds is started anew.
const IDLE: u32 = 3;
/// So many seconds of load are noted; more are run and not noted.
const MOST_SAMPLES: usize = 100_000;
/// Behind the end of a run, it must not take longer to say what it measured.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How much of what it says is repeated in an error.
const TAIL: usize = 600;

/// Which protocol sysbench speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `MariaDB`'s.
    Mysql,
    /// PostgreSQL's.
    Pgsql,
}

impl Driver {
    fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Pgsql => "pgsql",
        }
    }
}

/// How much load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Connections.
    pub threads: u32,
    /// Tables.
    pub tables: u32,
    /// Rows in each.
    pub rows: u32,
}

/// What sysbench could not do.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file with its options could not be written.
    #[error("cannot write the options of sysbench")]
    Options(#[source] io::Error),
    /// The value would be read as another.
    #[error("sysbench cannot take this {0}: it holds other than letters, digits and -._~+/=:@%")]
    Unspeakable(&'static str),
    /// It did not start, or could not be listened to.
    #[error("cannot run sysbench")]
    Run(#[source] io::Error),
    /// It ended with an error.
    #[error("sysbench {command} ended with {status}: {says}")]
    Ended {
        /// What it was to do.
        command: &'static str,
        /// How.
        status: ExitStatus,
        /// The end of what it said.
        says: String,
    },
    /// It did not end in time.
    #[error("sysbench {command} has not ended within {within:?}")]
    Late {
        /// What it was to do.
        command: &'static str,
        /// The deadline.
        within: Duration,
    },
    /// It said something else than expected.
    #[error("sysbench said nothing of its {0}")]
    Unread(&'static str),
    /// The task that keeps it running failed.
    #[error("the task of the load failed")]
    Failed(#[source] tokio::task::JoinError),
}

/// sysbench, set up for one database.
#[derive(Debug)]
pub struct Sysbench {
    options: NamedTempFile,
    size: Size,
}

impl Sysbench {
    /// Writes the file of options.
    pub fn new(driver: Driver, access: &Access, size: Size) -> Result<Self, LoadError> {
        let name = driver.name();
        let port = access.port.to_string();
        let values = [
            ("host", access.host.as_str()),
            ("port", port.as_str()),
            ("user", access.user.as_str()),
            ("password", access.password.expose()),
            ("db", access.database.as_str()),
        ];
        let mut text = format!("db-driver={name}\n");
        for (key, value) in values {
            if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=:@%".contains(&byte)) {
                return Err(LoadError::Unspeakable(key));
            }
            writeln!(text, "{name}-{key}={value}").expect("a string takes everything");
        }
        if driver == Driver::Mysql {
            text += "mysql-ignore-errors=all\n";
        }
        // A temporary file is for its owner only.
        let mut options = NamedTempFile::new().map_err(LoadError::Options)?;
        options.write_all(text.as_bytes()).map_err(LoadError::Options)?;
        Ok(Self { options, size })
    }

    /// Creates and fills the tables.
    pub async fn prepare(&self, within: Duration) -> Result<(), LoadError> {
        self.finish("prepare", &[], within).await.map(drop)
    }

    /// Runs for a time and returns what it measured.
    pub async fn measure(&self, time: Duration) -> Result<Throughput, LoadError> {
        let time_option = format!("--time={}", time.as_secs().max(1));
        let text = self.finish("run", &[&time_option], time + END_LIMIT).await?;
        Throughput::parse(&text)
    }

    /// Drops the tables.
    pub async fn cleanup(&self, within: Duration) -> Result<(), LoadError> {
        self.finish("cleanup", &[], within).await.map(drop)
    }

    /// Runs until it is stopped.
    pub fn start(self) -> Load {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(keep(self, stop.clone()));
        Load { stop, task }
    }

    fn command(&self, command: &str, options: &[&str]) -> Command {
        let mut sysbench = Command::new(PROGRAM);
        sysbench.arg(format!("--config-file={}", self.options.path().display()));
        sysbench.arg(format!("--threads={}", self.size.threads));
        sysbench.arg(format!("--tables={}", self.size.tables));
        sysbench.arg(format!("--table-size={}", self.size.rows));
        sysbench.args(options).args(["oltp_write_only", command]);
        sysbench.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        sysbench
    }

    async fn finish(
        &self,
        command: &'static str,
        options: &[&str],
        within: Duration,
    ) -> Result<String, LoadError> {
        let output = self.command(command, options).stderr(Stdio::piped()).output();
        let Ok(output) = time::timeout(within, output).await else {
            return Err(LoadError::Late { command, within });
        };
        let output = output.map_err(LoadError::Run)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let says = text + &String::from_utf8_lossy(&output.stderr);
        let tail = says.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
        Err(LoadError::Ended { command, status: output.status, says: says[tail..].trim().replace('\n', " ") })
    }
}

/// Load that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Load {
    stop: CancellationToken,
    task: JoinSet<Result<Kept, LoadError>>,
}

/// What was noted while load ran.
#[derive(Debug, Default)]
pub struct Kept {
    /// Each second in which it ran.
    pub samples: Vec<Sample>,
    /// How often it was started again.
    pub restarts: u64,
    /// What it was set up with, for [`Sysbench::cleanup`].
    pub sysbench: Option<Sysbench>,
}

impl Load {
    /// Ends it and returns what was noted.
    pub async fn stop(mut self) -> Result<Kept, LoadError> {
        self.stop.cancel();
        self.task.join_next().await.expect("it is joined only here").map_err(LoadError::Failed)?
    }
}

async fn keep(sysbench: Sysbench, stop: CancellationToken) -> Result<Kept, LoadError> {
    let began = Instant::now();
    let mut kept = Kept::default();
    loop {
        let mut command = sysbench.command("run", &["--time=0", "--report-interval=1"]);
        let mut child = command.stderr(Stdio::null()).spawn().map_err(LoadError::Run)?;
        let stdout = child.stdout.take().expect("it is piped");
        tokio::select! {
            () = stop.cancelled() => {}
            listened = listen(child_lines(stdout), began, &mut kept.samples) => listened.map_err(LoadError::Run)?,
        }
        end(child).await?;
        tokio::select! {
            () = stop.cancelled() => return Ok(Kept { sysbench: Some(sysbench), ..kept }),
            () = time::sleep(PAUSE) => kept.restarts += 1,
        }
    }
}

fn child_lines(stdout: ChildStdout) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(stdout).lines()
}

/// Notes what it does until it ends, or does nothing any more.
async fn listen(
    mut lines: Lines<BufReader<impl AsyncRead + Unpin>>,
    began: Instant,
    samples: &mut Vec<Sample>,
) -> io::Result<()> {
    let mut idle = 0;
    while let Some(line) = lines.next_line().await? {
        let Some(sample) = Sample::parse(&line, began.elapsed()) else { continue };
        idle = if sample.transactions > 0.0 { 0 } else { idle + 1 };
        samples.extend(Some(sample).filter(|_| samples.len() < MOST_SAMPLES));
        if idle >= IDLE {
            return Ok(());
        }
    }
    Ok(())
}

/// What it would still say is of no use, so it is killed.
async fn end(mut child: Child) -> Result<(), LoadError> {
    child.kill().await.map_err(LoadError::Run)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::target::Password;

    const SIZE: Size = Size { threads: 1, tables: 1, rows: 1 };

    fn access(password: &str) -> Access {
        Access {
            host: "127.0.0.1".to_owned(),
            port: 3306,
            user: "app".to_owned(),
            password: Password::new(password),
            database: "app".to_owned(),
        }
    }

    #[test]
    fn the_password_is_in_a_file_for_its_owner_alone() {
        let sysbench = Sysbench::new(Driver::Mysql, &access("s3cret"), SIZE).expect("it can be written");
        let command = format!("{:?}", sysbench.command("run", &[]).as_std());
        assert!(!command.contains("s3cret"), "{command}");
        let file = sysbench.options.path();
        assert!(std::fs::read_to_string(file).expect("readable").contains("mysql-password=s3cret\n"));
        let mode = std::fs::metadata(file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn what_sysbench_would_read_as_something_else_is_refused() {
        for bad in ["two words", "line\nfeed", "a#b", "\"quoted\""] {
            let error = Sysbench::new(Driver::Pgsql, &access(bad), SIZE).expect_err("it is refused");
            assert!(matches!(error, LoadError::Unspeakable("password")), "{error}");
        }
    }

    #[tokio::test]
    async fn what_does_nothing_any_more_is_not_listened_to() {
        let report = |rate: f64| {
            format!("[ 1s ] thds: 2 tps: {rate:.2} qps: 0.00 (r/w/o: 0/0/0) lat (ms,95%): 0.00\n")
        };
        let rates = [5.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 9.0];
        let text: String = rates.into_iter().map(report).collect();
        let mut samples = Vec::new();
        let lines = BufReader::new(text.as_bytes()).lines();
        listen(lines, Instant::now(), &mut samples).await.expect("readable");
        let rates: Vec<_> = samples.iter().map(|sample| sample.transactions).collect();
        assert_eq!(rates, [5.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0]);
    }
}
