//! `stanchion etcd defrag`

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use stanchion_doctor::{Done, Etcd, Pauses, RepairError};
use stanchion_doctor_core::{
    Defragmentation, EtcdPlan, EtcdStep, Facts, LeftAlone, Preview, Rule, Seconds, Selection,
    plan_defragmentation,
};

use super::options::Connection;
use super::read;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, line};

/// Whom to defragment.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Only these members, by name or id.
    #[arg(long = "member", value_name = "NAME", value_delimiter = ',')]
    members: Vec<String>,
    /// Only members for which this holds, as `freeShare > 0.5 && size > 100MiB || quotaShare > 0.8`. There are size, inUse,
    /// free, freeShare, quota and quotaShare, and etcd-defrag's dbSize, dbSizeInUse, dbSizeFree, dbQuota and dbQuotaUsage.
    #[arg(long, value_name = "RULE")]
    when: Option<Rule>,
    /// Do it. Without this the plan is shown and nothing is done.
    #[arg(long)]
    yes: bool,
    /// Write a key 50 times a second meanwhile, and say for how long at most nobody took it.
    #[arg(long, requires = "yes")]
    measure_pause: bool,
}

/// What is planned, and what came of it, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    plan: &'a [Preview],
    steps: &'a [EtcdStep],
    left_alone: &'a [LeftAlone],
    /// What came of the steps; nothing of a plan that is only shown.
    done: Vec<Finished>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<Writes>,
}

#[derive(Debug, Serialize)]
struct Finished {
    said: String,
    seconds: f64,
}

/// What was seen of writes meanwhile.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Writes {
    taken: u64,
    failed: u64,
    longest_pause_seconds: Option<f64>,
}

/// Shows what is to be done, and does it if told to.
pub(super) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let etcd = arguments.connection.open()?;
    let facts = read(&etcd).await?;
    let selection = Selection { members: arguments.members.clone(), when: arguments.when.clone() };
    let planned = plan_defragmentation(&facts, &selection).map_err(|refusals| {
        let why: Vec<_> = refusals.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Unhealthy, anyhow!("nothing was done: {}", why.join("; ")))
    })?;
    if format == Format::Table {
        output::text(&shown(&planned));
    }
    let (done, pauses) = if arguments.yes && !planned.plan.steps.is_empty() {
        carry_out(&etcd, &facts, &planned.plan, arguments.measure_pause).await?
    } else {
        (Vec::new(), None)
    };
    if format != Format::Table {
        output::document(&document(&planned, done, pauses), format)?;
    }
    close(arguments, &planned.plan, pauses);
    Ok(())
}

/// Says at the end what is left to say.
fn close(arguments: &Arguments, plan: &EtcdPlan, pauses: Option<Pauses>) {
    if plan.steps.is_empty() {
        output::note("there is nothing to do");
    } else if !arguments.yes {
        output::note("nothing was done; --yes does it");
    }
    if let Some(pauses) = pauses {
        output::note(&pauses.to_string());
    }
    if plan.is_full {
        output::note(
            "the alarm NOSPACE stays raised: `stanchion doctor fix etcd/alarm` does all that it needs",
        );
    }
}

/// Writes a plan for people.
fn shown(planned: &Defragmentation) -> String {
    let mut text = String::new();
    for LeftAlone { name, why } in &planned.left_alone {
        line(&mut text, format_args!("{name} is left alone: {why}"));
    }
    if !planned.plan.steps.is_empty() {
        line(&mut text, format_args!("plan, each step only while all members are well:"));
    }
    for (number, (preview, step)) in planned.plan.previews.iter().zip(&planned.plan.steps).enumerate() {
        line(&mut text, format_args!("{:3}. {}", number + 1, preview.what));
        if let Some(pause) = &preview.pause {
            line(&mut text, format_args!("       waits: {pause}"));
        }
        if let EtcdStep::Defragment { deadline, .. } = step {
            line(&mut text, format_args!("       given up after: {}", Seconds(*deadline)));
        }
        if let Some(undo) = &preview.undo {
            line(&mut text, format_args!("       undo: {undo}"));
        }
    }
    text
}

async fn carry_out(
    etcd: &Etcd,
    facts: &Facts,
    plan: &EtcdPlan,
    measure: bool,
) -> Result<(Vec<Done>, Option<Pauses>), Failure> {
    let watched = if measure {
        Some(etcd.watch_writes(facts).map_err(|error| Failure::new(Exit::Usage, error))?)
    } else {
        None
    };
    let (mut at, mut finished) = (0, Vec::new());
    let what = |number: usize| plan.previews[number].what.as_str();
    let carried_out = etcd
        .repair(
            plan,
            |number| {
                at = number;
                output::note(&format!("{}. {} …", number + 1, what(number)));
            },
            |done| {
                output::note(&format!("   {} ({})", done.said, Seconds(done.took)));
                finished.push(done);
            },
        )
        .await;
    let pauses = match watched {
        Some(watched) => Some(watched.stop().await),
        None => None,
    };
    match carried_out {
        Ok(()) => Ok((finished, pauses)),
        Err(error) => Err(stopped(error, plan, at.max(finished.len().min(plan.steps.len() - 1)), &finished)),
    }
}

/// Says where it was stopped, and that this harms nothing.
fn stopped(error: RepairError, plan: &EtcdPlan, at: usize, finished: &[Done]) -> Failure {
    let error = anyhow::Error::new(error).context(format!(
        "stopped at step {} of {} ({}); {} are done, what is done stays so, and no data is touched",
        at + 1,
        plan.steps.len(),
        plan.previews[at].what,
        finished.len()
    ));
    Failure::new(Exit::Failure, error).hint("see to what is wrong, and run the same again")
}

fn document(planned: &Defragmentation, done: Vec<Done>, pauses: Option<Pauses>) -> Document<'_> {
    let seconds = |time: Duration| time.as_secs_f64();
    let done = done.into_iter().map(|done| Finished { said: done.said, seconds: seconds(done.took) });
    let writes = pauses.map(|Pauses { taken, failed, longest }| Writes {
        taken,
        failed,
        longest_pause_seconds: longest.map(seconds),
    });
    Document {
        plan: &planned.plan.previews,
        steps: &planned.plan.steps,
        left_alone: &planned.left_alone,
        done: done.collect(),
        writes,
    }
}
