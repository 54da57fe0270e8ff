//! A plan, for people and for programs.

use serde::Serialize;
use stanchion_doctor::TriedStep;
use stanchion_doctor_core::{Difference, EtcdStep, LeftUnrepaired, ObjectStep, Preview, Renewal, Report};

use super::Plans;
use super::room::Room;
use crate::error::Failure;
use crate::output::{self, Format, line};

/// What is planned, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    findings: Vec<&'static str>,
    plan: Vec<Line<'a>>,
    steps: Vec<Step<'a>>,
    /// Whether a key is written meanwhile, to see for how long nobody takes it.
    watches_writes: bool,
    left: &'a [LeftUnrepaired],
}

/// A step as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(flatten)]
    preview: &'a Preview,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [Difference],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken_over_from: Vec<&'a str>,
}

/// A step as it is planned.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Step<'a> {
    Etcd(&'a EtcdStep),
    Certificate(&'a Renewal),
    Object(&'a ObjectStep),
}

/// Prints a plan.
pub(super) fn show(plans: &Plans, report: &Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => {
            output::text(&table(plans, report));
            Ok(())
        }
        Format::Json | Format::Yaml => output::document(&document(plans, report), format),
    }
}

fn document<'a>(plans: &'a Plans, report: &Report) -> Document<'a> {
    let etcd = plans.room.iter().flat_map(|room| &room.plan.steps).map(Step::Etcd);
    let certificates = plans.certificates.renewals.iter().map(Step::Certificate);
    let objects = plans.objects.tried.iter().map(|tried| Step::Object(&tried.step));
    Document {
        findings: report.findings.iter().map(|finding| finding.check).collect(),
        plan: lines(plans),
        steps: etcd.chain(certificates).chain(objects).collect(),
        watches_writes: watches_writes(plans),
        left: &plans.left,
    }
}

fn watches_writes(plans: &Plans) -> bool {
    plans.room.as_ref().is_some_and(Room::watches_writes)
}

fn lines(plans: &Plans) -> Vec<Line<'_>> {
    let plain = |preview| Line { preview, changes: &[], taken_over_from: Vec::new() };
    let etcd = plans.room.iter().flat_map(|room| &room.plan.previews).map(plain);
    let certificates = plans.certificates.renewals.iter().map(|renewal| plain(&renewal.preview));
    etcd.chain(certificates).chain(plans.objects.tried.iter().map(of_object)).collect()
}

fn of_object(tried: &TriedStep) -> Line<'_> {
    Line {
        preview: &tried.step.preview,
        changes: &tried.differences,
        taken_over_from: tried.owners.iter().map(String::as_str).collect(),
    }
}

fn table(plans: &Plans, report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        line(&mut text, format_args!("{}  {}: {}", finding.check, finding.subject, finding.summary));
    }
    text += "\nplan, each step only while all is well after the one before:\n";
    for (number, Line { preview, changes, taken_over_from }) in lines(plans).into_iter().enumerate() {
        line(&mut text, format_args!("{:3}. {}", number + 1, preview.what));
        for change in changes.iter().map(ToString::to_string) {
            change.lines().for_each(|change| line(&mut text, format_args!("       {change}")));
        }
        if !taken_over_from.is_empty() {
            let from = taken_over_from.join(", ");
            line(
                &mut text,
                format_args!(
                    "       was set with {from}: change it there, too, or the next use puts it back"
                ),
            );
        }
        if let Some(pause) = &preview.pause {
            line(&mut text, format_args!("       waits: {pause}"));
        }
        if let Some(undo) = &preview.undo {
            line(&mut text, format_args!("       undo: {undo}"));
        }
    }
    if watches_writes(plans) {
        text +=
            "meanwhile a key of its own is written 50 times a second, to see for how long nobody takes it\n";
    }
    if !plans.left.is_empty() {
        text += "\nleft as it is:\n";
    }
    for LeftUnrepaired { check, subject, why } in &plans.left {
        line(&mut text, format_args!("  {check}  {subject}: {why}"));
    }
    text
}
