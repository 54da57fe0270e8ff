//! The same commands against etcd and against the store: what they say is compared.
//!
//! Replaced before comparing is only what must differ between two servers of one kind:
//! - the endpoint's address;
//! - ids of clusters, members and leases that a server chose: hexadecimal words of 12 digits or more (ids that a test
//!   chose begin with zeros, and stay), numbers from 2^52 on;
//! - raft's term and index, the version, the sizes of the database;
//! - times of day, durations, and what remains of a lease.
//!
//! Left out because the store differs on purpose:
//! - the header of a cancelled watch: the store's tells the newest revision, etcd's tells none.

use serde_json::Value;
use tempfile::TempDir;

use super::command::{self, Outcome, Session, etcdctl, run_with, split};
use super::etcd::Etcd;
use super::server::{Server, folder};

/// The formats of etcdctl that transcripts are compared in.
pub(crate) const FORMATS: [&str; 2] = ["simple", "json"];

/// Fields whose values belong to one server; `version` only where it is a program's and not a key's.
const OWN_FIELDS: [&str; 8] =
    ["raft_term", "raftTerm", "raftIndex", "raftAppliedIndex", "dbSize", "dbSizeInUse", "took", "version"];

/// An etcd and a store with the same history.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) etcd: Etcd,
    pub(crate) ours: Server,
    /// The format that etcdctl is asked for.
    format: &'static str,
    /// Removed after the server has ended.
    data_dir: TempDir,
}

impl Pair {
    /// Starts both, empty.
    pub(crate) async fn start() -> Self {
        let data_dir = folder();
        let (etcd, ours) = tokio::join!(Etcd::start(), Server::start(data_dir.path(), &[]));
        Self { etcd, ours, format: FORMATS[0], data_dir }
    }

    /// Asks etcdctl for another format from now on.
    pub(crate) fn write_out(&mut self, format: &'static str) {
        self.format = format;
    }

    /// Returns the addresses, etcd's first.
    pub(crate) fn endpoints(&self) -> [&str; 2] {
        [self.etcd.endpoint(), self.ours.endpoint()]
    }

    /// Runs etcdctl with the same words against both; returns what both said, which is the same.
    pub(crate) async fn run(&self, words: &str) -> Outcome {
        self.run_with("", words).await
    }

    /// As [`Pair::run`], with `input` on stdin.
    pub(crate) async fn run_with(&self, input: &str, words: &str) -> Outcome {
        let [etcd, ours] = self.endpoints();
        let run = async |endpoint: &str| {
            let mut command = etcdctl(endpoint);
            let said = run_with(input, command.args(["-w", self.format]).args(split(words))).await;
            normal(said, endpoint)
        };
        let (etcd, ours) = tokio::join!(run(etcd), run(ours));
        same(words, &etcd, &ours);
        etcd
    }

    /// Runs a command that both carry out; returns what both said on stdout.
    pub(crate) async fn done(&self, words: &str) -> String {
        self.run(words).await.done()
    }

    /// Runs a command that both refuse with `error`.
    pub(crate) async fn refused(&self, words: &str, error: &str) {
        refused_with(words, &self.run(words).await, error);
    }

    /// Runs a command that goes on, such as a watch, until both have said `last`; compares what they said before.
    pub(crate) async fn until(&self, last: &str, words: &str) -> String {
        let mut talks = self.talks(words);
        talks.both_say(last).await
    }

    /// Starts a command that goes on against both.
    pub(crate) fn talks(&self, words: &str) -> Talks {
        let endpoints = self.endpoints().map(str::to_owned);
        let format = self.format;
        let [etcd, ours] =
            self.endpoints().map(|endpoint| Session::ctl(endpoint, &format!("-w {format} {words}")));
        Talks { words: words.to_owned(), endpoints, etcd, ours }
    }
}

/// Panics unless the command was refused with `error`.
#[track_caller]
pub(crate) fn refused_with(words: &str, outcome: &Outcome, error: &str) {
    assert_ne!(outcome.code, Some(0), "{words} was not refused");
    assert!(outcome.stderr.contains(error), "{words} was refused with {:?}, not {error:?}", outcome.stderr);
}

/// The same command that goes on, against both.
#[derive(Debug)]
pub(crate) struct Talks {
    words: String,
    endpoints: [String; 2],
    etcd: Session,
    ours: Session,
}

impl Talks {
    /// Types a line to both.
    pub(crate) async fn type_in(&mut self, line: &str) {
        self.etcd.type_in(line).await;
        self.ours.type_in(line).await;
    }

    /// Returns what each said on stdout so far, etcd first.
    pub(crate) fn said(&self) -> [String; 2] {
        [self.etcd.stdout(), self.ours.stdout()]
    }

    /// Waits until each has said `text`, and does not compare what else they said.
    pub(crate) async fn each_says(&mut self, text: &str) {
        self.etcd.says(text).await;
        self.ours.says(text).await;
    }

    /// Waits until both have said `last`, compares all they said, and returns it.
    pub(crate) async fn both_say(&mut self, last: &str) -> String {
        let (etcd, ours) = (self.etcd.says(last).await, self.ours.says(last).await);
        let said = [etcd, ours].map(|stdout| Outcome { code: None, stdout, stderr: String::new() });
        self.compare(said).stdout
    }

    /// Interrupts both, compares how they end, and returns it.
    pub(crate) async fn interrupt(self) -> Outcome {
        let Self { words, endpoints, etcd, ours } = self;
        let [etcd, ours] = [etcd.interrupt().await, ours.interrupt().await];
        compare(&words, &endpoints, [etcd, ours])
    }

    /// Waits until both end, compares how, and returns it.
    pub(crate) async fn end(self) -> Outcome {
        let Self { words, endpoints, etcd, ours } = self;
        let [etcd, ours] = [etcd.end().await, ours.end().await];
        compare(&words, &endpoints, [etcd, ours])
    }

    fn compare(&self, said: [Outcome; 2]) -> Outcome {
        compare(&self.words, &self.endpoints, said)
    }
}

fn compare(words: &str, endpoints: &[String; 2], [etcd, ours]: [Outcome; 2]) -> Outcome {
    let (etcd, ours) = (normal(etcd, &endpoints[0]), normal(ours, &endpoints[1]));
    same(words, &etcd, &ours);
    etcd
}

fn same(words: &str, etcd: &Outcome, ours: &Outcome) {
    assert!(
        etcd == ours,
        "`etcdctl {words}` differs.\n--- etcd: exit {:?}\n{}{}--- ours: exit {:?}\n{}{}",
        etcd.code,
        etcd.stdout,
        etcd.stderr,
        ours.code,
        ours.stdout,
        ours.stderr
    );
}

fn normal(said: Outcome, endpoint: &str) -> Outcome {
    let Outcome { code, stdout, stderr } = said;
    Outcome { code, stdout: normal_text(&stdout, endpoint), stderr: normal_text(&stderr, endpoint) }
}

fn normal_text(text: &str, endpoint: &str) -> String {
    let line = |line: &str| {
        let line = line.replace(endpoint, "<endpoint>");
        match serde_json::from_str::<Value>(&line) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => normal_json(value).to_string(),
            _ => normal_line(&line),
        }
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// Of a line of etcdctl's log only the message and the error count.
fn normal_json(value: Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("caller") => {
            let said = fields.into_iter().filter(|(name, _)| ["msg", "error"].contains(&name.as_str()));
            Value::Object(said.collect())
        }
        Value::Object(fields) => {
            let cancelled = fields.get("Canceled") == Some(&Value::Bool(true));
            let fields = fields.into_iter().filter(|(name, _)| !(cancelled && name == "Header"));
            let own = |name: &str, value: &Value| {
                OWN_FIELDS.contains(&name) && (name != "version" || value.is_string())
                    || name == "ttl" && value.as_i64().is_some_and(|ttl| ttl > 0)
            };
            let normal = fields.map(|(name, value)| {
                let value = if own(&name, &value) { Value::from("<own>") } else { normal_json(value) };
                (name, value)
            });
            Value::Object(normal.collect())
        }
        Value::Array(values) => values.into_iter().map(normal_json).collect(),
        Value::Number(number) if number.as_u64().is_some_and(|number| number >= 1 << 52) => "<id>".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn normal_line(line: &str) -> String {
    // What comes after these words belongs to one server.
    let own = ["took = ", "\"RaftTerm\" : ", "remaining("];
    let cut = own.iter().find_map(|word| line.split_once(word).map(|(before, rest)| (before, word, rest)));
    let line = match cut {
        Some((before, word, rest)) => {
            format!("{before}{word}<own>{}", rest.trim_start_matches(|part: char| part != ')' && part != ','))
        }
        None => line.to_owned(),
    };
    let mut normal = String::new();
    for word in line.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let (digits, rest) = match word.char_indices().last() {
            Some((at, last)) if !last.is_ascii_alphanumeric() => word.split_at(at),
            _ => (word, ""),
        };
        let id = digits.len() >= 12
            && !digits.starts_with("0000")
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        normal.push_str(if id { "<id>" } else { digits });
        normal.push_str(rest);
    }
    normal
}

/// Grants a lease with an id of the test's choice on both.
pub(crate) async fn grant(pair: &Pair, id: i64, ttl: i64) {
    use stanchion_etcd_api::etcdserverpb::LeaseGrantRequest;
    use stanchion_etcd_api::etcdserverpb::lease_client::LeaseClient;
    for endpoint in pair.endpoints() {
        let mut client = LeaseClient::new(super::server::channel(endpoint).await);
        let granted = client.lease_grant(LeaseGrantRequest { ttl, id }).await;
        granted.unwrap_or_else(|refused| panic!("{endpoint} grants no lease {id:x}: {refused}"));
    }
}

/// Runs etcdctl with the same words against both without comparing, for what is random.
pub(crate) async fn both(pair: &Pair, words: &str) -> [Outcome; 2] {
    let [etcd, ours] = pair.endpoints();
    let (etcd, ours) = tokio::join!(command::ctl(etcd, words), command::ctl(ours, words));
    [etcd, ours]
}
