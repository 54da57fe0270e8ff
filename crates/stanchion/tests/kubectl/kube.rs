//! kubectl with a cluster of its own, and transcripts that it has to follow.
//!
//! A transcript is text. What begins a line says what the line is:
//! - `$ words`: a command of kubectl, quoted as in a shell with single quotes; `<<` at the end takes the lines up to
//!   `EOF` as its input;
//! - `% file NAME`: the lines up to `EOF` are written to that file, which may be run;
//! - `% env NAME=value`: a variable of the environment from here on; `<dir>` is where the files are;
//! - `% # text`: a remark;
//! - `! text`: a line on stderr; `= code`: the exit code, 0 if nothing is said;
//! - everything else: a line on stdout.
//!
//! Replaced before comparing is what differs from run to run, see [`Normal`]. In the transcript `<*>` stands for any
//! text within a line, and a line `...` for any lines.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use regex::Regex;
use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::support::cluster::Cluster;
use crate::support::command::{Outcome, run_with, temporary};
use crate::support::etcd::Etcd;

/// Names another kubectl than the one of the machine.
const CHOICE: &str = "STANCHION_KUBECTL";
/// `etcd` keeps the clusters in a real etcd instead of stores of their own.
const OVER: &str = "STANCHION_KUBECTL_OVER";
/// The oldest that is supported.
const OLDEST: u32 = 30;
/// Tokens of users who are nobody in particular.
const TOKENS: &str = "joe-token,joe,joe-uid,\"devs\"\nann-token,ann,ann-uid\n";

/// kubectl as the admin of an empty cluster.
#[derive(Debug)]
pub(crate) struct Kube {
    cluster: Cluster,
    program: PathBuf,
    environment: Vec<(String, String)>,
    /// What lasts as long as the cluster: tokens, which the server reads now and then, and its etcd if it has one.
    _lasting: (NamedTempFile, Option<Etcd>),
}

impl Kube {
    /// Starts a cluster, with `namespace` in it as the one that commands are about.
    pub(crate) async fn start(namespace: &str) -> Self {
        let tokens = temporary();
        std::fs::write(tokens.path(), TOKENS).expect("a temporary file can be written");
        let file = tokens.path().display().to_string();
        let arguments = ["--token-auth-file", file.as_str()];
        let etcd = if std::env::var(OVER).is_ok_and(|over| over == "etcd") {
            Some(Etcd::start().await)
        } else {
            None
        };
        let cluster = match &etcd {
            Some(etcd) => Cluster::start_on(etcd, &arguments).await,
            None => Cluster::start_with(&arguments).await,
        };
        let program = program().await;
        let kube = Self { cluster, program, environment: Vec::new(), _lasting: (tokens, etcd) };
        kube.run(&format!("create namespace {namespace}")).await.done();
        kube.run(&format!("config set-context --current --namespace={namespace}")).await.done();
        kube
    }

    /// Makes a command of kubectl, with nothing of this machine's user in it.
    pub(crate) fn command(&self, words: &str) -> Command {
        let folder = self.cluster.folder();
        let mut command = clean(&self.program, folder);
        command.env("KUBECONFIG", self.cluster.kubeconfig()).envs(self.environment.iter().cloned());
        command.arg("--cache-dir").arg(folder.join("cache")).args(split(words));
        command
    }

    /// Runs kubectl to its end.
    pub(crate) async fn run(&self, words: &str) -> Outcome {
        self.run_with("", words).await
    }

    /// As [`Kube::run`], with `input` on stdin.
    pub(crate) async fn run_with(&self, input: &str, words: &str) -> Outcome {
        run_with(input, &mut self.command(words)).await
    }

    /// Returns where the cluster is.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Goes through a transcript; panics with all that is different at the end.
    pub(crate) async fn follow(&mut self, transcript: &str) {
        let normal = Normal::new(&self.cluster, &self.program);
        let mut lines = transcript.lines().peekable();
        let mut differences = String::new();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("% file ") {
                let text = take_block(&mut lines);
                write_script(&self.cluster.folder().join(name), &text);
            } else if let Some(variable) = line.strip_prefix("% env ") {
                let (name, value) = variable.split_once('=').expect("a variable has a value");
                let value = value.replace("<dir>", &self.cluster.folder().display().to_string());
                self.environment.push((name.to_owned(), value));
            } else if let Some(words) = line.strip_prefix("$ ") {
                let (words, input) = match words.strip_suffix(" <<") {
                    Some(words) => (words, take_block(&mut lines)),
                    None => (words, String::new()),
                };
                let mut expected = Vec::new();
                while let Some(line) = lines.next_if(|line| !is_next(line)) {
                    expected.push(line);
                }
                while expected.last().is_some_and(|line| line.is_empty()) {
                    expected.pop();
                }
                let said = normal.outcome(&self.run_with(&input, words).await);
                if !fits(&expected, &said) {
                    let (expected, said) = (expected.join("\n"), said.join("\n"));
                    let parts = ["$ ", words, "\n", &said, "\n--- expected was\n", &expected, "\n\n"];
                    differences.push_str(&parts.concat());
                }
            }
        }
        assert!(differences.is_empty(), "kubectl says otherwise:\n{differences}{}", self.cluster.log());
    }
}

/// Finds kubectl, and says once which it is.
async fn program() -> PathBuf {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    FOUND.get_or_init(find).await.clone()
}

async fn find() -> PathBuf {
    let places = if let Some(chosen) = std::env::var_os(CHOICE) {
        vec![PathBuf::from(chosen)]
    } else {
        let target = Path::new(env!("CARGO_BIN_EXE_stanchion")).ancestors().nth(2);
        let peers = target.expect("the binary is in target/debug").join("peers");
        let unpacked = ["usr/bin/kubectl", "bin/kubectl", "kubectl"].map(|place| peers.join(place));
        [PathBuf::from("kubectl")].into_iter().chain(unpacked).collect()
    };
    for place in places {
        if let Some(minor) = version(&place).await.filter(|minor| *minor >= OLDEST) {
            println!("kubectl: {} 1.{minor}", place.display());
            return place;
        }
    }
    panic!("there is no kubectl of 1.{OLDEST} or later; install one, or name one with {CHOICE}");
}

/// Returns the minor version of a kubectl.
async fn version(program: &Path) -> Option<u32> {
    let folder = crate::support::server::folder();
    let mut command = clean(program, folder.path());
    // The program may not be there: that is an answer here.
    let found = command.args(["version", "--client", "-o", "json"]).output().await.ok()?;
    let version: serde_json::Value = serde_json::from_slice(&found.stdout).ok()?;
    let minor = version["clientVersion"]["minor"].as_str()?;
    minor.trim_end_matches(|character: char| !character.is_ascii_digit()).parse().ok()
}

fn clean(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true).stdin(Stdio::null()).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name != "PATH" {
            command.env_remove(name);
        }
    }
    command.env("HOME", folder).env("TMPDIR", folder).env("TZ", "UTC");
    command
}

/// Splits at blanks, except within single quotes.
fn split(words: &str) -> Vec<String> {
    let (mut split, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for character in words.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => split.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    split.extend(word);
    split
}

fn is_next(line: &str) -> bool {
    line.starts_with("$ ") || line.starts_with("% ")
}

fn take_block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    lines.take_while(|line| *line != "EOF").flat_map(|line| [line, "\n"]).collect()
}

fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let written = std::fs::write(path, text)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)));
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// Replaces what differs from run to run.
#[derive(Debug)]
struct Normal {
    words: Vec<(String, &'static str)>,
}

impl Normal {
    fn new(cluster: &Cluster, program: &Path) -> Self {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let words = [
            (cluster.url().to_owned(), "<url>"),
            (cluster.url().trim_start_matches("https://").to_owned(), "<address>"),
            (cluster.folder().display().to_string(), "<dir>"),
            (name, "kubectl"),
        ];
        Self { words: words.into_iter().filter(|(word, with)| word != with && !word.is_empty()).collect() }
    }

    /// Lays out what a command said as a transcript does.
    fn outcome(&self, outcome: &Outcome) -> Vec<String> {
        let mut lines: Vec<String> = outcome.stdout.lines().map(|line| self.line(line)).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.extend(
            outcome.stderr.lines().map(|line| format!("! {}", self.line(line)).trim_end().to_owned()),
        );
        match outcome.code {
            Some(0) => {}
            Some(code) => lines.push(format!("= {code}")),
            None => lines.push("= signal".to_owned()),
        }
        lines
    }

    fn line(&self, line: &str) -> String {
        let mut line = line.trim_end().to_owned();
        for (word, with) in &self.words {
            line = line.replace(word, with);
        }
        for (pattern, with) in PATTERNS.iter() {
            line = pattern.replace_all(&line, *with).into_owned();
        }
        line
    }
}

/// In this order.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        // Colours.
        (r"\x1b\[[0-9;]*m", ""),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uid>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "<time>"),
        (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "<time>"),
        (r#"((?i)"?resource ?version"?: *)"?\d+"?"#, "${1}<n>"),
        // Of kubectl 1.34 and later.
        (r"(deleted) from \S+ namespace$", "$1"),
        (r"kube-api-access-[a-z0-9]{5}", "kube-api-access-<id>"),
        (r"\b10\.96\.\d+\.\d+\b", "<ip>"),
        (r"(LIVE|MERGED)-\d+", "$1"),
        // Lines of kubectl's log.
        (r"^[EIW]\d{4} \S+ +\d+ \S+\] ", "<log> "),
        (r"(\S)  +", "${1}   "),
        (r"( )\d+(m\d*)?s( |$)", "${1}<age>${3}"),
    ];
    let compile = |(pattern, with)| (Regex::new(pattern).expect("the pattern is valid"), with);
    patterns.into_iter().map(compile).collect()
});

/// Returns whether lines are as expected.
fn fits(expected: &[&str], said: &[String]) -> bool {
    match (expected.split_first(), said.split_first()) {
        (None, None) => true,
        (Some((&"...", rest)), _) => (0..=said.len()).any(|skipped| fits(rest, &said[skipped..])),
        (Some((line, expected)), Some((found, said))) => fits_line(line, found) && fits(expected, said),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn fits_line(expected: &str, found: &str) -> bool {
    let Some((before, after)) = expected.split_once("<*>") else { return expected == found };
    let Some(found) = found.strip_prefix(before) else { return false };
    let starts = found.char_indices().map(|(at, _)| at).chain([found.len()]);
    starts.into_iter().any(|at| fits_line(after, &found[at..]))
}

#[test]
fn transcripts_are_compared_line_by_line() {
    let said = ["a b", "c"].map(str::to_owned);
    for fitting in [&["a b", "c"][..], &["a<*>", "c"], &["...", "c"], &["a b", "..."], &["a<*>b", "<*>c<*>"]]
    {
        assert!(fits(fitting, &said), "{fitting:?}");
    }
    for other in [&["a b"][..], &["a b", "c", "d"], &["...", "d"], &["b<*>", "c"], &["a<*>c", "c"]] {
        assert!(!fits(other, &said), "{other:?}");
    }
    assert_eq!(split("a 'b c'd --e='f g'"), ["a", "b cd", "--e=f g"]);
}
