//! `stanchion doctor`

mod baseline;
mod checks;
mod exempt;
mod fix;
mod look;
mod present;
mod sources;
mod watch;

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use stanchion_doctor_core::{ALL, Check, Report, Severity};

use self::sources::Sources;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::Output;

const AFTER_HELP: &str = "\
Exit codes:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  the command line is wrong
  3  something that was asked for could not be read, and nothing at or above --fail-on was found in the rest

With --watch it ends with 0 when it is told to.";

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
    /// Do not run these checks, by id or group.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<String>,
    /// Files with exemptions: findings that may stay, each with a reason.
    #[arg(long, value_name = "FILE")]
    exemptions: Vec<PathBuf>,
    /// From which severity on findings end the command with exit code 1.
    #[arg(long, value_enum, default_value_t, conflicts_with = "watch")]
    fail_on: FailOn,
    /// Say of each finding what it means, how it is known and what to do.
    #[arg(long, conflicts_with = "watch")]
    explain: bool,
    #[command(flatten)]
    presentation: present::Presentation,
    #[command(flatten)]
    baseline: baseline::Comparison,
    #[command(flatten)]
    watch: watch::Watching,
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

/// Diagnoses, or does what a subcommand says.
pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Checks(arguments)) => return checks::run(arguments, output.plain()?),
        Some(Command::Fix(arguments)) => return fix::run(arguments, output.plain()?),
        None => {}
    }
    let checks = without(select(&arguments.only)?, &arguments.skip)?;
    let exemptions = exempt::read(&arguments.exemptions)?;
    let what = look::What { sources: &arguments.sources, checks: &checks, exemptions: &exemptions };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    if arguments.watch.is_asked() {
        return runtime.block_on(watch::run(&what, &arguments.watch, output));
    }
    let baseline = arguments.baseline.read()?;
    let mut look = runtime.block_on(what.look_with_progress())?;
    arguments.baseline.write(&look)?;
    if let Some(baseline) = &baseline {
        look.report.since(baseline);
    }
    let least = arguments.fail_on.severity();
    arguments.presentation.present(&look.document(least), output, arguments.explain)?;
    judge(&look.report, least)
}

/// Returns the checks that ids and groups name; all if there are none.
fn select(only: &[String]) -> Result<Vec<&'static Check>, Failure> {
    if only.is_empty() {
        return Ok(ALL.to_vec());
    }
    refuse_unknown(only)?;
    Ok(ALL.iter().copied().filter(|check| only.iter().any(|name| names(name, check))).collect())
}

/// Leaves out the checks that ids and groups name.
fn without(checks: Vec<&'static Check>, skip: &[String]) -> Result<Vec<&'static Check>, Failure> {
    refuse_unknown(skip)?;
    let left: Vec<_> =
        checks.into_iter().filter(|check| !skip.iter().any(|name| names(name, check))).collect();
    if left.is_empty() {
        return Err(Failure::new(Exit::Usage, anyhow!("--skip leaves no check of those that --only names")));
    }
    Ok(left)
}

fn refuse_unknown(ids: &[String]) -> Result<(), Failure> {
    match ids.iter().find(|name| !ALL.iter().any(|check| names(name, check))) {
        None => Ok(()),
        Some(name) => {
            let error = anyhow!("there is no check {name:?}");
            Err(Failure::new(Exit::Usage, error).hint("`stanchion doctor checks` lists them"))
        }
    }
}

fn names(name: &str, check: &Check) -> bool {
    check.id == name || check.group.name() == name
}

/// Says by the exit code what was found.
fn judge(report: &Report, least: Option<Severity>) -> Result<(), Failure> {
    let counts =
        |finding: &&stanchion_doctor_core::Finding| least.is_some_and(|least| finding.severity >= least);
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
