//! `stanchion doctor fix`
//!
//! All that is planned is shown first; with `--yes` it is done, and the checks are run again. etcd comes first, as nothing
//! else can be written while it is full; then certificates, then objects.

mod certs;
mod objects;
mod room;
mod shown;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use clap::Args;
use stanchion_doctor::Progress;
use stanchion_doctor_core::{
    ALL, Check, Exemption, Facts, Finding, LeftUnrepaired, Marks, Need, Report, Severity, Subject, diagnose,
    needs_to_repair, repairs_objects,
};
use tokio::time::{Instant, sleep};

use self::certs::Certificates;
use self::objects::Objects;
use self::room::Room;
use super::sources::Sources;
use super::{exempt, select};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// So long what was done may take to show in what is read.
const SHOWS: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// What to repair.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What these checks find, by id; without any, all that can be repaired and is more than worth knowing.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    sources: Sources,
    /// Files with exemptions: what is exempt is not repaired.
    #[arg(long, value_name = "FILE")]
    exemptions: Vec<PathBuf>,
    /// Where the snapshot of etcd goes that is saved first; by default beside where you are, with the time in its name.
    #[arg(long, value_name = "FILE")]
    snapshot_to: Option<PathBuf>,
    /// Where a directory is made with what undoes the changes of objects.
    #[arg(long, value_name = "DIR", default_value = ".")]
    undo_dir: PathBuf,
    #[command(flatten)]
    restart: certs::Restart,
    /// Do it. Without this the plan is shown and nothing is done.
    #[arg(long)]
    yes: bool,
}

/// All that is planned.
#[derive(Debug, Default)]
struct Plans {
    room: Option<Room>,
    certificates: Certificates,
    objects: Objects,
    /// What is left as it is.
    left: Vec<LeftUnrepaired>,
}

/// Shows what is to be done, and does it if told to.
pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let checks = repairable(&arguments.ids)?;
    let exemptions = exempt::read(&arguments.exemptions)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let (facts, report) = look(arguments, &checks, &exemptions).await?;
        if report.findings.is_empty() {
            return nothing(&report);
        }
        let plans = Plans::make(arguments, &facts, &report.findings).await?;
        if plans.steps() == 0 {
            return Err(plans.refused());
        }
        shown::show(&plans, &report, format)?;
        if !arguments.yes {
            output::note("nothing was done; --yes does it");
            return Ok(());
        }
        plans.carry_out(arguments, &facts).await?;
        verify(arguments, &checks, &exemptions, &plans.left).await
    })
}

/// Returns the checks whose findings are to be repaired.
fn repairable(ids: &[String]) -> Result<Vec<&'static Check>, Failure> {
    let is_repairable = |check: &&Check| {
        room::CHECKS.contains(&check.id) || check.id == certs::CHECK || repairs_objects(check.id)
    };
    if ids.is_empty() {
        return Ok(ALL.iter().copied().filter(is_repairable).collect());
    }
    let checks = select(ids)?;
    match checks.iter().find(|check| !is_repairable(check)) {
        None => Ok(checks),
        Some(check) => {
            let error = anyhow!("what {} finds cannot be repaired by itself", check.id);
            let hint = format!("`stanchion doctor --explain --only {}` says what to do", check.id);
            Err(Failure::new(Exit::Usage, error).hint(hint))
        }
    }
}

async fn look(
    arguments: &Arguments,
    checks: &[&Check],
    exemptions: &[Exemption],
) -> Result<(Facts, Report), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    let mut facts = Facts::new(i64::try_from(now.as_secs()).context("the clock stands too far ahead")?);
    let of = |check: &&Check| check.needs.iter().chain(needs_to_repair(check.id)).copied();
    let needs: BTreeSet<Need> = checks.iter().flat_map(of).collect();
    let mut labels = BTreeSet::new();
    for exemption in exemptions {
        exemption.wanted_labels(&mut labels);
    }
    facts.marks = Marks::wanting(labels);
    arguments.sources.read_needs(&mut facts, &needs, &Progress::default()).await?;
    facts.take_exemptions(exemptions.to_vec());
    let mut report = diagnose(&facts, checks.iter().copied());
    report.findings.retain(|finding| is_wanted(arguments, finding));
    Ok((facts, report))
}

/// Returns whether a finding is to be repaired: what is only worth knowing is so if somebody asks for it.
fn is_wanted(arguments: &Arguments, finding: &Finding) -> bool {
    !arguments.ids.is_empty() || room::CHECKS.contains(&finding.check) || finding.severity > Severity::Info
}

/// Says that nothing is to be repaired, unless it is not known whether there is something.
fn nothing(report: &Report) -> Result<(), Failure> {
    if report.is_incomplete() {
        let failed = report.not_run.iter().filter(|check| !check.unasked).map(|check| &check.why);
        let why: Vec<_> = failed.chain(report.gaps.iter().map(|gap| &gap.why)).map(String::as_str).collect();
        let error = anyhow!(
            "nothing was found that could be repaired, but not all could be read: {}",
            why.join("; ")
        );
        return Err(Failure::new(Exit::Unhealthy, error));
    }
    output::note("there is nothing to repair");
    Ok(())
}

impl Plans {
    /// Plans what is done about findings; nothing is touched.
    async fn make(arguments: &Arguments, facts: &Facts, findings: &[Finding]) -> Result<Self, Failure> {
        let mut plans = Self::default();
        let of_room: Vec<_> = findings.iter().filter(|one| room::CHECKS.contains(&one.check)).collect();
        if !of_room.is_empty() {
            match Room::plan(facts, arguments.snapshot_to.clone()) {
                Ok(room) => plans.room = Some(room),
                Err(why) => plans.left.extend(of_room.iter().map(|finding| left(finding, &why))),
            }
        }
        let endings = findings.iter().filter(|one| one.check == certs::CHECK);
        plans.certificates =
            Certificates::plan(&arguments.sources, facts.now, endings, &mut plans.left).await?;
        plans.objects = Objects::plan(&arguments.sources, facts, findings, &mut plans.left).await?;
        Ok(plans)
    }

    fn steps(&self) -> usize {
        let room = self.room.as_ref().map_or(0, |room| room.plan.steps.len());
        room + self.certificates.renewals.len() + self.objects.tried.len()
    }

    /// Says that nothing is done, and why.
    fn refused(&self) -> Failure {
        let mut why: Vec<_> = self.left.iter().map(|left| left.why.as_str()).collect();
        why.dedup();
        Failure::new(Exit::Unhealthy, anyhow!("nothing was done: {}", why.join("; ")))
    }

    async fn carry_out(&self, arguments: &Arguments, facts: &Facts) -> Result<(), Failure> {
        let (now, mut number) = (facts.now, 0);
        if let Some(room) = &self.room {
            room.carry_out(&arguments.sources, facts).await?;
            number += room.plan.steps.len();
        }
        self.certificates.carry_out(&arguments.restart, now, &mut number).await?;
        self.objects.carry_out(arguments, now, number).await
    }
}

fn left(finding: &Finding, why: &str) -> LeftUnrepaired {
    LeftUnrepaired { check: finding.check, subject: finding.subject.clone(), why: why.to_owned() }
}

/// Says what is left after all steps: only what was left alone can be. What is only worth knowing is no failure.
fn told(report: &Report) -> Result<(), Failure> {
    if report.findings.is_empty() {
        output::note("looked again: nothing of it is left");
        return Ok(());
    }
    let left = report.findings.iter().filter(|finding| finding.severity > Severity::Info).count();
    if left == 0 {
        output::note("looked again: only what is worth knowing is left");
        return Ok(());
    }
    let error = anyhow!("all steps are done; {left} of what was found is left as it was");
    Err(Failure::new(Exit::Unhealthy, error))
}

/// Looks again whether what was found is gone, for as long as that may take to show.
async fn verify(
    arguments: &Arguments,
    checks: &[&Check],
    exemptions: &[Exemption],
    left: &[LeftUnrepaired],
) -> Result<(), Failure> {
    let known: BTreeSet<(&str, &Subject)> = left.iter().map(|one| (one.check, &one.subject)).collect();
    let until = Instant::now() + SHOWS;
    loop {
        let (_, report) = look(arguments, checks, exemptions).await?;
        let still = report.findings.iter().find(|one| !known.contains(&(one.check, &one.subject)));
        match still {
            Some(_) if Instant::now() < until => sleep(LOOK).await,
            Some(finding) => {
                let Finding { check, subject, summary, .. } = finding;
                let error = anyhow!("all steps are done, and {check} still finds: {subject} {summary}");
                return Err(Failure::new(Exit::Failure, error).hint(finding.advice.clone()));
            }
            None if report.is_incomplete() => {
                let error = anyhow!("all steps are done, but not all could be read again");
                return Err(Failure::new(Exit::Unhealthy, error));
            }
            None => return told(&report),
        }
    }
}
