//! `stanchion etcd manifest`: jobs that look after the etcd of a control plane that kubeadm has made.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use stanchion_doctor_core::Rule;

use crate::output;

/// The job that defragments.
const DEFRAG: &str = include_str!("manifest/defrag.yaml");
/// The job that saves snapshots.
const SNAPSHOT: &str = include_str!("manifest/snapshot.yaml");
/// What is the same in both: where the Pod runs, as whom, and what of the machine it sees.
const POD: &str = include_str!("manifest/pod.yaml");

/// Which job.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Defragments the members that a rule holds for.
    Defrag(Defrag),
    /// Saves a snapshot to a directory of the machine that it runs on.
    Snapshot(Snapshot),
}

/// What is the same of all jobs.
#[derive(Debug, Args)]
struct Job {
    /// The image that has this program as `stanchion` in its path.
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// The namespace.
    #[arg(long, value_name = "NAME", default_value = "kube-system")]
    namespace: String,
}

/// The job that defragments.
#[derive(Debug, Args)]
pub(crate) struct Defrag {
    #[command(flatten)]
    job: Job,
    /// When to look, as cron has it.
    #[arg(long, value_name = "CRON", default_value = "14 9 * * 1-5")]
    schedule: String,
    /// Which members to defragment then.
    #[arg(
        long,
        value_name = "RULE",
        default_value = "quotaShare > 0.8 || free > 200MiB && freeShare > 0.45"
    )]
    when: Rule,
}

/// The job that saves snapshots.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    job: Job,
    /// When to save one, as cron has it.
    #[arg(long, value_name = "CRON", default_value = "42 2 * * *")]
    schedule: String,
    /// The directory of the machine that they are saved to; it is made if it is not there. Copy them off that machine.
    #[arg(long, value_name = "DIR")]
    host_dir: PathBuf,
    /// How long they stay.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
    retain: Duration,
}

/// Prints a manifest.
pub(super) fn run(command: &Command) {
    let text = match command {
        Command::Defrag(Defrag { job, schedule, when }) => {
            fill(DEFRAG, job, schedule, &[("when", format!("--when={when}"))])
        }
        Command::Snapshot(Snapshot { job, schedule, host_dir, retain }) => {
            let retain = format!("--retain={}", humantime::format_duration(*retain));
            let more = [("host-dir", host_dir.display().to_string()), ("retain", retain)];
            fill(SNAPSHOT, job, schedule, &more)
        }
    };
    output::text(&text);
}

/// Puts values where their names stand between two `@`. A line has one place at most, and a value is none.
fn fill(template: &str, job: &Job, schedule: &str, more: &[(&str, String)]) -> String {
    let common = [
        ("image", job.image.clone()),
        ("namespace", job.namespace.clone()),
        ("schedule", schedule.to_owned()),
    ];
    let mut text = String::new();
    for line in template.replace("@pod@\n", POD).lines() {
        let mut values = common.iter().chain(more);
        let filled = values.find_map(|(name, value)| {
            let (before, after) = line.split_once(&format!("@{name}@"))?;
            Some(format!("{before}{}{after}", quoted(value)))
        });
        text += filled.as_deref().unwrap_or(line);
        text.push('\n');
    }
    text
}

/// Writes a text as JSON does, which YAML reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
