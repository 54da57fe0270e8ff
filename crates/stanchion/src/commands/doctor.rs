//! `stanchion doctor`

mod checks;
mod fix;
mod render;
mod sources;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use stanchion_doctor_core::{ALL, Check, Facts, Report, Severity, diagnose};

use self::sources::Sources;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

const AFTER_HELP: &str = "\
Exit codes:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  the command line is wrong
  3  something that was asked for could not be read, and nothing at or above --fail-on was found in the rest";

/// What to look at.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// What else to do.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    sources: Sources,
    /// Run only these checks, by id (`etcd/space`) or group (`etcd`).
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// From which severity on findings end the command with exit code 1.
    #[arg(long, value_enum, default_value_t)]
    fail_on: FailOn,
    /// Say of each finding what it means, how it is known and what to do.
    #[arg(long)]
    explain: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    /// List all checks, or say what some look for.
    Checks(checks::Arguments),
    /// Plan how to repair what was found, and do it with `--yes`.
    Fix(Box<fix::Arguments>),
}

/// From which severity on a command fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Anything at all.
    Info,
    /// What will hurt some day, or worse.
    #[default]
    Warning,
    /// What hurts already, or will soon.
    Critical,
    /// Findings never fail it.
    Never,
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Critical => Some(Severity::Critical),
            Self::Never => None,
        }
    }
}

/// A report as it is printed for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// When it was made, in seconds since the Unix epoch.
    at: i64,
    #[serde(flatten)]
    report: &'a Report,
}

/// Diagnoses, or does what a subcommand says.
pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Checks(arguments)) => return checks::run(arguments, format),
        Some(Command::Fix(arguments)) => return fix::run(arguments, format),
        None => {}
    }
    let checks = select(&arguments.only)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    let mut facts = Facts::new(i64::try_from(now.as_secs()).context("the clock stands too far ahead")?);
    runtime.block_on(arguments.sources.read(&mut facts, &checks))?;
    let report = diagnose(&facts, checks);
    match format {
        Format::Table => output::text(&render::report(&report, arguments.explain)),
        Format::Json | Format::Yaml => {
            output::document(&Document { at: facts.now, report: &report }, format)?;
        }
    }
    judge(&report, arguments.fail_on)
}

/// Returns the checks that ids and groups name; all if there are none.
fn select(only: &[String]) -> Result<Vec<&'static Check>, Failure> {
    if only.is_empty() {
        return Ok(ALL.to_vec());
    }
    for name in only {
        if !ALL.iter().any(|check| names(name, check)) {
            let error = anyhow!("there is no check {name:?}");
            return Err(Failure::new(Exit::Usage, error).hint("`stanchion doctor checks` lists them"));
        }
    }
    Ok(ALL.iter().copied().filter(|check| only.iter().any(|name| names(name, check))).collect())
}

fn names(name: &str, check: &Check) -> bool {
    check.id == name || check.group.name() == name
}

/// Says by the exit code what was found.
fn judge(report: &Report, fail_on: FailOn) -> Result<(), Failure> {
    let counts = |finding: &&stanchion_doctor_core::Finding| {
        fail_on.severity().is_some_and(|least| finding.severity >= least)
    };
    let found = report.findings.iter().filter(counts).count();
    if found > 0 {
        let word = if found == 1 { "finding" } else { "findings" };
        return Err(Failure::new(Exit::Failure, anyhow!("{found} {word} at or above --fail-on")));
    }
    if report.is_incomplete() {
        return Err(Failure::new(Exit::Unhealthy, anyhow!("not all could be read that was asked for")));
    }
    Ok(())
}
