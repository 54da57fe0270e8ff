//! Whether an etcd may be worked on at all, and who may lead it meanwhile.

use std::cmp::Reverse;

use super::super::Refusal;
use crate::facts::Facts;
use crate::facts::etcd::{AlarmKind, Member, Status, Version};
use crate::need::{Need, Reading};
use crate::units::Bytes;

/// A member of these versions that crashes while it is defragmented may come back with other data than the rest.
const UNSAFE: (Version, Version) = (Version::new(3, 5, 0), Version::new(3, 5, 6));
/// Entries that a member may be behind and still take over.
const BEHIND: u64 = 1_000;

/// Who is to lead while the leader is worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heir {
    /// The member.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where it is asked.
    pub endpoint: String,
}

/// Says what speaks against working on the members; nothing if all are well.
pub fn refusals(facts: &Facts) -> Vec<Refusal> {
    well(facts).err().unwrap_or_default()
}

/// Returns who could lead instead of the leader: the voting member that is furthest. None if nobody leads, or nobody else
/// votes.
pub fn heir(facts: &Facts) -> Option<Heir> {
    let (leader, _) = facts.etcd.leader()?;
    let others = facts.etcd.reached().filter(|(member, _)| member.id != leader.id && !member.is_learner);
    let (member, status) = others.max_by_key(|(member, status)| (status.raft_applied, Reverse(member.id)))?;
    Some(Heir { id: member.id, name: member.label(), endpoint: status.endpoint.clone() })
}

/// Says that there is no room on the disk of a member to defragment it, if that is known.
pub fn disk_refusal(facts: &Facts, id: u64) -> Option<Refusal> {
    let (member, status) = facts.etcd.reached().find(|(member, _)| member.id == id)?;
    without_room(member, status)
}

/// Returns the members whose alarm NOSPACE is raised.
pub(super) fn full(facts: &Facts) -> Vec<u64> {
    let alarms = facts.etcd.alarms.iter().filter(|alarm| alarm.kind == AlarmKind::NoSpace);
    let mut members: Vec<_> = alarms.map(|alarm| alarm.member).collect();
    members.sort_unstable();
    members
}

/// Returns all members with what they say, if nothing speaks against working on them.
pub(super) fn well(facts: &Facts) -> Result<Vec<(&Member, &Status)>, Vec<Refusal>> {
    let mut refusals = unread(facts);
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
    } else if facts.etcd.leader().is_none() {
        refusals.push(Refusal::new("none of the members that answer leads; it is not known whom to spare"));
    }
    if refusals.is_empty() { Ok(members) } else { Err(refusals) }
}

/// Says that a member's disk does not take a second copy of what is in use, if that is known.
pub(super) fn without_room(member: &Member, status: &Status) -> Option<Refusal> {
    let disk = member.disk.as_ref().filter(|disk| disk.free < status.in_use)?;
    Some(Refusal::new(format!(
        "{} writes {} anew when it is defragmented, and the disk of {} has {} left",
        member.label(),
        Bytes(status.in_use),
        disk.directory,
        Bytes(disk.free)
    )))
}

fn unread(facts: &Facts) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for need in [Need::EtcdStatus, Need::EtcdAlarms] {
        match facts.readings.get(&need) {
            Some(Reading::Read { .. }) => {}
            Some(Reading::Partly { missing, .. }) => {
                refusals.extend(missing.iter().map(|why| Refusal::new(format!("could not read: {why}"))));
            }
            Some(Reading::Failed { source, why } | Reading::Absent { source, why }) => {
                refusals.push(Refusal::new(format!("could not read the {}: {source}: {why}", need.name())));
            }
            None => refusals.push(Refusal::new(format!("the {} were not read", need.name()))),
        }
    }
    refusals
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
