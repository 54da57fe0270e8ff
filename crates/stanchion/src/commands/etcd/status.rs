//! `stanchion etcd status`

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use stanchion_doctor_core::{AlarmKind, Bytes, Facts, Member, Status};

use super::options::Connection;
use super::{not_read, read, tell};
use crate::commands::db::text::table;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// Whose status.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// End with exit code 3 if an alarm is raised, a member does not answer, knows no leader or says that something is wrong.
    #[arg(long)]
    check: bool,
}

/// What all members say, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    cluster: Option<String>,
    members: Vec<Line>,
    not_read: Vec<String>,
}

/// What a member says. What is not known is not there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: String,
    id: String,
    role: &'static str,
    alarms: Vec<String>,
    #[serde(flatten)]
    said: Option<Said>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    endpoint: String,
    version: String,
    size: u64,
    in_use: u64,
    free: u64,
    free_share: f64,
    quota: Option<u64>,
    quota_known_by: Option<&'static str>,
    quota_share: Option<f64>,
    disk_free: Option<u64>,
    revision: u64,
    raft_term: u64,
    raft_index: u64,
    raft_applied: u64,
    /// What the furthest member has applied and this one has not.
    behind: u64,
    errors: Vec<String>,
}

/// Shows the status of every member.
pub(super) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let facts = read(&arguments.connection.open()?).await?;
    let lines: Vec<Line> = facts.etcd.members.iter().map(|member| line(&facts, member)).collect();
    let not_read = not_read(&facts);
    let wrong = wrong(&lines);
    if format == Format::Table {
        output::text(&shown(&lines));
        tell(&not_read);
    } else {
        let cluster = facts.etcd.reached().next().map(|(_, status)| format!("{:x}", status.cluster));
        output::document(&Document { cluster, members: lines, not_read: not_read.clone() }, format)?;
    }
    if !arguments.check {
        return Ok(());
    }
    let all: Vec<_> = wrong.into_iter().chain(not_read).collect();
    if all.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Unhealthy, anyhow!("{}", all.join("; "))))
}

fn line(facts: &Facts, member: &Member) -> Line {
    let alarms = facts.etcd.alarms.iter().filter(|alarm| alarm.member == member.id);
    let alarms = alarms.map(|alarm| match alarm.kind {
        AlarmKind::NoSpace => "NOSPACE".to_owned(),
        AlarmKind::Corrupt => "CORRUPT".to_owned(),
        AlarmKind::Unknown(number) => format!("alarm {number}"),
    });
    let role = match &member.status {
        _ if member.is_learner => "learner",
        None => "unknown",
        Some(status) if status.leader == member.id => "leader",
        Some(status) if status.leader == 0 => "no leader",
        Some(_) => "follower",
    };
    let said = member.status.as_ref().map(|status| said(facts, member, status));
    Line { name: member.label(), id: format!("{:x}", member.id), role, alarms: alarms.collect(), said }
}

fn said(facts: &Facts, member: &Member, status: &Status) -> Said {
    let furthest = facts.etcd.reached().map(|(_, status)| status.raft_applied).max().unwrap_or(0);
    let free = status.size.saturating_sub(status.in_use);
    // Such a quota is how none is said.
    let limit = member.limit().filter(|limit| limit.bytes < i64::MAX.unsigned_abs());
    Said {
        endpoint: status.endpoint.clone(),
        version: status.version.clone(),
        size: status.size,
        in_use: status.in_use,
        free,
        free_share: share(free, status.size),
        quota: limit.map(|limit| limit.bytes),
        quota_known_by: limit.map(|limit| limit.basis.text()),
        quota_share: limit.map(|limit| share(status.size, limit.bytes)),
        disk_free: member.disk.as_ref().map(|disk| disk.free),
        revision: status.revision,
        raft_term: status.raft_term,
        raft_index: status.raft_index,
        raft_applied: status.raft_applied,
        behind: furthest.saturating_sub(status.raft_applied),
        // Alarms are told of by themselves.
        errors: status.errors.iter().filter(|error| !error.contains("alarm")).cloned().collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people, of sizes far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Says what is wrong with members that answer; who does not is among what could not be read.
fn wrong(lines: &[Line]) -> Vec<String> {
    let of = |line: &Line| {
        let leaderless = (line.role == "no leader").then(|| format!("{} knows no leader", line.name));
        let alarms = line.alarms.iter().map(|alarm| format!("{} has raised the alarm {alarm}", line.name));
        let errors = line.said.iter().flat_map(|said| &said.errors);
        let errors = errors.map(|error| format!("{} says: {error}", line.name));
        alarms.chain(leaderless).chain(errors).collect::<Vec<_>>()
    };
    lines.iter().flat_map(of).collect()
}

fn shown(lines: &[Line]) -> String {
    const HEADS: [&str; 16] = [
        "NAME",
        "ID",
        "ENDPOINT",
        "VERSION",
        "ROLE",
        "SIZE",
        "IN USE",
        "FREE",
        "QUOTA",
        "USED",
        "DISK FREE",
        "TERM",
        "APPLIED",
        "BEHIND",
        "ALARMS",
        "ERRORS",
    ];
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let row = |line: &Line| {
        let mut cells = vec![line.name.clone(), line.id.clone()];
        let Some(said) = &line.said else {
            cells.extend([String::new(), String::new(), line.role.to_owned()]);
            return cells;
        };
        cells.extend([
            said.endpoint.clone(),
            said.version.clone(),
            line.role.to_owned(),
            Bytes(said.size).to_string(),
            Bytes(said.in_use).to_string(),
            percent(said.free_share),
            said.quota.map(|quota| Bytes(quota).to_string()).unwrap_or_default(),
            said.quota_share.map(percent).unwrap_or_default(),
            said.disk_free.map(|free| Bytes(free).to_string()).unwrap_or_default(),
            said.raft_term.to_string(),
            said.raft_applied.to_string(),
            said.behind.to_string(),
            line.alarms.join(", "),
            said.errors.join("; "),
        ]);
        cells
    };
    table(&HEADS, &lines.iter().map(row).collect::<Vec<_>>())
}
