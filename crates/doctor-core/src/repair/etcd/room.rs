//! Room for an etcd that is full: the whole way to one that takes writes.

use std::path::Path;

use super::super::Refusal;
use super::health::{full, heir, well, without_room};
use super::{EtcdPlan, EtcdStep};
use crate::facts::Facts;
use crate::units::Bytes;

/// Plans how to make room. `snapshot` is the file that a snapshot is saved to first.
pub fn plan(facts: &Facts, snapshot: &Path) -> Result<EtcdPlan, Vec<Refusal>> {
    let members = well(facts)?;
    let voters = || members.iter().filter(|(member, _)| !member.is_learner);
    let narrow: Vec<_> = voters().filter_map(|(member, status)| without_room(member, status)).collect();
    if !narrow.is_empty() {
        return Err(narrow);
    }
    let (leader, of_leader) = facts.etcd.leader().expect("members that are well have a leader among them");
    let full = full(facts);
    let mut plan = EtcdPlan::new(!full.is_empty());
    let endpoint = of_leader.endpoint.clone();
    let what =
        format!("save a snapshot of {} to {} and verify it", Bytes(of_leader.size), snapshot.display());
    let step =
        EtcdStep::Snapshot { endpoint: endpoint.clone(), to: snapshot.to_owned(), size: of_leader.size };
    plan.add(step, what, None, None);
    if plan.is_full {
        let undo = "none but to restore the snapshot: history is gone for good";
        let what = "compact: give up the history of all keys, which nobody can add to any more".to_owned();
        plan.add(EtcdStep::Compact { endpoint }, what, None, Some(undo.to_owned()));
    }
    let mut followers: Vec<_> = voters().filter(|(member, _)| member.id != leader.id).collect();
    followers.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    let alone = followers.is_empty();
    for (member, status) in followers {
        plan.defragment(member, status, false);
    }
    let heir = heir(facts);
    if let Some(heir) = &heir {
        plan.move_leader((leader, of_leader), heir);
    }
    plan.defragment(leader, of_leader, alone);
    let asked = heir.map_or_else(|| of_leader.endpoint.clone(), |heir| heir.endpoint);
    if plan.is_full {
        let step = EtcdStep::Disarm { endpoint: asked.clone(), members: full };
        let what = "take the alarm NOSPACE back, if all members have room".to_owned();
        plan.add(step, what, None, None);
    }
    plan.probe(asked);
    Ok(plan)
}
