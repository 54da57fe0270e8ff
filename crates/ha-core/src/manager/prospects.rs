//! What a failover would do right now.

use serde::{Deserialize, Serialize};

use super::View;
use crate::name::InstanceName;
use crate::topology::Acknowledgement;

/// What would happen if the primary died at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prospects {
    /// Whether somebody else would be promoted at once, without losing anything.
    pub could: bool,
    /// Who, if the positions stay as they are.
    pub candidate: Option<InstanceName>,
    /// Why, or why not.
    pub why: String,
}

pub(super) fn of(view: &View<'_>) -> Prospects {
    let no = |why: String| Prospects { could: false, candidate: None, why };
    let Some(primary) = view.topology.primary() else {
        return no("there is no primary at the moment".to_owned());
    };
    if view.settings.paused {
        return no("failovers are paused".to_owned());
    }
    let members = || view.topology.sync_set.iter().filter(|name| *name != primary);
    if view.topology.acknowledgement != Acknowledgement::Required {
        return no(format!("{primary} writes alone and would be started anew"));
    }
    if members().count() == 0 {
        return no(format!("nobody is in the sync set; {primary} would be started anew"));
    }
    let unreachable: Vec<String> = members()
        .filter_map(|name| match view.fresh(name) {
            None => Some(format!("{name} is silent")),
            Some(report) if report.uncertain => Some(format!("{name} may have lost what it acknowledged")),
            Some(report) if !report.is_running() => Some(format!("the database of {name} does not run")),
            Some(_) => None,
        })
        .collect();
    if !unreachable.is_empty() {
        return no(format!("{}: a failover would wait for it, or for {primary}", unreachable.join("; ")));
    }
    let best = members().filter_map(|name| view.report(name).map(|report| (name, report))).max_by_key(
        |(name, report)| (report.received.sequence(), view.settings.preferred.as_ref() == Some(*name)),
    );
    best.map_or_else(
        || no("nobody reports".to_owned()),
        |(name, report)| Prospects {
            could: true,
            candidate: Some(name.clone()),
            why: format!(
                "everybody who may have acknowledged can be asked; {name} holds {} and has {} ms left to apply",
                if report.received.0.is_some() { report.received.to_string() } else { "as much as anybody".to_owned() },
                report.behind().0
            ),
        },
    )
}
