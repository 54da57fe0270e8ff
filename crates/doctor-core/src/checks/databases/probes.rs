//! What the probes of a database ask.

use super::Database;
use crate::checks::shell::{self, Script};
use crate::facts::kube::template::{Container, Port, Probe};

/// Whom a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checks) enum Asks {
    /// The database: how, in words that follow "the probe".
    Database(String),
    /// A script of which it cannot be told.
    Script(String),
    /// Only whether a process is there, or somebody who watches the database.
    Others,
}

/// Programs that tell only whether a process or a file is there.
const HARMLESS: [&str; 14] = [
    "true", "cat", "test", "[", "ls", "stat", "pgrep", "pidof", "kill", "ps", "grep", "echo", "exit", "find",
];

/// Returns whom a probe of a database asks.
pub(in crate::checks) fn asks(container: &Container, database: Database, probe: &Probe) -> Asks {
    if let Some(exec) = &probe.exec {
        return runs(&exec.command, database);
    }
    if let Some(get) = &probe.http_get {
        // etcd answers these for itself alone, also while it has no leader.
        let is_local = get.path.contains("serializable=true") || get.path.starts_with("/livez");
        if database.engine.name == "etcd" && is_local {
            return Asks::Others;
        }
        return connects(container, database, &get.port, &format!("asks for {} at", get.path));
    }
    let socket = probe.tcp_socket.as_ref().or(probe.grpc.as_ref());
    socket.map_or(Asks::Others, |socket| connects(container, database, &socket.port, "connects to"))
}

/// Beside a manager only the ports of the database are its own; without one all of the container are.
fn connects(container: &Container, database: Database, port: &Port, how: &str) -> Asks {
    let number = match port {
        Port::Number(number) => Some(*number),
        Port::Name(name) => container.ports.iter().find(|port| port.name == *name).map(|port| port.number),
    };
    let is_own = number.is_some_and(|number| database.engine.ports.contains(&number));
    if !is_own && database.manager.is_some() {
        return Asks::Others;
    }
    match (port, number) {
        (_, Some(number)) => Asks::Database(format!("{how} port {number}")),
        (Port::Name(name), None) => Asks::Database(format!("{how} port {name}")),
        (Port::Number(number), None) => Asks::Database(format!("{how} port {number}")),
    }
}

/// Judges a command.
fn runs(line: &[String], database: Database) -> Asks {
    let commands: Vec<Vec<String>> = match shell::script_of(line) {
        Some((_, script)) => Script::read(script).commands().map(<[String]>::to_vec).collect(),
        None => vec![line.to_vec()],
    };
    let mut unknown = None;
    for command in &commands {
        let mut words = command.iter().map(|word| shell::base(word)).skip_while(|word| is_before(word));
        let Some(program) = words.next() else { continue };
        let all = database.engine.clients.iter().chain(database.engine.servers);
        if all.into_iter().any(|client| *client == program) {
            return Asks::Database(format!("runs {program}"));
        }
        if !HARMLESS.contains(&program) && database.manager.is_none() {
            unknown.get_or_insert(program);
        }
    }
    unknown.map_or(Asks::Others, |program| Asks::Script(program.to_owned()))
}

/// Returns whether what is run comes after this word.
fn is_before(word: &str) -> bool {
    const BEFORE: [&str; 16] = [
        "exec", "sh", "bash", "env", "timeout", "if", "then", "!", "while", "do", "{", "set", "local",
        "export", "gosu", "sudo",
    ];
    word.is_empty() || word.starts_with('-') || BEFORE.contains(&word) || word.parse::<f64>().is_ok()
}
