//! `stanchion doctor fix`

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use stanchion_doctor_core::{
    Check, EtcdPlan, EtcdStep, Facts, Preview, Report, Seconds, diagnose, plan_etcd,
};
use stanchion_machinery::time::format_seconds;

use super::select;
use super::sources::Sources;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, line};

/// The checks whose repair is to make room in etcd.
const ROOM: [&str; 3] = ["etcd/alarm", "etcd/fragmentation", "etcd/space"];

/// What to repair.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What these checks find, by id; without any, all that can be repaired.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    sources: Sources,
    /// Where the snapshot of etcd goes that is saved first; by default beside where you are, with the time in its name.
    #[arg(long, value_name = "FILE")]
    snapshot_to: Option<PathBuf>,
    /// Do it. Without this the plan is shown and nothing is done.
    #[arg(long)]
    yes: bool,
}

/// What is planned, for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    findings: Vec<&'static str>,
    plan: &'a [Preview],
    steps: &'a [EtcdStep],
}

/// Shows what is to be done, and does it if told to.
pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let checks = repairable(&arguments.ids)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let (facts, report) = look(arguments, &checks).await?;
        let found: Vec<_> = report.findings.iter().map(|finding| finding.check).collect();
        if found.is_empty() {
            return nothing(&report);
        }
        let to = arguments.snapshot_to.clone().unwrap_or_else(|| snapshot_name(facts.now));
        let plan = plan_etcd(&facts, &to).map_err(|refusals| {
            let why: Vec<_> = refusals.iter().map(ToString::to_string).collect();
            Failure::new(Exit::Unhealthy, anyhow!("nothing was done: {}", why.join("; ")))
        })?;
        match format {
            Format::Table => output::text(&shown(&plan, &report)),
            Format::Json | Format::Yaml => {
                let document = Document { findings: found, plan: &plan.previews, steps: &plan.steps };
                output::document(&document, format)?;
            }
        }
        if !arguments.yes {
            output::note("nothing was done; --yes does it");
            return Ok(());
        }
        carry_out(arguments, &plan).await?;
        verify(arguments, &checks).await
    })
}

/// Returns the checks whose findings are to be repaired.
fn repairable(ids: &[String]) -> Result<Vec<&'static Check>, Failure> {
    let all = ROOM.map(str::to_owned);
    let checks = select(if ids.is_empty() { &all } else { ids })?;
    match checks.iter().find(|check| !ROOM.contains(&check.id)) {
        None => Ok(checks),
        Some(check) => {
            let error = anyhow!("what {} finds cannot be repaired by itself", check.id);
            let hint = format!("`stanchion doctor --explain --only {}` says what to do", check.id);
            Err(Failure::new(Exit::Usage, error).hint(hint))
        }
    }
}

async fn look(arguments: &Arguments, checks: &[&Check]) -> Result<(Facts, Report), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    let mut facts = Facts::new(i64::try_from(now.as_secs()).context("the clock stands too far ahead")?);
    arguments.sources.read(&mut facts, checks).await?;
    let report = diagnose(&facts, checks.iter().copied());
    Ok((facts, report))
}

/// Says that nothing is to be repaired, unless it is not known whether there is something.
fn nothing(report: &Report) -> Result<(), Failure> {
    if report.is_incomplete() {
        let why = report.not_run.iter().map(|check| &check.why).chain(report.gaps.iter().map(|gap| &gap.why));
        let why: Vec<_> = why.map(String::as_str).collect();
        let error = anyhow!(
            "nothing was found that could be repaired, but not all could be read: {}",
            why.join("; ")
        );
        return Err(Failure::new(Exit::Unhealthy, error));
    }
    output::note("there is nothing to repair");
    Ok(())
}

fn snapshot_name(now: i64) -> PathBuf {
    format!("etcd-{}.snap", format_seconds(now).replace(':', "")).into()
}

/// Writes a plan for people.
fn shown(plan: &EtcdPlan, report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        line(&mut text, format_args!("{}  {}: {}", finding.check, finding.subject, finding.summary));
    }
    text += "\nplan, each step only while all members are well:\n";
    for (number, preview) in plan.previews.iter().enumerate() {
        line(&mut text, format_args!("{:3}. {}", number + 1, preview.what));
        if let Some(pause) = &preview.pause {
            line(&mut text, format_args!("       waits: {pause}"));
        }
        if let Some(undo) = &preview.undo {
            line(&mut text, format_args!("       undo: {undo}"));
        }
    }
    text
}

async fn carry_out(arguments: &Arguments, plan: &EtcdPlan) -> Result<(), Failure> {
    let (mut at, mut finished) = (0, 0);
    let what = |number: usize| plan.previews[number].what.as_str();
    let etcd = arguments.sources.etcd(false)?;
    let repaired = etcd
        .repair(
            plan,
            |number| {
                at = number;
                output::note(&format!("{}. {} …", number + 1, what(number)));
            },
            |done| {
                finished = done.number + 1;
                output::note(&format!("   {} ({})", done.said, Seconds(done.took)));
            },
        )
        .await;
    repaired.map_err(|error| {
        let is_disarmed = plan.steps[..finished].iter().any(|step| matches!(step, EtcdStep::Disarm { .. }));
        let left = match (plan.is_full, is_disarmed) {
            (true, false) => "the alarm is still raised and writes are refused",
            (true, true) => "the alarm is taken back, but no write has proved it",
            (false, _) => "the cluster takes writes as before",
        };
        let at = at.max(finished.min(plan.steps.len() - 1));
        let error = anyhow::Error::new(error).context(format!(
            "stopped at step {} of {} ({}); {finished} are done, {left}",
            at + 1,
            plan.steps.len(),
            what(at)
        ));
        Failure::new(Exit::Failure, error)
            .hint("see to what is wrong, and run the same again with another --snapshot-to: steps that are done do no harm twice")
    })
}

/// Looks again whether what was found is gone.
async fn verify(arguments: &Arguments, checks: &[&Check]) -> Result<(), Failure> {
    let (_, report) = look(arguments, checks).await?;
    let Some(finding) = report.findings.first() else {
        if report.is_incomplete() {
            return Err(Failure::new(
                Exit::Unhealthy,
                anyhow!("all steps are done, but not all could be read again"),
            ));
        }
        output::note("looked again: nothing of it is left");
        return Ok(());
    };
    let error = anyhow!(
        "all steps are done, and {} still finds: {} {}",
        finding.check,
        finding.subject,
        finding.summary
    );
    Err(Failure::new(Exit::Failure, error).hint(finding.advice.clone()))
}
