//! Room for etcd: the whole way from a full database to one that takes writes.
//!
//! ```text
//!   snapshot ─▶ compact ─▶ defragment each follower ─▶ move the leader ─▶ defragment it ─▶ disarm ─▶ prove a write
//!                 │                                                                         │
//!                 └─────────── only where the alarm NOSPACE is raised ──────────────────────┘
//! ```
//!
//! Compaction gives up history that somebody may still read, so without the alarm it is left to those whose keys they are:
//! an API server compacts every five minutes. After the alarm nothing new comes, and room has to be made now.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::{Preview, Refusal, about};
use crate::facts::Facts;
use crate::facts::etcd::{AlarmKind, Member, Status, Version};
use crate::need::{Need, Reading};
use crate::units::Bytes;

/// Bytes in use that a member defragments in a second: 0.2 to 0.27 GB were measured on disks of servers.
const SPEED: u64 = 200 << 20;
/// A member of these versions that crashes while it is defragmented may come back with other data than the rest.
const UNSAFE: (Version, Version) = (Version::new(3, 5, 0), Version::new(3, 5, 6));
/// Entries that a member may be behind and still take over.
const BEHIND: u64 = 1_000;

/// What is known to go wrong is not tried; whoever asked is told what would have to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "step", rename_all_fields = "camelCase")]
pub enum EtcdStep {
    /// Save all data, and verify what was saved.
    Snapshot {
        /// From where.
        endpoint: String,
        /// To which file.
        to: PathBuf,
    },
    /// Give up history up to the current revision, and wait until it is gone.
    Compact {
        /// Whom to ask.
        endpoint: String,
    },
    /// Give what is free in a member's file back to its disk.
    Defragment {
        /// Which member.
        member: u64,
        /// Its name.
        name: String,
        /// Whom to ask.
        endpoint: String,
        /// How long that may take.
        deadline: Duration,
    },
    /// Have another member lead.
    MoveLeader {
        /// The leader, who is asked.
        endpoint: String,
        /// Who is to lead.
        to: u64,
        /// Its name.
        name: String,
    },
    /// Take the alarm NOSPACE back.
    Disarm {
        /// Whom to ask.
        endpoint: String,
        /// Whose alarms.
        members: Vec<u64>,
    },
    /// Write a key and delete it again.
    Probe {
        /// Whom to ask.
        endpoint: String,
    },
}

/// What is done to make room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdPlan {
    /// Whether the cluster refuses writes until it is done.
    pub is_full: bool,
    /// What is done, in this order; the next only while all members are well.
    pub steps: Vec<EtcdStep>,
    /// What the steps do, for people: as many.
    pub previews: Vec<Preview>,
}

/// Plans how to make room. `snapshot` is the file that a snapshot is saved to first.
pub fn plan(facts: &Facts, snapshot: &Path) -> Result<EtcdPlan, Vec<Refusal>> {
    let members = well(facts)?;
    let leader = members.iter().find(|(member, status)| status.leader == member.id);
    let Some((leader, of_leader)) = leader else {
        return Err(vec![Refusal::new(
            "none of the members that answer leads; it is not known whom to spare",
        )]);
    };
    let full: Vec<u64> = alarmed(facts);
    let mut plan = EtcdPlan { is_full: !full.is_empty(), steps: Vec::new(), previews: Vec::new() };
    let endpoint = of_leader.endpoint.clone();
    plan.add(
        EtcdStep::Snapshot { endpoint: endpoint.clone(), to: snapshot.to_owned() },
        format!("save a snapshot of {} to {} and verify it", Bytes(of_leader.size), snapshot.display()),
        None,
        None,
    );
    if plan.is_full {
        let undo = "none but to restore the snapshot: history is gone for good";
        let what = "compact: give up the history of all keys, which nobody can add to any more".to_owned();
        plan.add(EtcdStep::Compact { endpoint: endpoint.clone() }, what, None, Some(undo.to_owned()));
    }
    let mut followers: Vec<_> =
        members.iter().filter(|(member, _)| member.id != leader.id && !member.is_learner).collect();
    followers.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    for (member, status) in &followers {
        plan.defragment(member, status);
    }
    // Who is furthest is the first to be able to lead.
    let heir = followers.iter().max_by_key(|(member, status)| (status.raft_applied, Reverse(member.id)));
    if let Some((heir, _)) = heir {
        let what = format!("have {} lead instead of {}", heir.label(), leader.label());
        let step = EtcdStep::MoveLeader { endpoint, to: heir.id, name: heir.label() };
        let undo = format!("have {} lead again: `etcdctl move-leader {:x}`", leader.label(), leader.id);
        plan.add(step, what, Some("writes, less than a second".to_owned()), Some(undo));
    }
    plan.defragment(leader, of_leader);
    let asked = heir.map_or(&of_leader.endpoint, |(_, status)| &status.endpoint).clone();
    if plan.is_full {
        let step = EtcdStep::Disarm { endpoint: asked.clone(), members: full };
        let what = "take the alarm NOSPACE back, if all members have room".to_owned();
        plan.add(step, what, None, None);
    }
    plan.add(
        EtcdStep::Probe { endpoint: asked },
        "write a key of its own and delete it again".to_owned(),
        None,
        None,
    );
    Ok(plan)
}

impl EtcdPlan {
    fn add(&mut self, step: EtcdStep, what: String, pause: Option<String>, undo: Option<String>) {
        self.steps.push(step);
        self.previews.push(Preview { what, pause, undo });
    }

    fn defragment(&mut self, member: &Member, status: &Status) {
        let time = Duration::from_secs(status.in_use.div_ceil(SPEED));
        let step = EtcdStep::Defragment {
            member: member.id,
            name: member.label(),
            endpoint: status.endpoint.clone(),
            // Ten times as slow a disk is still waited for.
            deadline: Duration::from_secs(30) + time * 10,
        };
        let (size, in_use) = (Bytes(status.size), Bytes(status.in_use));
        let what = format!("defragment {}: {size}, of which {in_use} are in use", member.label());
        let pause = format!("requests to {}, {}", member.label(), about(time));
        self.add(step, what, Some(pause), None);
    }
}

/// Returns the members whose alarm NOSPACE is raised.
fn alarmed(facts: &Facts) -> Vec<u64> {
    let alarms = facts.etcd.alarms.iter().filter(|alarm| alarm.kind == AlarmKind::NoSpace);
    let mut members: Vec<_> = alarms.map(|alarm| alarm.member).collect();
    members.sort_unstable();
    members
}

/// Returns all members with what they say, if nothing speaks against working on them.
fn well(facts: &Facts) -> Result<Vec<(&Member, &Status)>, Vec<Refusal>> {
    let mut refusals = Vec::new();
    for need in [Need::EtcdStatus, Need::EtcdAlarms] {
        match facts.readings.get(&need) {
            Some(Reading::Read { .. }) => {}
            Some(Reading::Partly { missing, .. }) => {
                refusals.extend(missing.iter().map(|why| Refusal::new(format!("could not read: {why}"))));
            }
            Some(Reading::Failed { source, why }) => {
                refusals.push(Refusal::new(format!("could not read the {}: {source}: {why}", need.name())));
            }
            None => refusals.push(Refusal::new(format!("the {} were not read", need.name()))),
        }
    }
    for alarm in facts.etcd.alarms.iter().filter(|alarm| alarm.kind != AlarmKind::NoSpace) {
        let label = facts.etcd.label_of(alarm.member);
        let what = if alarm.kind == AlarmKind::Corrupt { "CORRUPT" } else { "that is not known here" };
        refusals
            .push(Refusal::new(format!("{label} has raised an alarm {what}; it has to be looked at first")));
    }
    let mut members = Vec::new();
    for member in &facts.etcd.members {
        match &member.status {
            None => refusals.push(Refusal::new(format!("{} does not answer", member.label()))),
            Some(status) => {
                refusals.extend(unwell(member, status));
                members.push((member, status));
            }
        }
    }
    if members.is_empty() {
        refusals.push(Refusal::new("no member is known"));
    }
    if refusals.is_empty() { Ok(members) } else { Err(refusals) }
}

/// Says what speaks against working on a member.
fn unwell(member: &Member, status: &Status) -> Vec<Refusal> {
    let label = member.label();
    let mut refusals = Vec::new();
    if status.leader == 0 {
        refusals.push(Refusal::new(format!("{label} knows no leader")));
    }
    let behind = status.raft_index.saturating_sub(status.raft_applied);
    if behind > BEHIND {
        refusals.push(Refusal::new(format!("{label} has {behind} entries of its log left to apply")));
    }
    match status.version.parse::<Version>() {
        Ok(version) if version >= UNSAFE.0 && version < UNSAFE.1 => {
            refusals.push(Refusal::new(format!(
                "{label} is of version {version}, which may lose data if it crashes while it is defragmented; stop it and use \
                 `etcdutl defrag --data-dir`, or upgrade to {} or later first",
                UNSAFE.1
            )));
        }
        Ok(_) => {}
        Err(why) => refusals.push(Refusal::new(format!("{label}: {why}"))),
    }
    refusals
}

#[cfg(test)]
mod tests;
