//! Defragmentation of the members that somebody chose, or that a rule holds for.

use serde::Serialize;

use super::super::Refusal;
use super::EtcdPlan;
use super::health::{full, heir, well, without_room};
use super::rule::{Rule, Sizes};
use crate::facts::Facts;
use crate::facts::etcd::{Member, Status};
use crate::units::{Bytes, percent, share};

/// Which members to defragment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// By name or id; without any, all.
    pub members: Vec<String>,
    /// Of these only those for which this holds.
    pub when: Option<Rule>,
}

/// What is done, and to whom it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defragmentation {
    /// What is done; no step if nothing is to be done.
    pub plan: EtcdPlan,
    /// The members that are left alone.
    pub left_alone: Vec<LeftAlone>,
}

/// A member that is not defragmented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftAlone {
    /// Its name.
    pub name: String,
    /// Why it is not.
    pub why: String,
}

/// Plans to defragment members one after the other: those that follow first, and the leader last, when another leads.
pub fn plan(facts: &Facts, selection: &Selection) -> Result<Defragmentation, Vec<Refusal>> {
    let members = well(facts)?;
    let mut refusals = unknown(&members, &selection.members);
    let (mut chosen, mut left_alone) = (Vec::new(), Vec::new());
    for (member, status) in members {
        let named = selection.members.iter().any(|name| is_named(member, name));
        if !named && !selection.members.is_empty() {
            continue;
        }
        let mut leave = |why: String| left_alone.push(LeftAlone { name: member.label(), why });
        if member.is_learner {
            if named {
                let why = format!("{} learns, and cannot be defragmented until it votes", member.label());
                refusals.push(Refusal::new(why));
            } else {
                leave("it learns, and cannot be defragmented until it votes".to_owned());
            }
            continue;
        }
        match selection.when.as_ref().map(|rule| rule.holds(&sizes(member, status))) {
            Some(None) => {
                let why = format!("the quota of {}, which the rule asks for, is not known", member.label());
                refusals.push(Refusal::new(why));
            }
            Some(Some(false)) => leave(format!("the rule does not hold: {}", said(member, status))),
            Some(Some(true)) | None => {
                refusals.extend(without_room(member, status));
                chosen.push((member, status));
            }
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok(Defragmentation { plan: steps(facts, chosen), left_alone })
}

fn steps(facts: &Facts, mut chosen: Vec<(&Member, &Status)>) -> EtcdPlan {
    let mut plan = EtcdPlan::new(!full(facts).is_empty());
    chosen.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    let (leader, followers): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|(member, status)| status.leader == member.id);
    for (member, status) in &followers {
        plan.defragment(member, status, false);
    }
    let heir = heir(facts);
    for (member, status) in leader {
        if let Some(heir) = &heir {
            plan.move_leader((member, status), heir);
        }
        plan.defragment(member, status, heir.is_none());
    }
    // With the alarm no write would pass, whatever was given back.
    if !plan.steps.is_empty() && !plan.is_full {
        let (_, of_leader) = facts.etcd.leader().expect("members that are well have a leader among them");
        plan.probe(heir.map_or_else(|| of_leader.endpoint.clone(), |heir| heir.endpoint));
    }
    plan
}

fn is_named(member: &Member, name: &str) -> bool {
    member.name == name || format!("{:x}", member.id) == name.trim_start_matches("0x")
}

fn unknown(members: &[(&Member, &Status)], names: &[String]) -> Vec<Refusal> {
    let known = |name: &&String| members.iter().any(|(member, _)| is_named(member, name));
    let unknown = names.iter().filter(|name| !known(name));
    unknown.map(|name| Refusal::new(format!("there is no member {name:?}"))).collect()
}

fn sizes(member: &Member, status: &Status) -> Sizes {
    Sizes { size: status.size, in_use: status.in_use, quota: member.limit().map(|limit| limit.bytes) }
}

/// Says what a rule was asked of.
fn said(member: &Member, status: &Status) -> String {
    let free = status.size.saturating_sub(status.in_use);
    let part = percent(share(free, status.size));
    let quota = match member.limit() {
        Some(limit) => format!(", {} of its quota", percent(share(status.size, limit.bytes))),
        None => String::new(),
    };
    format!("{}, of which {} are free ({part}){quota}", Bytes(status.size), Bytes(free))
}
