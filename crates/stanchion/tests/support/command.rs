//! Commands that are run to their end, and commands that go on until they have said enough.

use std::ffi::OsStr;
use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

use super::wait_for;

/// A command that has not ended by then hangs.
const LIMIT: Duration = Duration::from_secs(90);

/// How a command ended, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit code; nothing after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Returns what was said on stdout, and panics unless the command succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "the command failed: {self:?}");
        self.stdout
    }

    /// Returns what was said on stderr, and panics unless the command ended with `code`.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "the command ended otherwise: {self:?}");
        self.stderr
    }
}

/// The binary that is tested.
pub(crate) fn stanchion() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanchion"));
    clean(&mut command);
    command
}

/// etcd's command line, pointed at an endpoint.
pub(crate) fn etcdctl(endpoint: &str) -> Command {
    let mut command = Command::new("etcdctl");
    clean(&mut command);
    command.env("ETCDCTL_API", "3").arg(format!("--endpoints={endpoint}"));
    command
}

/// A program of the etcd project.
pub(crate) fn etcd() -> Command {
    let mut command = Command::new("etcd");
    clean(&mut command);
    command
}

/// The same on a disk that takes longer to flush: strace holds each flush up. It is not above the program, so that ending
/// the process ends etcd.
pub(crate) fn etcd_on_slow_disk(delay: Duration) -> Command {
    let mut command = Command::new("strace");
    clean(&mut command);
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e"]);
    command.arg(format!("inject=fdatasync,fsync:delay_exit={}", delay.as_micros())).arg("etcd");
    command
}

/// What the environment says of some other store must not reach the test's.
fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true).stdin(Stdio::null());
}

/// Starts a command; a missing program says where it comes from.
pub(crate) fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| {
        let program = command.as_std().get_program().display().to_string();
        panic!("cannot start {program}: {error}; `./test` provides what tests start")
    })
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Outcome {
    run_with("", command).await
}

/// Runs a command to its end, with `input` on its stdin.
pub(crate) async fn run_with(input: &str, command: &mut Command) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A command that ends without reading leaves a broken pipe.
    drop(stdin.write_all(input.as_bytes()).await);
    drop(stdin);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} hangs")).expect("a child can be waited for");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs etcdctl with words, of which quoted ones may hold blanks.
pub(crate) async fn ctl(endpoint: &str, words: &str) -> Outcome {
    run(etcdctl(endpoint).args(split(words))).await
}

/// Splits at blanks, except within single quotes.
pub(crate) fn split(words: &str) -> Vec<String> {
    let mut split = Vec::new();
    for (part, text) in words.split('\'').enumerate() {
        if part % 2 == 1 {
            split.push(text.to_owned());
        } else {
            split.extend(text.split_whitespace().map(str::to_owned));
        }
    }
    split
}

/// A command that goes on: what it says is kept in files.
#[derive(Debug)]
pub(crate) struct Session {
    name: String,
    child: Child,
    stdin: ChildStdin,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
}

impl Session {
    /// Starts a command.
    pub(crate) fn start(mut command: Command) -> Self {
        let (stdout, stderr) = (temporary(), temporary());
        let name = format!("{:?}", command.as_std());
        command.stdin(Stdio::piped()).stdout(reopen(&stdout)).stderr(reopen(&stderr));
        let mut child = spawn(&mut command);
        let stdin = child.stdin.take().expect("stdin is piped");
        Self { name, child, stdin, stdout, stderr }
    }

    /// Starts etcdctl with words as [`ctl`] has them.
    pub(crate) fn ctl(endpoint: &str, words: &str) -> Self {
        let mut command = etcdctl(endpoint);
        command.args(split(words));
        Self::start(command)
    }

    /// Types a line.
    pub(crate) async fn type_in(&mut self, line: &str) {
        let typed = self.stdin.write_all(format!("{line}\n").as_bytes()).await;
        typed.unwrap_or_else(|error| panic!("{} takes no input: {error}", self.name));
    }

    /// Waits until stdout holds `text`, which has to come, and returns all of stdout.
    pub(crate) async fn says(&mut self, text: impl AsRef<str>) -> String {
        let (text, name) = (text.as_ref(), self.name.clone());
        let what = format!("{name} does not say {text:?}");
        wait_for(&what, async || {
            let said = self.stdout();
            if said.contains(text) {
                return Some(said);
            }
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "{name} ended without saying {text:?}: {said:?} {:?}", self.stderr());
            None
        })
        .await
    }

    /// Waits until the command ends by itself.
    pub(crate) async fn end(mut self) -> Outcome {
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{} does not end: {:?}", self.name, self.stdout()));
        let code = ended.expect("a child can be waited for").code();
        Outcome { code, stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Sends Ctrl-C and waits for the end.
    pub(crate) async fn interrupt(self) -> Outcome {
        signal(&self.child, "INT").await;
        self.end().await
    }

    /// Returns what was said on stdout so far.
    pub(crate) fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// Returns what was said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        read(&self.stderr)
    }
}

/// Sends a signal to a child that was not yet waited for.
pub(crate) async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("the child was not waited for");
    run(Command::new("kill").args([OsStr::new(&format!("-{name}")), OsStr::new(&pid.to_string())]))
        .await
        .done();
}

pub(crate) fn temporary() -> NamedTempFile {
    NamedTempFile::new().expect("a temporary file can be made")
}

pub(crate) fn reopen(file: &NamedTempFile) -> File {
    file.reopen().expect("a temporary file can be opened again")
}

pub(crate) fn read(file: &NamedTempFile) -> String {
    String::from_utf8_lossy(&std::fs::read(file.path()).expect("a temporary file can be read")).into_owned()
}
