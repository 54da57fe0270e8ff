//! What every node says to a Pod, and what those that would do are worth.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnosis::Cause;
use crate::pod::Pod;
use crate::refusal::{Obstacle, Refusal};
use crate::scheduler::{Candidate, Scheduler, refusals};
use crate::score::{self, Scorer};

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No, and why.
    Refused(Refusal),
    /// Yes, and what it is worth.
    Passed {
        /// The scores from 0 to 100, before they are weighed.
        scores: Vec<(Scorer, i64)>,
        /// Their sum, each by its weight.
        total: i64,
    },
}

/// What all nodes say, the best first, then those that refuse by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The node and what it says.
    pub nodes: Vec<(Arc<str>, Verdict)>,
}

impl Scheduler {
    /// Asks every node, unlike [`Self::schedule`], which stops when enough will do. A Pod that is placed already is
    /// looked at as if it were not.
    pub fn explain(&mut self, pod: &Arc<Pod>) -> Result<Explanation, Obstacle> {
        let claims = match self.claims(pod) {
            Ok(claims) => claims,
            Err(Cause::Obstacle(obstacle)) => return Err(obstacle),
            Err(Cause::NoNodes | Cause::Refusals(_)) => return Ok(Explanation { nodes: Vec::new() }),
        };
        let (cluster, plans) = self.parts();
        let taken = cluster.take_out(&pod.uid);
        cluster.settle();
        let plan = plans.of(&pod.shape, cluster);
        let candidate = Candidate { pod, plan, claims: &claims };
        let refused = refusals(cluster, &candidate);
        let names: HashSet<&Arc<str>> = refused.iter().map(|(name, _)| name).collect();
        let passed: Vec<usize> = cluster
            .order()
            .iter()
            .copied()
            .filter(|index| !names.contains(&cluster.slot(*index).node.name))
            .collect();
        let columns = score::columns(cluster, plan, pod, &passed);
        let totals = score::totals(cluster, plan, pod, &passed);
        let mut nodes: Vec<(Arc<str>, Verdict)> = Vec::with_capacity(cluster.nodes());
        for (row, (index, total)) in passed.iter().zip(totals).enumerate() {
            let scores =
                Scorer::ALL.into_iter().zip(&columns).map(|(scorer, column)| (scorer, column.at(row)));
            let verdict = Verdict::Passed { scores: scores.collect(), total };
            nodes.push((Arc::clone(&cluster.slot(*index).node.name), verdict));
        }
        nodes.extend(refused.into_iter().map(|(name, refusal)| (name, Verdict::Refused(refusal))));
        nodes.sort_by(|(a, one), (b, other)| (one.rank(), a).cmp(&(other.rank(), b)));
        if let Some(taken) = taken {
            cluster.put_back(taken);
        }
        Ok(Explanation { nodes })
    }
}

impl Verdict {
    fn rank(&self) -> (bool, i64) {
        match self {
            Self::Passed { total, .. } => (false, -total),
            Self::Refused(_) => (true, 0),
        }
    }
}
