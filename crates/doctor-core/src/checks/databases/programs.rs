//! Databases by what is started.

use super::engines::{ALL, Engine};
use super::images::{has, words};
use crate::checks::shell::{self, Script};
use crate::facts::kube::template::Container;

/// What a container starts.
#[derive(Debug)]
pub(super) enum Program {
    /// The server of a database.
    Server(&'static Engine),
    /// A manager that starts a database.
    Manager(&'static str),
    /// What the image starts, perhaps through a script of it.
    OfImage,
    /// A script that is called after a database.
    Named(&'static Engine),
    /// Something else.
    Other,
}

/// Programs that start what follows them, and words of shells in front of a command.
const BEFORE: [&str; 22] = [
    "!",
    "catatonit",
    "do",
    "dumb-init",
    "elif",
    "else",
    "env",
    "exec",
    "gosu",
    "if",
    "nice",
    "nohup",
    "numactl",
    "setpriv",
    "su-exec",
    "then",
    "time",
    "tini",
    "until",
    "while",
    "{",
    "--",
];
/// Words of scripts by which images start, and of what those are told to do.
const STARTS: [&str; 7] = ["entrypoint", "run", "start", "init", "server", "console", "eswrapper"];
/// Words of programs that do something about a database.
const ABOUT: [&str; 22] = [
    "admin", "agent", "backup", "bridge", "check", "client", "cli", "connect", "ctl", "dump", "exporter",
    "import", "maker", "migrate", "mirror", "operator", "proxy", "restore", "router", "sentinel", "ui",
    "watch",
];
/// Programs that serve only if they are told to.
const TOLD_TO_START: [&str; 2] = ["cockroach", "redpanda"];
/// Shells within shells are looked into so far.
const DEEPEST: usize = 3;
/// What the server of a database that runs in a Java machine is called there.
const CLASSES: [(&str, &str); 4] = [
    ("org.apache.cassandra.service.CassandraDaemon", "Cassandra"),
    ("kafka.Kafka", "Kafka"),
    ("org.elasticsearch.", "Elasticsearch"),
    ("org.opensearch.", "OpenSearch"),
];

/// Returns what a container starts.
pub(super) fn of(container: &Container) -> Program {
    let Container { command, args, .. } = container;
    match (command.is_empty(), args.is_empty()) {
        (true, _) => of_line(args, true, DEEPEST),
        (false, true) => of_line(command, false, DEEPEST),
        (false, false) => of_line(&[command.as_slice(), args].concat(), false, DEEPEST),
    }
}

/// Returns what a command line starts, or what the entrypoint of an image makes of its arguments: usually that is the
/// program that is named first, or the image's own with options.
fn of_line(line: &[String], mut is_of_image: bool, deepest: usize) -> Program {
    let mut words = line;
    loop {
        if let Some((_, script)) = shell::script_of(words) {
            return if deepest == 0 { Program::Other } else { of_script(script, deepest - 1) };
        }
        let Some((first, rest)) = words.split_first() else {
            return if is_of_image { Program::OfImage } else { Program::Other };
        };
        let name = shell::base(first);
        if is_of_image && first.starts_with('-') {
            return judge_options(words).unwrap_or(Program::OfImage);
        }
        let is_shell = matches!(name, "sh" | "bash" | "dash" | "ash") && !rest.is_empty();
        if is_shell || BEFORE.contains(&name) || first.starts_with('-') || is_setting(first) {
            // The account that `gosu` is given is not what it starts.
            let skipped = usize::from(matches!(name, "gosu" | "su-exec") && rest.len() > 1);
            words = &rest[skipped..];
            continue;
        }
        match of_program(name, rest) {
            // What an entrypoint is given decides.
            Program::OfImage => (words, is_of_image) = (rest, true),
            program => return program,
        }
    }
}

/// Returns what a script starts: that of its commands which tells most.
fn of_script(script: &str, deepest: usize) -> Program {
    let script = Script::read(script);
    let programs = script.commands().map(|command| of_line(command, false, deepest));
    programs.reduce(weightier).unwrap_or(Program::Other)
}

/// Judges a program by its name and its arguments.
fn of_program(name: &str, arguments: &[String]) -> Program {
    let begins = |word: &str| arguments.first().is_some_and(|first| first.starts_with(word));
    if name == "stanchion" && begins("agent") {
        return Program::Manager("the agent of Stanchion");
    }
    if name == "manager" && begins("instance") {
        return Program::Manager("the instance manager of CloudNativePG");
    }
    if name.starts_with("patroni") {
        return Program::Manager("Patroni");
    }
    if name == "java" {
        let is_class = |class: &str| arguments.iter().any(|word| word.starts_with(class));
        let engine = CLASSES.iter().find(|(class, _)| is_class(class));
        let engine = engine.and_then(|(_, name)| ALL.iter().find(|engine| engine.name == *name));
        return engine.map_or(Program::Other, Program::Server);
    }
    if TOLD_TO_START.contains(&name) && !begins("start") {
        return Program::Other;
    }
    if let Some(engine) = ALL.iter().find(|engine| engine.servers.contains(&name)) {
        return judge_options(arguments).unwrap_or(Program::Server(engine));
    }
    let is_about = |word: &str| ABOUT.iter().any(|about| word.to_ascii_lowercase().ends_with(about));
    if words(name).any(is_about) || !words(name).any(|word| has(&STARTS, word)) {
        return Program::Other;
    }
    let engine = ALL.iter().find(|engine| words(name).any(|word| has(engine.words, word)));
    engine.map_or(Program::OfImage, Program::Named)
}

/// Options with which a server does not serve data.
fn judge_options(options: &[String]) -> Option<Program> {
    const NOT_SERVING: [&str; 7] =
        ["--sentinel", "--initialize", "--initialize-insecure", "--help", "--version", "--bootstrap", "-V"];
    options.iter().any(|option| NOT_SERVING.contains(&option.as_str())).then_some(Program::Other)
}

/// Returns what tells more of a script of several commands.
fn weightier(one: Program, other: Program) -> Program {
    let weight = |program: &Program| match program {
        Program::Manager(_) => 4,
        Program::Server(_) => 3,
        Program::Named(_) => 2,
        Program::OfImage => 1,
        Program::Other => 0,
    };
    if weight(&other) > weight(&one) { other } else { one }
}

fn is_setting(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains('/'))
}
