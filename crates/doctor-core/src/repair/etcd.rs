//! What is done about an etcd: to make room where it is full, or to defragment some of its members.
//!
//! ```text
//!   room:        snapshot ─▶ compact* ─▶ followers ─▶ move the leader ─▶ the last member ─▶ disarm* ─▶ prove a write
//!   defragment:                          followers ─▶ move the leader ─▶ the last member ─▶ prove a write**
//!
//!   *  only where the alarm NOSPACE is raised     **  only where it is not
//! ```
//!
//! Compaction gives up history that somebody may still read, so without the alarm it is left to those whose keys they are:
//! an API server compacts every five minutes. After the alarm nothing new comes, and room has to be made now.

mod defragment;
mod health;
mod room;
mod rule;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::{Preview, about};
use crate::facts::etcd::{Member, Status};
use crate::units::Bytes;
pub use defragment::{Defragmentation, LeftAlone, Selection, plan as plan_defragmentation};
pub use health::{Heir, disk_refusal, heir, refusals};
pub use room::plan;
pub use rule::{Rule, RuleError, Sizes};

/// Bytes in use that a member defragments in a second: 0.2 to 0.27 GB were measured on disks of servers.
const SPEED: u64 = 200 << 20;

/// One thing that is done. What is known to go wrong is not tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "step", rename_all_fields = "camelCase")]
pub enum EtcdStep {
    /// Save all data, and verify what was saved.
    Snapshot {
        /// From where.
        endpoint: String,
        /// To which file.
        to: PathBuf,
        /// How large it is about.
        size: u64,
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

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdPlan {
    /// Whether the cluster refuses writes now.
    pub is_full: bool,
    /// What is done, in this order; the next only while all members are well.
    pub steps: Vec<EtcdStep>,
    /// What the steps do, for people: as many.
    pub previews: Vec<Preview>,
}

impl EtcdPlan {
    fn new(is_full: bool) -> Self {
        Self { is_full, steps: Vec::new(), previews: Vec::new() }
    }

    fn add(&mut self, step: EtcdStep, what: String, pause: Option<String>, undo: Option<String>) {
        self.steps.push(step);
        self.previews.push(Preview { what, pause, undo });
    }

    fn defragment(&mut self, member: &Member, status: &Status, alone: bool) {
        let time = Duration::from_secs(status.in_use.div_ceil(SPEED));
        let step = EtcdStep::Defragment {
            member: member.id,
            name: member.label(),
            endpoint: status.endpoint.clone(),
            // Ten times as slow a disk is still waited for.
            deadline: Duration::from_secs(30) + time * 10,
        };
        let (size, in_use) = (Bytes(status.size), Bytes(status.in_use));
        let disk = match &member.disk {
            Some(disk) => format!("{} are free on its disk", Bytes(disk.free)),
            None => "what is free on its disk is not known from here".to_owned(),
        };
        let what = format!("defragment {}: {size}, of which {in_use} are in use; {disk}", member.label());
        let whose = if alone { "all requests".to_owned() } else { format!("requests to {}", member.label()) };
        self.add(step, what, Some(format!("{whose}, {}", about(time))), None);
    }

    fn move_leader(&mut self, (leader, of_leader): (&Member, &Status), heir: &Heir) {
        let what = format!("have {} lead instead of {}", heir.name, leader.label());
        let step = EtcdStep::MoveLeader {
            endpoint: of_leader.endpoint.clone(),
            to: heir.id,
            name: heir.name.clone(),
        };
        let undo = format!("have {} lead again: `etcdctl move-leader {:x}`", leader.label(), leader.id);
        self.add(step, what, Some("writes, less than a second".to_owned()), Some(undo));
    }

    fn probe(&mut self, endpoint: String) {
        let what = "write a key of its own and delete it again".to_owned();
        self.add(EtcdStep::Probe { endpoint }, what, None, None);
    }
}

#[cfg(test)]
mod tests;
