//! PodDisruptionBudgets.

pub(super) mod blocking;
pub(super) mod empty;
pub(super) mod missing;
pub(super) mod overlapping;

use crate::facts::Facts;
use crate::facts::kube::cluster::{Budget, CountOrShare};
use crate::facts::kube::labels::Selector;
use crate::subject::Subject;

fn subject(budget: &Budget) -> Subject {
    budget.meta.subject("PodDisruptionBudget")
}

/// Returns the budgets that select something, with what they select. One that cannot be understood has no selector here.
fn selecting(facts: &Facts) -> impl Iterator<Item = (&Budget, Option<Selector>)> {
    let there = facts.kube.budgets.iter().filter(|budget| !budget.meta.is_going());
    there.filter_map(|budget| Some((budget, budget.spec.selector.as_ref()?.compile())))
}

impl CountOrShare {
    /// Returns how many that is of so many, rounded up as the API does. None if it cannot be understood.
    fn of(&self, all: i64) -> Option<i64> {
        match self {
            Self::Count(count) => Some(*count),
            Self::Share(share) => {
                let percent: i64 = share.strip_suffix('%')?.parse().ok()?;
                Some(percent.checked_mul(all)?.checked_add(99)?.div_euclid(100))
            }
        }
    }

    /// Shows it as it was written.
    fn shown(&self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Share(share) => share.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
