//! The repository's own checks and chores, run as `cargo xtask <command>`.
//!
//! `tidy` holds the tree to the rules that neither rustc nor clippy can check; see [`tidy`]. Printing happens
//! in [`output`] alone: findings are data and go to stdout, everything else to stderr.
//!
//! Exit codes: 0 done and nothing found, 1 findings, 2 wrong usage or the check could not be run.

mod facts;
mod output;
mod pages;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
Usage: cargo xtask <command>

Commands:
  tidy    Check the rules that neither rustc nor clippy can: pure core crates, file length, dead files,
          workspace inheritance, links, whitespace, shell scripts
  facts <definitions.json> <k8s-pb sources>
          Print the table of facts about the built-in kinds; scripts/facts.sh fetches what it reads
  checks  Write docs/checks, a page for each check of the doctor, from the checks themselves
  help    Print this";

const FOUND: u8 = 1;
const FAILED: u8 = 2;

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Tidy,
    Facts { definitions: PathBuf, messages: PathBuf },
    Checks,
    Help,
}

impl Command {
    /// Returns the command the arguments spell, or `None` where they spell none.
    fn parse(args: &[String]) -> Option<Self> {
        match args {
            [facts, definitions, messages] if facts == "facts" => {
                Some(Self::Facts { definitions: definitions.into(), messages: messages.into() })
            }
            [only] => match only.as_str() {
                "tidy" => Some(Self::Tidy),
                "checks" => Some(Self::Checks),
                "help" | "--help" | "-h" => Some(Self::Help),
                _ => None,
            },
            _ => None,
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    run(&args).unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::from(FAILED)
    })
}

fn run(args: &[String]) -> Result<ExitCode> {
    match Command::parse(args) {
        Some(Command::Tidy) => {
            let findings = tidy::run(Path::new("."))?;
            findings.iter().for_each(output::line);
            Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
        }
        Some(Command::Facts { definitions, messages }) => {
            output::text(facts::table(&definitions, &messages)?);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Checks) => {
            pages::write()?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Help) => {
            output::line(USAGE);
            Ok(ExitCode::SUCCESS)
        }
        None => {
            output::note(USAGE);
            Ok(ExitCode::from(FAILED))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    fn parse(args: &[&str]) -> Option<Command> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Command::parse(&args)
    }

    #[test]
    fn only_one_known_word_is_a_command() {
        assert_eq!(parse(&["tidy"]), Some(Command::Tidy));
        assert_eq!(parse(&["checks"]), Some(Command::Checks));
        assert_eq!(parse(&["--help"]), Some(Command::Help));
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&["tydi"]), None);
        assert_eq!(parse(&["tidy", "crates"]), None);
    }
}
